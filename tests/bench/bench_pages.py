#!/usr/bin/env python3
"""A snapshot of 100,000 pages: parsed, listed through the mount, and what a page costs the daemon. Prints rows for table.py.

    tests/bench/bench_pages.py [BUILD_DIR] [--pages N]

Needs root.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from restoring import Mounted, timed
from row import print_row

ROUNDS = 5


def resident_bytes(daemon):
    for line in pathlib.Path(f"/proc/{daemon}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise RuntimeError(f"process {daemon} is gone")


def quiet(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--pages", type=int, default=100_000)
    given = parser.parse_args()
    build = pathlib.Path(given.build).resolve()
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-pages-"))
    store, mnt = work / "store", work / "mnt"
    try:
        # Its rows go straight to standard output.
        subprocess.run([build / "tests" / "bench" / "bench_manifest", store, str(given.pages)], check=True)
        first, later, long, memory = [], [], [], []
        for _ in range(ROUNDS):
            with Mounted(build / "fuse" / "mount.pfcache", store, mnt, "passthrough=auto") as mounted:
                before = resident_bytes(mounted.daemon.pid)
                (snapshot,) = os.listdir(mnt / "snap")
                pages = mnt / "snap" / snapshot / "pages"
                first.append(timed(quiet, "ls", pages))
                later.append(timed(quiet, "ls", pages))
                long.append(timed(quiet, "ls", "-l", pages))
                memory.append((resident_bytes(mounted.daemon.pid) - before) / given.pages)
        median = statistics.median
        print_row("  ls pages, the first, s", f"{median(first):.2f}", "", "", median(first), at_most=0.5)
        print_row("  ls pages, again, s", f"{median(later):.2f}", "", "", median(later), at_most=0.5)
        print_row("  ls -l pages, s", f"{median(long):.2f}", "", "", median(long))
        print_row("  daemon memory a page, bytes", f"{median(memory):.0f}", "", "", median(memory), at_most=200)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
