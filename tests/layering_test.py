#!/usr/bin/env python3
"""The rooms and the arrows between them, checked against every #include. Exits 1 and names each arrow that points up."""

import pathlib
import re
import sys

REPO = pathlib.Path(__file__).resolve().parents[1]

# Bottom up: a room may use itself and what its row names, directly or through those.
USES = {
    "base": [],
    "config": ["base"],
    "hash": ["base"],
    "cas": ["hash"],
    "snapshot": ["cas", "config"],
    "engine": ["snapshot"],
    "warm": ["hash", "config"],
    "prompt": ["cas"],
    "upkeep": ["engine", "prompt", "warm"],
}
# The room whose sources stand behind each public header.
PUBLIC = {
    "duration": "base", "error": "base", "json_writer": "base", "mount_metrics": "base", "mount_status": "base",
    "mount_table": "base", "near_word": "base", "progress": "base", "size": "base", "unique_fd": "base", "version": "base",
    "config": "config",
    "digest": "hash", "sha256": "hash",
    "blob_store": "cas", "fs_blob_store": "cas", "mem_blob_store": "cas",
    "capture": "snapshot", "catalog": "snapshot", "inspect": "snapshot", "manifest": "snapshot",
    "page_files": "snapshot", "pager": "snapshot", "restore": "snapshot", "staging": "snapshot", "store": "snapshot",
    "synthetic_pager": "snapshot",
    "engine_file": "engine",
    "check": "upkeep", "gc": "upkeep", "repack": "upkeep", "staging_entries": "upkeep",
    "fingerprint": "warm", "fit_session": "warm", "warm_start_store": "warm",
    "disk_kv_cache": "prompt", "prompt_file": "prompt",
}
# A library of others is known in one room.
THIRD_PARTY = {
    r"simdjson\.h": "base",
    r"sodium\.h": "hash", r"sha1\.h": "hash",
    r"zstd\.h|zstd_errors\.h": "cas",
    r"toml\+\+/.*": "config",
    r"CLI/.*": "cli",
    r"fuse.*\.h|linux/fuse\.h": "fuse",
}
TOOLS = ("cli", "fuse")  # see public headers only
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


def reachable(room):
    rooms = {room}
    for used in USES[room]:
        rooms |= reachable(used)
    return rooms


def sources(directory):
    return sorted(p for p in (REPO / directory).rglob("*") if p.suffix in (".cpp", ".hpp"))


def check_file(path, room):
    return check_text(path.read_text(), path.relative_to(REPO), room)


def check_text(text, path, room):
    """Yields what is wrong with the includes of one file of a room."""
    allowed = set() if room in TOOLS else reachable(room)
    for bracket, name in INCLUDE.findall(text):
        where = f"{path}: #include {name}"
        for pattern, owner in THIRD_PARTY.items():
            if re.fullmatch(pattern, name) and room != owner:
                yield f"{where}: belongs to {owner} alone"
        if bracket == "<":
            continue
        first, _, rest = name.partition("/")
        if first == "pfcache":
            header = rest.removesuffix(".hpp")
            if header not in PUBLIC:
                yield f"{where}: not in the list of public headers"
            elif room not in TOOLS and PUBLIC[header] not in allowed:
                yield f"{where}: {room} may not use {PUBLIC[header]}"
        elif room in TOOLS:
            if first != room:
                yield f"{where}: {room} uses public headers and its own only"
        elif first not in USES:
            yield f"{where}: not a room"
        elif first not in allowed:
            yield f"{where}: {room} may not use {first}"


def check_the_check():
    """An arrow of each wrong kind must be seen, or the test means nothing."""
    wrong = {
        "base": '#include "hash/sha1.hpp"', "hash": '#include "pfcache/store.hpp"', "cas": "#include <sodium.h>",
        "snapshot": "#include <zstd.h>", "engine": '#include "cli/command.hpp"', "config": '#include "hash/sha1.hpp"',
        "cli": '#include "base/hex.hpp"',
        "fuse": '#include "snapshot/x.hpp"',
    }
    for room, text in wrong.items():
        assert list(check_text(text, "made-up", room)), f"{text} in {room} goes unseen"


def main():
    check_the_check()
    problems = []
    files = 0
    for room in USES:
        for path in sources(f"src/{room}"):
            files += 1
            problems += check_file(path, room)
    for path in sources("src/cli"):
        files += 1
        problems += check_file(path, "cli")
    for path in sources("fuse"):
        files += 1
        problems += check_file(path, "fuse")
    for path in sources("include/pfcache"):
        files += 1
        if path.stem not in PUBLIC:
            problems.append(f"{path.relative_to(REPO)}: not in the list of public headers")
        else:
            problems += check_file(path, PUBLIC[path.stem])
    rooms = {p.name for p in (REPO / "src").iterdir() if p.is_dir()} - set(USES) - {"cli"}
    problems += [f"src/{room}: a room without a place in the layers" for room in sorted(rooms)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{files} files, {len(problems)} arrows that point the wrong way")
    return 1 if problems or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
