#!/usr/bin/env python3
"""Restores through the mount, for each place where hot pages can be, beside the same bytes as plain ext4 files.

    tests/bench/bench_backings.py [BUILD_DIR…] [--pages N] [--page-kib N] [--rounds N] [--dir DIR]
                               [--backings memory,tmpfs,disk,none,plain] [--processes N]

Needs root. DIR is on the disk that is measured. Of several builds each is measured. Rounds go over all of it in turn, and
the table has medians, also when Ctrl-C ends it early; "cpu" is what the daemon's threads took for a cold GB, which other programs on the machine hardly change.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from restoring import Mounted, drop_caches, geometry, open_us, restore, restore_at_once, timed


def measure(program, store, digest, work, processes, options, hot):
    """Seconds of a cold restore, of two more, of one after a remount and of many at once when cold; µs of an open."""
    pages = work / "mnt" / "snap" / digest / "pages"
    result = {}

    def clean():
        if hot is not None:
            for file in hot.iterdir():
                file.unlink()
        drop_caches()

    clean()
    with Mounted(program, store, work / "mnt", options) as mounted:
        result["cold"] = timed(restore, pages)
        result["cpu"] = mounted.cpu_seconds()
        result["second"] = timed(restore, pages)
        result["third"] = timed(restore, pages)
        result["open"] = open_us(pages)
    drop_caches()
    with Mounted(program, store, work / "mnt", options):
        result["remount"] = timed(restore, pages)
    clean()
    with Mounted(program, store, work / "mnt", options):
        result["many"] = timed(restore_at_once, pages, processes)
    return result


def measure_plain(pages, processes):
    nan = float("nan")
    drop_caches()
    result = {name: timed(restore, pages) for name in ("cold", "second", "third")}
    drop_caches()
    result["many"] = timed(restore_at_once, pages, processes)
    return {**result, "open": open_us(pages), "remount": nan, "cpu": nan}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="*", default=["build"], metavar="BUILD_DIR")
    parser.add_argument("--pages", type=int, default=512)
    parser.add_argument("--page-kib", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--backings", default="memory,tmpfs,disk,none,plain")
    parser.add_argument("--processes", type=int, default=12)
    given = parser.parse_args()
    builds = [pathlib.Path(build).resolve() for build in given.builds]
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-mount-", dir=given.dir))
    ram, disk, store = work / "ram", work / "disk", work / "store"
    places = {
        "memory": ("hot_size=16G", None),
        "tmpfs": (f"hot={ram},hot_size=16G", ram),
        "disk": (f"hot={disk},hot_size=16G", disk),
        "none": ("hot=none", None),
    }
    backings = given.backings.split(",")
    if unknown := set(backings) - set(places) - {"plain"}:
        raise SystemExit(f"--backings: {', '.join(sorted(unknown))} is none of {', '.join(places)}, plain")
    try:
        command = [builds[0] / "src" / "cli" / "pfcache", "--quiet", "--store", store]
        subprocess.run([*command, "init"], check=True)
        capture = [*command, "capture", f"synthetic:{given.pages}:1", *geometry(given.page_kib)]
        digest = subprocess.run(capture, check=True, capture_output=True, text=True).stdout.strip()
        if "plain" in backings:
            subprocess.run([*command, "restore", digest, work / "plain"], check=True)
        ram.mkdir()
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16G", "none", ram], check=True)
        results = {}
        try:
            for round_number in range(given.rounds):
                run_round(builds, backings, places, store, digest, work, given.processes, results)
                print(f"round {round_number + 1} of {given.rounds} done", file=sys.stderr)
        except KeyboardInterrupt:
            pass
        report(results, given)
    finally:
        subprocess.run(["umount", ram], stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


def run_round(builds, backings, places, store, digest, work, processes, results):
    for backing in backings:
        if backing == "plain":
            results.setdefault(backing, []).append(measure_plain(work / "plain" / "pages", processes))
            continue
        for build in builds:
            name = backing if len(builds) == 1 else f"{backing} {build.name}"
            one = measure(build / "fuse" / "mount.pfcache", store, digest, work, processes, *places[backing])
            results.setdefault(name, []).append(one)


def report(results, given):
    gigabytes = given.pages * given.page_kib * 1024 / 1e9
    median = {place: {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
              for place, rounds in results.items()}
    print(f"{gigabytes:.2f} GB in pages of {given.page_kib} KiB, KV-like bf16; GB/s, medians of {max(map(len, results.values()), default=0)}; "
          f"load {os.getloadavg()[0]:.1f}")
    print(f"{'hot pages in':<16} {'cold':>6} {'cpu s/GB':>9} {'second':>7} {'third':>7} {'×plain':>7} {'remount':>8} "
          f"{f'{given.processes} cold':>8} {'open µs':>8}")
    for place, row in median.items():
        rate = {key: gigabytes / seconds for key, seconds in row.items() if key != "cpu"}
        ratio = median["plain"]["third"] / row["third"] if "plain" in median else float("nan")
        print(f"{place:<16} {rate['cold']:>6.2f} {row['cpu'] / gigabytes:>9.2f} {rate['second']:>7.2f} "
              f"{rate['third']:>7.2f} {ratio:>7.2f} {rate['remount']:>8.2f} {given.processes * rate['many']:>8.2f} "
              f"{row['open']:>8.1f}")


if __name__ == "__main__":
    main()
