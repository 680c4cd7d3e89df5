#!/bin/sh
# Measures every number that pfcache promises, both sides in one run on the same bytes, and prints one table.
#
#   tests/bench/run.sh [--markdown] [BUILD_DIR]      default: build, which is built as needed
#
# $PFCACHE_BENCH_DIR   where files are made: a directory on the disk that is measured (default: /var/tmp)
# The whole takes about ten minutes and 12 GB of that disk. What concerns the mount needs root and /dev/fuse.
set -eu
repo=$(cd "$(dirname "$0")/../.." && pwd)
bench=$repo/tests/bench
markdown=
if [ "${1:-}" = --markdown ]; then markdown=$1 && shift; fi
build=${1:-$repo/build}
disk=${PFCACHE_BENCH_DIR:-/var/tmp}
"$repo/packaging/install-deps.sh" test
[ -f "$build/build.ninja" ] || meson setup "$build" "$repo" >&2
ninja -C "$build" >&2
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

measure() {
  echo "bench: $(basename "$1")" >&2
  "$@" >>"$rows"
}

export TMPDIR="$disk"
measure "$build/tests/bench/bench_kernels"
measure "$build/tests/bench/bench_capture"
measure "$build/tests/bench/bench_sessions"
measure "$build/tests/bench/bench_warm"
measure "$build/tests/bench/bench_prompt"
if [ "$(id -u)" -eq 0 ] && [ -e /dev/fuse ]; then
  measure "$bench/bench_restore.py" "$build" --dir "$disk"
  measure "$bench/bench_pages.py" "$build"
  measure "$bench/bench_prompt_read.py" "$build" --dir "$disk"
  PFCACHE_BUILD=$build measure "$bench/bench_write.py" "$disk"
else
  echo "bench: the mount is NOT measured: that takes root and /dev/fuse" >&2
fi

printf '%s, %s CPUs, Linux %s, load %s\n\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
  "$(uname -r)" "$(cut -d ' ' -f 1 /proc/loadavg)"
"$bench/table.py" $markdown <"$rows"
