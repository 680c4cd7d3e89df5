#!/bin/sh
# Installs what is needed, builds, and runs every test. At the end what failed is named again; the last line is
# "N passed, N failed, N skipped".
#
#   tests/run.sh            all tests, in build/
#   tests/run.sh unit       without the end-to-end tests
#
# $PFCACHE_BUILD      the build directory (default: build)
# $PFCACHE_SETUP      more options for `meson setup`, e.g. -Db_sanitize=address,undefined
# $PFCACHE_FUZZ       rounds of each fuzz target (default: 20000)
set -u
cd "$(dirname "$0")/.." || exit 1
build=${PFCACHE_BUILD:-build}
what=${1:-all}

packaging/install-deps.sh test || exit 1
if [ ! -f "$build/build.ninja" ]; then
  # shellcheck disable=SC2086  # a list of options
  meson setup "$build" ${PFCACHE_SETUP:-} || exit 1
fi
ninja -C "$build" || exit 1

passed=0 failed=0 skipped=0
log=$(mktemp)
failures=$(mktemp)
trap 'rm -f "$log" "$failures"' EXIT

# Counts a failure that nobody else counts, and notes it for the end.
fail() {
  failed=$((failed + 1))
  echo "FAILED $1" >>"$failures"
}

# Adds the counts of a doctest program ("test cases: 12 | 11 passed | 1 failed | 0 skipped").
count_doctest() {
  program_name=$1
  # Doctest names a case above the first of its errors.
  awk -v program="$program_name" '/^TEST CASE:/ { name = substr($0, 14); told = 0 }
    / (ERROR|FATAL ERROR): / && !told { print "FAILED " program ": " name; told = 1 }' "$log" >>"$failures"
  grep -E 'runtime error:|(ERROR|WARNING): [A-Z][A-Za-z]*Sanitizer' "$log" | sed "s/^/FAILED $program_name: /" >>"$failures"
  line=$(sed -n 's/^\[doctest\] test cases: *//p' "$log")
  # 0 cases, failed: it crashed before it could count
  # shellcheck disable=SC2046  # a list of numbers
  set -- $(echo "${line:-0 0 0 0}" | tr -c '0-9\n' ' ')
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  # A program that counts no failure and still ends badly has failed, under a sanitizer for example.
  if [ "$3" -eq 0 ] && { [ "$status" -ne 0 ] || [ -z "$line" ]; }; then
    fail "$program_name: it ended with status $status"
  fi
}

for program in "$build"/tests/*/*_test; do
  echo "== $(basename "$program")"
  "$program" --no-colors >"$log" 2>&1
  status=$?
  cat "$log"
  count_doctest "$(basename "$program")"
done

for target in "$build"/tests/fuzz/fuzz_*; do
  [ -x "$target" ] && [ -f "$target" ] || continue
  name=$(basename "$target")
  echo "== $name"
  if "$target" "tests/fuzz/seeds/${name#fuzz_}" "${PFCACHE_FUZZ:-20000}"; then
    passed=$((passed + 1))
  else
    fail "$name"
  fi
done

echo "== layering"
if python3 tests/layering_test.py; then
  passed=$((passed + 1))
else
  fail layering
fi

if [ "$what" = all ]; then
  echo "== end to end"
  PFCACHE_BUILD="$build" /usr/bin/python3 -m pytest -q -rsfE -p no:cacheprovider tests/e2e >"$log" 2>&1
  status=$?
  cat "$log"
  grep -E '^(FAILED|ERROR) ' "$log" >>"$failures"
  # "3 failed, 40 passed, 1 skipped, 1 error in 12.3s", which warnings of pytest itself may follow
  summary=$(grep -E '^[0-9]+ [a-z]+.* in [0-9.]+s' "$log" | tail -n 1)
  count() { echo "$summary" | sed -n 's/.*\b\([0-9]\+\) '"$1"'.*/\1/p'; }
  e2e_passed=$(count passed) e2e_failed=$(count failed) e2e_errors=$(count error) e2e_skipped=$(count skipped)
  passed=$((passed + ${e2e_passed:-0})) skipped=$((skipped + ${e2e_skipped:-0}))
  failed=$((failed + ${e2e_failed:-0} + ${e2e_errors:-0}))
  # Nothing counted is no success either.
  if [ "$status" -ne 0 ] || [ -z "$summary" ]; then
    [ "$((${e2e_failed:-0} + ${e2e_errors:-0}))" -gt 0 ] || fail "end to end: pytest ended with status $status"
  fi
fi

sort -u "$failures"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
