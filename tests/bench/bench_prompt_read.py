#!/usr/bin/env python3
"""A prompt read from end to end below /prompt of a mount, and its file directly, in turn. Prints rows for table.py.

    tests/bench/bench_prompt_read.py [BUILD_DIR] [--dir DIRECTORY] [--mib N] [--rounds N]

The first read hashes the payload, later ones are of a file that nobody has touched since. Needs root.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from restoring import Mounted, timed
from row import print_row

BAR = 0.7
SETTLED_S = 0.1  # by then the mount takes the time of the file's last change for what it is


def read(path, buffer):
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def put(build, store, work, text, *options):
    (work / "text").write_text(text)
    command = [build / "src" / "cli" / "pfcache", "--store", store, "--quiet", "prompt", "put", "--text", work / "text"]
    return subprocess.check_output([*command, *options, work / "payload"], text=True).strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--dir", default=None)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    build = pathlib.Path(given.build).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-prompt-read-", dir=given.dir))
    store, mnt = work / "store", work / "mnt"
    size, buffer = given.mib << 20, bytearray(1 << 20)

    def rate(path):
        return size / 1e9 / timed(read, path, buffer)

    try:
        subprocess.run([build / "src" / "cli" / "pfcache", "--store", store, "--quiet", "init"], check=True)
        (work / "payload").write_bytes(os.urandom(size))
        whole, chunked = (put(build, store, work, form, "--dedup", form) for form in ("off", "on"))
        time.sleep(SETTLED_S)
        with Mounted(build / "fuse" / "mount.pfcache", store, mnt, "passthrough=auto"):
            name = f"{whole}.kv"
            first, plain_first = rate(mnt / "prompt" / name), rate(store / "prompt" / name)
            pairs = [(rate(mnt / "prompt" / name), rate(store / "prompt" / name)) for _ in range(given.rounds)]
            chunks_first, chunks = (rate(mnt / "prompt" / f"{chunked}.kv") for _ in range(2))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    ours, plain = map(statistics.median, zip(*pairs))
    what = f"prompt: {given.mib} MiB read through the mount"
    for row, a, b, bar in ((f"{what}, the first time", first, plain_first, {}), (f"{what}, again", ours, plain, {"at_least": BAR}),
                           (f"{what}, chunks, the first time", chunks_first, plain, {}),
                           (f"{what}, chunks, again", chunks, plain, {})):
        print_row(row, f"{a:.2f} GB/s", f"{b:.2f} GB/s", "the file", a / b, **bar)


if __name__ == "__main__":
    main()
