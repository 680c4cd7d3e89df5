#!/usr/bin/env python3
"""Restores through the mount, for each place where hot pages can be, beside the same bytes as plain ext4 files.

    tests/bench/bench_mount.py [BUILD_DIR] [--pages N] [--rounds N] [--dir DIR]

Needs root. DIR is on the disk that is measured. Rounds go over all places in turn, and the table has medians.
"""

import argparse
import concurrent.futures
import ctypes
import mmap
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

GEOMETRY = "--page-tokens 16 --layers 32 --heads 16 --head-dim 128 --dtype bf16 --content kv-like".split()
PAGE_BYTES = 4 << 20
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
BUFFER = ctypes.create_string_buffer(PAGE_BYTES)


def touch(path, copy):
    """open, mmap, close; copies the page as an engine would; munmap."""
    fd = os.open(path, os.O_RDONLY)
    address = LIBC.mmap(None, PAGE_BYTES, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    os.close(fd)
    if copy:
        LIBC.memcpy(BUFFER, address, PAGE_BYTES)
    LIBC.munmap(address, PAGE_BYTES)


def restore(directory):
    for name in sorted(os.listdir(directory)):
        touch(os.path.join(directory, name), True)


def timed(work, *args):
    start = time.monotonic()
    work(*args)
    return time.monotonic() - start


def drop_caches():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def open_us(directory):
    path = os.path.join(directory, "0000")
    touch(path, True)
    return 1e6 * statistics.median(timed(touch, path, False) for _ in range(2000))


class Mounted:
    def __init__(self, program, store, at, options):
        at.mkdir(exist_ok=True)
        subprocess.run([program, store, at, "-o", options], check=True)
        self.at = at

    def __enter__(self):
        return self.at

    def __exit__(self, *failure):
        while subprocess.run(["umount", self.at]).returncode != 0:
            time.sleep(0.1)
        time.sleep(0.2)  # the daemon gives its memory back


def measure(program, store, digest, work, options, hot):
    """Seconds of a cold restore, a second one, a remount's, 12 processes' cold one; warm MiB/s; µs of an open."""
    pages = work / "mnt" / "snap" / digest / "pages"
    result = {}

    def clean():
        if hot is not None:
            for file in hot.iterdir():
                file.unlink()
        drop_caches()

    clean()
    with Mounted(program, store, work / "mnt", options):
        result["cold"] = timed(restore, pages)
        result["second"] = timed(restore, pages)
        result["third"] = timed(restore, pages)
        result["open"] = open_us(pages)
    drop_caches()
    with Mounted(program, store, work / "mnt", options):
        result["remount"] = timed(restore, pages)
    clean()
    with Mounted(program, store, work / "mnt", options), concurrent.futures.ProcessPoolExecutor(12) as pool:
        result["twelve"] = timed(lambda: list(pool.map(restore, [pages] * 12)))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--pages", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default="/var/tmp")
    given = parser.parse_args()
    build = pathlib.Path(given.build).resolve()
    cli, program = build / "src" / "cli" / "pfcache", build / "fuse" / "mount.pfcache"
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-mount-", dir=given.dir))
    ram = work / "ram"
    try:
        store = work / "store"
        subprocess.run([cli, "--quiet", "--store", store, "init"], check=True)
        capture = [cli, "--quiet", "--store", store, "capture", f"synthetic:{given.pages}:1", *GEOMETRY]
        digest = subprocess.run(capture, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run([cli, "--quiet", "--store", store, "restore", digest, work / "plain"], check=True)
        for name in ("ram", "disk"):
            (work / name).mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16G", "none", ram], check=True)
        places = {
            "memory": ("hot_size=8G", None),
            "tmpfs directory": (f"hot={ram},hot_size=8G", ram),
            "ext4 directory": (f"hot={work / 'disk'},hot_size=8G", work / "disk"),
            "none": ("hot=none", None),
        }
        results = {place: [] for place in [*places, "plain ext4"]}
        for round_number in range(given.rounds):
            for place, (options, hot) in places.items():
                results[place].append(measure(program, store, digest, work, options, hot))
            plain = work / "plain" / "pages"
            drop_caches()
            cold = timed(restore, plain)
            seconds = [timed(restore, plain) for _ in range(2)]
            drop_caches()
            with concurrent.futures.ProcessPoolExecutor(12) as pool:
                twelve = timed(lambda: list(pool.map(restore, [plain] * 12)))
            results["plain ext4"].append({"cold": cold, "second": seconds[0], "third": seconds[1], "open": open_us(plain),
                                          "remount": float("nan"), "twelve": twelve})
            print(f"round {round_number + 1} of {given.rounds} done", file=sys.stderr)
        report(results, given.pages * PAGE_BYTES / 1e9)
    finally:
        subprocess.run(["umount", ram], stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


def report(results, gigabytes):
    median = {place: {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
              for place, rounds in results.items()}
    print(f"{gigabytes:.2f} GB in pages of 4 MiB, KV-like bf16; GB/s, medians; load {os.getloadavg()[0]:.1f}")
    print(f"{'hot pages in':<16} {'cold':>6} {'second':>7} {'third':>7} {'×plain':>7} {'remount':>8} {'12 cold':>8} {'open µs':>8}")
    for place, row in median.items():
        rate = {key: gigabytes / seconds for key, seconds in row.items()}
        ratio = median["plain ext4"]["third"] / row["third"]
        print(f"{place:<16} {rate['cold']:>6.2f} {rate['second']:>7.2f} {rate['third']:>7.2f} {ratio:>7.2f} "
              f"{rate['remount']:>8.2f} {12 * rate['twelve']:>8.2f} {row['open']:>8.1f}")


if __name__ == "__main__":
    main()
