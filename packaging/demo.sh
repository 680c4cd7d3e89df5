#!/bin/sh
# The main job on real engine files, from nothing: install, build, capture three saves of one llama.cpp conversation, mount
# them, look, read a page by mmap, put a session together again from the mounted pages. Leaves only build/ behind.
#
# From where a package put it, next to the saves, it works with the installed pfcache and needs python3 and zstd.
# The mount needs root (or fusermount3) and /dev/fuse.
set -eu
cd "$(dirname "$0")"
scripts=$PWD
if [ -f ../meson.build ]; then installed=false data=$PWD/../tests/data; else installed=true data=$PWD; fi

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$ %s\n' "$*"; "$@"; }

work=$(mktemp -d)
mountpoint=$work/mnt
clean_up() {
  if mountpoint -q "$mountpoint" 2>/dev/null; then umount "$mountpoint" || fusermount3 -u "$mountpoint"; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

build_tools() {
  cd ..
  build=${PFCACHE_BUILD:-build}
  packaging/install-deps.sh demo
  [ -f "$build/build.ninja" ] || meson setup "$build" >"$work/setup.log" || { cat "$work/setup.log"; exit 1; }
  ninja -C "$build" src/cli/pfcache fuse/mount.pfcache >"$work/build.log" || { cat "$work/build.log"; exit 1; }
  tail -n 1 "$work/build.log"
  PATH="$(cd "$build" && pwd)/src/cli:$(cd "$build" && pwd)/fuse:$PATH"
}

if $installed; then
  say "What is installed"
  run pfcache --version
else
  say "Install what is needed, build"
  build_tools
fi

cd "$data"
export PFCACHE_STORE="$work/store"
mkdir "$mountpoint"

say "A store, and three saves of one growing conversation"
run pfcache init
for tokens in 399 799 1199; do
  run pfcache capture "llama-session-$tokens.bin" --name "chat-$tokens"
done
run pfcache list
run pfcache stats
run pfcache diff chat-399 chat-1199

say "Mounted: an engine reads it, people look at it"
run mount.pfcache "$PFCACHE_STORE" "$mountpoint"
run ls -l "$mountpoint/snap"
run ls "$mountpoint/snap/chat-1199/" "$mountpoint/snap/chat-1199/seqs"
run sh -c "ls -l '$mountpoint/snap/chat-1199/pages' | head -n 5"
run du -sh --apparent-size "$mountpoint/snap/chat-1199/pages"
run sh -c "sha256sum < '$mountpoint/snap/chat-1199/manifest.json'"

say "A page by mmap, compared with the rows in the engine's own file"
run python3 "$scripts/demo_mmap.py" "$mountpoint/snap/chat-1199" llama-session-1199.bin

say "The session put together again from the mounted pages, byte for byte"
record=$PFCACHE_STORE/files/chat-1199.json
surroundings=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["surroundings"])' "$record")
surroundings=${surroundings#sha256:}
blob=$PFCACHE_STORE/blobs/sha256/$(echo "$surroundings" | cut -c 1-2)/$surroundings
if [ -f "$blob.zst" ]; then zstd -q -d -c "$blob.zst"; else cat "$blob.raw"; fi >"$work/surroundings"
run python3 "$scripts/demo_assemble.py" "$mountpoint/snap/chat-1199" "$work/surroundings" "$work/assembled.bin"
run cmp "$work/assembled.bin" llama-session-1199.bin

say "The same by the tool, for all three"
for tokens in 399 799 1199; do
  run pfcache restore "chat-$tokens" "$work/restored-$tokens.bin"
  run cmp "$work/restored-$tokens.bin" "llama-session-$tokens.bin"
done
run umount "$mountpoint"
run pfcache verify
echo
echo "demo: all good"
