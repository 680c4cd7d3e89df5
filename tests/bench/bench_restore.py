#!/usr/bin/env python3
"""Restores through the mount, beside the same pages as plain ext4 files, in a squashfs image (zstd) read by the kernel
and by squashfuse, and beside pf-core's way of reading its store. Prints rows for table.py.

    tests/bench/bench_restore.py [BUILD_DIR] [--gib N] [--beside-gib N] [--rounds N] [--dir DIR]

Needs root. DIR is on the disk that is measured. A restore opens, maps, copies and unmaps each page, as an engine does.
Everything takes its turn in each round; medians.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from restoring import Mounted, drop_caches, geometry, open_us, restore, timed
from row import print_row

PAGE_BYTES = 4 << 20
PAGES_A_GIB = (1 << 30) // PAGE_BYTES
PF_CORE_PAGES = 16
SQUASHFS = ["-comp", "zstd", "-Xcompression-level", "3", "-b", "1M", "-noappend", "-quiet", "-no-progress"]


class Bench:
    def __init__(self, given, work):
        self.given = given
        self.work = work
        self.build = pathlib.Path(given.build).resolve()
        self.cli = self.build / "src" / "cli" / "pfcache"
        self.seconds = {}

    def capture(self, store, pages, *profile):
        cli = [self.cli, "--quiet", "--store", store]
        subprocess.run([*cli, "init", *profile], check=True)
        source = [f"synthetic:{pages}:1", *geometry(PAGE_BYTES >> 10)]
        done = subprocess.run([*cli, "capture", *source], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def prepare(self):
        self.store = self.work / "store"
        self.digest = self.capture(self.store, self.given.gib * PAGES_A_GIB)
        self.beside = self.capture(self.store, self.given.beside_gib * PAGES_A_GIB)
        self.pf_core = self.work / "pf-core"
        self.capture(self.pf_core, PF_CORE_PAGES, "--profile", "pf-core")
        self.plain = self.work / "plain"
        subprocess.run([self.cli, "--quiet", "--store", self.store, "restore", self.beside, self.plain], check=True)
        self.image = self.work / "pages.squashfs"
        subprocess.run(["mksquashfs", self.plain / "pages", self.image, *SQUASHFS], check=True)

    def note(self, what, seconds):
        self.seconds.setdefault(what, []).append(seconds)

    def median(self, what):
        return statistics.median(self.seconds[what])

    def round(self):
        mnt = self.work / "mnt"
        mount = [self.build / "fuse" / "mount.pfcache", self.store, mnt, "hot_size=8G"]
        drop_caches()
        with Mounted(*mount):
            self.note("cold, large", timed(restore, mnt / "snap" / self.digest / "pages"))
        for way in ("portable", "sha"):
            drop_caches()
            self.note(f"pf-core, {way}", self.pf_core_seconds_a_byte(way))
        drop_caches()
        with Mounted(*mount):
            self.three_restores("pfcache", mnt / "snap" / self.beside / "pages")
            self.note("open", open_us(mnt / "snap" / self.beside / "pages"))
        drop_caches()
        self.three_restores("ext4", self.plain / "pages")
        drop_caches()
        with Squashfs(["mount", "-t", "squashfs", "-o", "loop,ro", self.image, mnt], mnt):
            self.three_restores("squashfs", mnt)
        drop_caches()
        with Squashfs(["squashfuse", self.image, mnt], mnt):
            self.three_restores("squashfuse", mnt)

    def three_restores(self, name, pages):
        """The first is cold, and after the second nothing is new to the kernel any more."""
        self.note(f"{name}, cold", timed(restore, pages))
        self.note(f"{name}, second", timed(restore, pages))
        for _ in range(3):
            self.note(f"{name}, warm", timed(restore, pages))

    def pf_core_seconds_a_byte(self, way):
        program = self.build / "tests" / "bench" / "bench_pf_core_restore"
        done = subprocess.run([program, self.pf_core, way], check=True, capture_output=True, text=True)
        plain_bytes, seconds = done.stdout.split()
        return float(seconds) / int(plain_bytes)

    def report(self):
        beside = self.given.beside_gib * 2**30
        rate = {what: beside / self.median(what) / 1e9 for what in self.seconds if "," in what and "pf-core" not in what}
        print_row("restore through the mount, warm", f"{rate['pfcache, warm']:.2f} GB/s", f"{rate['ext4, warm']:.2f} GB/s",
                  "plain ext4 files", rate["pfcache, warm"] / rate["ext4, warm"], at_least=0.95)
        cold = self.given.gib * 2**30 / self.median("cold, large") / 1e9
        for way, side in (("portable", "pf-core's way, libsodium"), ("sha", "pf-core's way, SHA instructions")):
            theirs = 1e-9 / self.median(f"pf-core, {way}")
            print_row(f"  cold, decoded and verified, {self.given.gib} GiB", f"{cold:.2f} GB/s", f"{theirs:.2f} GB/s", side,
                      cold / theirs, at_least=10)
        print_row("  open + mmap + close of a hot page, µs", f"{self.median('open'):.1f}", "", "", self.median("open"),
                  at_most=40)
        for when in ("cold", "second", "warm"):
            for side, name in (("ext4", "plain ext4 files"), ("squashfs", "squashfs in the kernel"), ("squashfuse", "squashfuse")):
                if (when, side) != ("warm", "ext4"):
                    ours, theirs = rate[f"pfcache, {when}"], rate[f"{side}, {when}"]
                    print_row(f"  {self.given.beside_gib} GiB, {when}", f"{ours:.2f} GB/s", f"{theirs:.2f} GB/s", name,
                              ours / theirs)
        stored = sum(f.stat().st_size for f in self.plain.joinpath("pages").iterdir())
        print_row("  bytes on disk a byte of pages", f"{self.stored_share():.4f}",
                  f"{self.image.stat().st_size / stored:.4f}", "squashfs, zstd level 3",
                  self.stored_share() * stored / self.image.stat().st_size)

    def stored_share(self):
        done = subprocess.run([self.cli, "--store", self.store, "--json", "stats"], check=True, capture_output=True)
        stats = json.loads(done.stdout)
        return stats["stored_bytes"] / stats["unique_bytes"]


class Squashfs:
    def __init__(self, command, at):
        at.mkdir(exist_ok=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.at = at

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        while subprocess.run(["umount", self.at]).returncode != 0:
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--gib", type=int, default=4, help="of the cold restore")
    parser.add_argument("--beside-gib", type=int, default=2, help="of the restores beside other filesystems")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default="/var/tmp")
    given = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-restore-", dir=given.dir))
    try:
        bench = Bench(given, work)
        bench.prepare()
        for number in range(given.rounds):
            bench.round()
            print(f"bench_restore: round {number + 1} of {given.rounds} done", file=sys.stderr)
        bench.report()
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
