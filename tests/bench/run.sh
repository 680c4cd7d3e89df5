#!/bin/sh
# Runs the benchmarks of a build directory and prints their tables.
#
#   tests/bench/run.sh [BUILD_DIR]      default: build
set -eu
repo=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$repo/build}
ninja -C "$build" tests/bench/bench_capture >/dev/null
printf '%s, %s CPUs, Linux %s\n\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)"
"$build/tests/bench/bench_capture"
