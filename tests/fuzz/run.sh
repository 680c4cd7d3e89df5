#!/bin/sh
# Explores every fuzz target with libFuzzer, ASan and UBSan for a while, starting from its seeds. What crashes is left in
# build-fuzz/ and named.
#
#   tests/fuzz/run.sh [SECONDS_EACH [TARGET…]]      default: 60 seconds, all targets
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -eq 0 ] || shift

packaging/install-deps.sh test
if [ ! -f build-fuzz/build.ninja ]; then
  CC=clang CXX=clang++ meson setup build-fuzz -Dlibfuzzer=true -Dbuildtype=debugoptimized \
    -Db_sanitize=address,undefined -Db_lundef=false
fi
ninja -C build-fuzz

[ $# -gt 0 ] || set -- $(cd tests/fuzz/seeds && ls)
for name in "$@"; do
  echo "== $name"
  found=build-fuzz/found/$name
  mkdir -p "$found"
  "build-fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/crash-$name-" "$found" "tests/fuzz/seeds/$name" 2>&1 | tail -n 12
done
