#!/usr/bin/python3
"""Writes pages below /new of a mount and into a plain directory of the same disk, in turn; then commits snapshots of many
small pages. Prints rows for table.py.

    bench_write.py [DIRECTORY] [--pages N] [--page-bytes N] [--rounds N]

DIRECTORY (default: $TMPDIR or /tmp) is on the disk to be measured. The first row is what the writer waits for: open, write,
close of each page, while hashing and encoding are put off. The second has all that, and the disk: fsync of the snapshot
beside fsync of each plain file.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests" / "e2e"))
from row import print_row  # noqa: E402
from snapshots import draft, geometry_of, page  # noqa: E402

BUILD = pathlib.Path(os.environ.get("PFCACHE_BUILD", REPO / "build")).resolve()
PFCACHE, MOUNT = BUILD / "src" / "cli" / "pfcache", BUILD / "fuse" / "mount.pfcache"
BAR = 0.8
SMALL_PAGES = 1000
SMALL_PAGE_BYTES = 1024


def write_pages(directory, pages):
    """Seconds that the writer takes."""
    start = time.perf_counter()
    for ix, data in enumerate(pages):
        fd = os.open(directory / f"{ix:04}", os.O_CREAT | os.O_WRONLY, 0o644)
        assert os.write(fd, data) == len(data)
        os.close(fd)
    return time.perf_counter() - start


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def sync_files(directory):
    for name in os.listdir(directory):
        fd = os.open(directory / name, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    sync_directory(directory)


def timed(work, *arguments):
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


class Looker(threading.Thread):
    """Looks at /snap again and again, and remembers the longest time that took."""

    def __init__(self, snap):
        super().__init__()
        self.snap, self.longest, self.ended = snap, 0, False

    def run(self):
        while not self.ended:
            self.longest = max(self.longest, timed(os.listdir, self.snap))


def measure_commits(mnt, rounds):
    """Renames of snapshots of many small pages that were synced."""
    commits, looks = [], []
    for number in range(rounds):
        new = mnt / "new" / f"small{number}"
        new.mkdir()
        (new / "manifest.json").write_bytes(draft(geometry_of(SMALL_PAGE_BYTES)))
        (new / "pages").mkdir()
        write_pages(new / "pages", [page((number << 20) + ix, SMALL_PAGE_BYTES) for ix in range(SMALL_PAGES)])
        sync_directory(new)
        looker = Looker(mnt / "snap")
        looker.start()
        commits.append(1e3 * timed(os.rename, new, mnt / "snap" / new.name))
        looker.ended = True
        looker.join()
        looks.append(1e3 * looker.longest)
    for what, times in (("  commit by rename after fsync, 1,000 pages, ms", commits),
                        ("  longest listing of /snap meanwhile, ms", looks)):
        print_row(what, f"{statistics.median(times):.1f}", "", "", statistics.median(times), at_most=50)


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
            ratios, ours, plain, durable = [], [], [], []
            for number in range(wanted.rounds + 1):
                new, other = root / "mnt/new" / f"r{number}", root / f"plain{number}"
                new.mkdir()
                (new / "manifest.json").write_bytes(draft(geometry_of(wanted.page_bytes)))
                (new / "pages").mkdir()
                other.mkdir()
                times = {}
                turns = [("ours", new / "pages"), ("plain", other)]
                for name, directory in turns if number % 2 else reversed(turns):
                    os.sync()
                    times[name] = write_pages(directory, pages)
                    sync = timed(sync_directory, new) if name == "ours" else timed(sync_files, other)
                    times[name, "durable"] = times[name] + sync
                os.rename(new, root / "mnt/snap" / f"r{number}")
                shutil.rmtree(other)
                if number == 0:
                    continue  # the first warms up
                ours.append(megabytes / times["ours"])
                plain.append(megabytes / times["plain"])
                ratios.append(times["plain"] / times["ours"])
                durable.append((megabytes / times["ours", "durable"], megabytes / times["plain", "durable"]))
            print(f"rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}", file=sys.stderr)
            print_row("writing pages under /new, MB/s", f"{statistics.median(ours):.0f}",
                      f"{statistics.median(plain):.0f}", "plain ext4 files", statistics.median(ratios), at_least=BAR)
            synced, plain_synced = (statistics.median(side) for side in zip(*durable))
            print_row("  and hashed, encoded, synced, MB/s", f"{synced:.0f}", f"{plain_synced:.0f}",
                      "plain ext4 files, synced", synced / plain_synced)
            measure_commits(root / "mnt", wanted.rounds)
        finally:
            subprocess.run(["umount", root / "mnt"], check=True)


if __name__ == "__main__":
    main()
