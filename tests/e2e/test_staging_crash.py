"""A daemon killed at a random moment while snapshots are written, committed, copied in and named.

PFCACHE_KILL_ROUNDS sets how often (default 6), PFCACHE_KILL_SEED what happens.
"""

import os
import random
import shutil
import subprocess
import threading
import time

import pytest
from conftest import Store
from served import Served
from snapshots import digest_of, geometry_of, manifest_of, page, run, write_new, write_plain

ROUNDS = int(os.environ.get("PFCACHE_KILL_ROUNDS", 6))
SEED = int(os.environ.get("PFCACHE_KILL_SEED", 1))
GEOMETRY = geometry_of(64 << 10)


def contents(seed):
    return {ix: page(10 * seed + ix, 64 << 10) for ix in range(6)}


class Worker(threading.Thread):
    """Writes and commits snapshots below /new until the mount dies. Knows which commits returned."""

    def __init__(self, mounted, first):
        super().__init__()
        self.mounted, self.number = mounted, first
        self.committed = []  # (name, digest)
        self.under_way = None

    def run(self):
        try:
            while True:
                name, pages = f"s{self.number}", contents(self.number)
                self.under_way = (name, pages, {})
                root = self.mounted / "new" / name
                root.mkdir()
                (root / "manifest.json").write_bytes(b"")
                write_new_files(root, pages, self.under_way[2])
                os.rename(root, self.mounted / "snap" / name)
                self.committed.append((name, digest_of(manifest_of(pages, GEOMETRY))))
                self.number += 1
        except OSError:
            pass


def write_new_files(root, pages, written):
    from snapshots import draft
    (root / "manifest.json").write_bytes(draft(GEOMETRY))
    (root / "pages").mkdir()
    for ix, data in pages.items():
        (root / "pages" / f"{ix:04}").write_bytes(data)
        written[ix] = data


def copy_in(source, mounted, done):
    for path in source:
        result = subprocess.run(["rsync", "-a", str(path), f"{mounted}/snap/"], capture_output=True)
        if result.returncode != 0 or not os.path.ismount(mounted):  # else it copied to where the mount was
            return
        done.append(path.name)


def test_a_daemon_killed_at_any_moment(store, tmp_path, mount):
    chance = random.Random(SEED)
    sealed, number = {}, 0
    for round_number in range(ROUNDS):
        served = Served(store, tmp_path / "mnt")
        sources = [tmp_path / "plain" / write_plain(tmp_path / "plain", contents(100000 + 3 * round_number + i), GEOMETRY)
                   for i in range(3)]
        worker, copied = Worker(served.path, number), []
        copier = threading.Thread(target=copy_in, args=(sources, served.path, copied))
        worker.start()
        copier.start()
        time.sleep(chance.uniform(0.02, 0.6))
        served.kill()
        worker.join(60)
        copier.join(60)
        sealed.update(worker.committed)
        number = worker.number + 1
        # What returned is there, and all that is there is whole.
        listed = {line["snapshot"]: line["names"] for line in store.json("list")["snapshots"]}
        for name, digest in sealed.items():
            assert name in listed[digest]
        assert set(copied) <= set(listed)
        store.run("verify")
        # What was being written is there as it was written, and goes on from there.
        name, pages, written = worker.under_way
        staged = store.path / "staging" / "new" / name
        with Served(store, tmp_path / "mnt") as again:
            if not (again.path / "snap" / name).is_symlink():
                if written:
                    assert {int(n): (again.path / "new" / name / "pages" / n).read_bytes()
                            for n in os.listdir(staged / "pages") if int(n) in written} == written
                shutil.rmtree(again.path / "new" / name, ignore_errors=True)
                write_new(again.path, name, pages, GEOMETRY)
                os.rename(again.path / "new" / name, again.path / "snap" / name)
            else:  # committed, but not yet out of /new: as good as never, and nobody's loss
                shutil.rmtree(again.path / "new" / name, ignore_errors=True)
            sealed[name] = digest_of(manifest_of(pages, GEOMETRY))
            assert os.readlink(again.path / "snap" / name) == sealed[name]
            for path in sources:
                run("rsync", "-a", path, again.path / "snap/")
                assert path.name in [line["snapshot"] for line in store.json("list")["snapshots"]]
            store.run("verify")
        shutil.rmtree(tmp_path / "plain")
    assert not [p for p in (store.path / "staging/new").iterdir()]
