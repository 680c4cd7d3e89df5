#!/usr/bin/env python3
"""Writes pages below /new of a mount and into a plain directory of the same disk, in turn. Prints a row for table.py.

    bench_write.py [DIRECTORY] [--pages N] [--page-bytes N] [--rounds N]

DIRECTORY (default: $TMPDIR or /tmp) is on the disk to be measured. What counts is what the writer waits for: open, write,
close of each page. Hashing and encoding go on in the background, and are waited for between the rounds.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests" / "e2e"))
from conftest import MOUNT, PFCACHE  # noqa: E402
from row import print_row  # noqa: E402
from snapshots import draft, geometry_of, page  # noqa: E402

BAR = 0.8


def write_pages(directory, pages):
    """Seconds that the writer takes."""
    start = time.perf_counter()
    for ix, data in enumerate(pages):
        fd = os.open(directory / f"{ix:04}", os.O_CREAT | os.O_WRONLY, 0o644)
        assert os.write(fd, data) == len(data)
        os.close(fd)
    return time.perf_counter() - start


def settle():
    os.sync()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", default=os.environ.get("TMPDIR", "/tmp"))
    parser.add_argument("--pages", type=int, default=128)
    parser.add_argument("--page-bytes", type=int, default=4 << 20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--options", default="passthrough=auto")
    wanted = parser.parse_args()
    pages = [page(ix, wanted.page_bytes) for ix in range(min(wanted.pages, 16))]
    pages = [pages[ix % len(pages)] for ix in range(wanted.pages)]
    # Every page another content, so that the background has its full share of work.
    pages = [ix.to_bytes(8, "little") + data[8:] for ix, data in enumerate(pages)]
    megabytes = sum(map(len, pages)) / 1e6
    with tempfile.TemporaryDirectory(dir=wanted.directory, prefix="pfcache-bench-") as made:
        root = pathlib.Path(made)
        subprocess.run([PFCACHE, "--store", root / "store", "init"], check=True, capture_output=True)
        (root / "mnt").mkdir()
        subprocess.run([MOUNT, root / "store", root / "mnt", "-o", wanted.options], check=True)
        try:
            ratios, ours, plain = [], [], []
            for number in range(wanted.rounds + 1):
                new, other = root / "mnt/new" / f"r{number}", root / f"plain{number}"
                new.mkdir()
                (new / "manifest.json").write_bytes(draft(geometry_of(wanted.page_bytes)))
                (new / "pages").mkdir()
                other.mkdir()
                times = {}
                turns = [("ours", new / "pages"), ("plain", other)]
                for name, directory in turns if number % 2 else reversed(turns):
                    settle()
                    times[name] = write_pages(directory, pages)
                    if name == "ours":
                        fd = os.open(new, os.O_RDONLY)
                        os.fsync(fd)
                        os.close(fd)
                os.rename(new, root / "mnt/snap" / f"r{number}")
                shutil.rmtree(other)
                if number == 0:
                    continue  # the first warms up
                ours.append(megabytes / times["ours"])
                plain.append(megabytes / times["plain"])
                ratios.append(times["plain"] / times["ours"])
            print(f"rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}", file=sys.stderr)
            print_row("writing pages under /new, MB/s", f"{statistics.median(ours):.0f}",
                      f"{statistics.median(plain):.0f}", "plain files", statistics.median(ratios), at_least=BAR)
        finally:
            subprocess.run(["umount", root / "mnt"], check=True)


if __name__ == "__main__":
    main()
