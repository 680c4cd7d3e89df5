#!/bin/sh
# Installs with apt what pfcache is built from, runs with and is tested with (Debian 12). Does nothing when all is there.
#
#   packaging/install-deps.sh [build|demo|package|test]   build: compile and run; demo: that, and the demo; package: compile,
#                                                         and make and check packages; test (default): all
set -eu

build="g++ meson ninja-build pkg-config libfuse3-dev fuse3 libzstd-dev libsodium-dev libfmt-dev libtomlplusplus-dev
       doctest-dev libcli11-dev libsimdjson-dev libmd-dev python3 scdoc"
demo="zstd"
packaging="dpkg-dev fakeroot debhelper lintian debootstrap rpm rpmlint"
test="squashfs-tools squashfuse fio clang libclang-rt-14-dev clang-format python3-pytest python3-numpy rsync jq attr psmisc strace man-db systemd systemd-container zsh fish"

case "${1:-test}" in
  build) wanted=$build ;;
  demo) wanted="$build $demo" ;;
  package) wanted="$build $packaging" ;;
  test) wanted="$build $demo $packaging $test" ;;
  *) echo "usage: $0 [build|demo|package|test]" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "$0: not root; missing packages:$missing" >&2
  exit 1
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
# shellcheck disable=SC2086  # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
