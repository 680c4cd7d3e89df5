#!/bin/sh
# Runs the benchmarks of a build directory and prints their tables.
#
#   tests/bench/run.sh [BUILD_DIR]      default: build
set -eu
repo=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$repo/build}
ninja -C "$build" >/dev/null
printf '%s, %s CPUs, Linux %s\n\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)"
"$build/tests/bench/bench_capture"
if [ "$(id -u)" -eq 0 ] && [ -e /dev/fuse ]; then
  echo
  "$repo/tests/bench/bench_mount.py" "$build"
else
  echo "the mount is not measured: that takes root and /dev/fuse" >&2
fi
