"""kill -9 of the daemon, again and again, at any moment, while snapshots are written, committed, arrive and are named.

After each kill: every sealed snapshot is whole, none that was there is lost, every name leads to one, what a rename, a
link or an rsync reported as done is done, and what was written below /new is there. The next mount goes on from that.
$PFCACHE_KILL_ROUNDS and $PFCACHE_KILL_SEED choose a longer loop and other moments.
"""

import itertools
import os
import random
import shutil
import threading
import time

from page_trees import SMALL, TINY, Geometry, PageTree, commit, sealed
from rsync_tool import start
from served import Served

ROUNDS = int(os.environ.get("PFCACHE_KILL_ROUNDS", "12"))
SEED = int(os.environ.get("PFCACHE_KILL_SEED", "1"))
KEPT_SNAPSHOTS = 12
MEDIUM = Geometry(page_size_tokens=16, n_layers=4, n_heads=4, head_dim=64)  # pages of 64 KiB


class Written:
    """A snapshot below /new, and how far its writer came."""

    def __init__(self, name, tree, parts):
        self.name, self.tree = name, tree
        self.files = tree.files(parts, tree.draft())
        self.done = set()
        self.is_made = False


class Loop:
    def __init__(self, store, tmp_path):
        self.store, self.tmp_path = store, tmp_path
        self.random = random.Random(SEED)
        self.refs = {}  # what was reported
        self.sealed = {}  # digest: by what it was reported
        self.open = []  # Written that were neither reported nor finished
        self.arriving = []  # plain trees whose rsync was not reported
        self.head_attempt = None
        self.numbers = itertools.count()
        self.faults = []
        self.done = 0

    def tree(self, source, geometry=None):
        seed = f"{SEED} {next(self.numbers) // 2}"  # some are made twice, by writers that don't know of each other
        return PageTree.of_seed(source.randrange(1, 7), seed, geometry or source.choice([TINY, SMALL, MEDIUM]))

    # The writers. Each stops at its first error, which must not come before the kill.

    def work(self, work, source):
        try:
            while not self.stop.is_set():
                work(source)
        except OSError as failure:
            if not self.killed.is_set():
                self.faults.append(f"{work.__name__}: {failure}")

    def require_alive(self):
        """Without the mount its directory is a plain one, where everything works."""
        if self.killed.is_set():
            raise OSError("nothing counts after the kill")

    def write_and_commit(self, source):
        tree = self.tree(source)
        item = Written(f"n{next(self.numbers)}", tree, source.choice([("pages",), ("k", "v")]))
        self.open.append(item)
        self.write(item, source)
        self.commit(item)

    def write(self, item, source):
        root = self.served.path / "new" / item.name
        if not root.exists():
            os.mkdir(root)
        self.require_alive()
        item.is_made = True
        paths = [path for path in item.files if path not in item.done]
        source.shuffle(paths)
        for path in paths:
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_bytes(item.files[path])
            self.require_alive()
            item.done.add(path)
        if source.randrange(3) == 0:
            self.fsync(root)

    @staticmethod
    def fsync(directory):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def commit(self, item):
        os.rename(self.served.path / "new" / item.name, self.served.path / "snap" / item.name)
        self.require_alive()
        self.refs[item.name] = item.tree.digest
        self.sealed[item.tree.digest] = f"the rename of {item.name}"
        self.open.remove(item)
        self.done += 1

    def bring(self, source):
        tree = self.tree(source, MEDIUM)
        plain = tree.write(self.tmp_path / "plain" / tree.digest)
        self.arriving.append(plain)
        self.run_rsync(plain, source.choice([["-a"], ["-a", "--inplace"], ["-aH", "--partial"]]))

    def run_rsync(self, plain, flags):
        process = start(*flags, plain, f"{self.served.path}/snap/")
        said, _ = process.communicate(timeout=60)
        if process.returncode == 23 and "--inplace" in flags and "Operation not permitted" in said:
            # It became whole meanwhile by what others brought, and what is sealed can't be written in place.
            return self.run_rsync(plain, ["-a"])
        if process.returncode == 0:
            self.require_alive()
            self.sealed[plain.name] = f"rsync {flags}"
            self.arriving.remove(plain)
            shutil.rmtree(plain)
            self.done += 1
        elif not self.killed.is_set():
            self.faults.append(f"rsync: {said}")
        else:
            raise OSError

    def move_head(self, source):
        digest = source.choice(self.keep)
        snap = self.served.path / "snap"
        os.symlink(digest, snap / "head.next")
        self.head_attempt = digest
        os.rename(snap / "head.next", snap / "head")
        self.require_alive()
        self.refs["head"] = digest
        self.done += 1

    # A round.

    def round(self, passthrough):
        shutil.rmtree(self.tmp_path / "mnt", ignore_errors=True)  # see require_alive()
        self.killed, self.stop = threading.Event(), threading.Event()
        with Served(self.store, self.tmp_path / "mnt", f"passthrough={passthrough}") as self.served:
            self.go_on()
            self.keep = list(self.sealed)
            before = self.done
            workers = [self.write_and_commit, self.write_and_commit, self.bring, self.move_head]
            seeds = [self.random.random() for _ in workers]
            threads = [threading.Thread(target=self.work, args=(work, random.Random(seed))) for work, seed in zip(workers, seeds)]
            for thread in threads:
                thread.start()
            time.sleep(self.random.uniform(0, 0.4))
            self.killed.set()
            self.stop.set()
            self.served.kill_lazily()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert self.faults == []
        self.check_the_store()
        print(f"round done, {self.done - before} reported")
        return self.done - before

    def check_the_store(self):
        """By others than a mount."""
        self.store.run("verify")
        found = sealed(self.store)
        assert {digest: by for digest, by in self.sealed.items() if digest not in found} == {}, "lost"
        known = {item.tree.digest for item in self.open} | {plain.name for plain in self.arriving} | self.sealed.keys()
        assert found <= known, f"nobody made {found - known}"
        refs = {path.name: path.read_text().strip() for path in (self.store.path / "refs").glob("[!.]*")}
        assert set(refs.values()) <= found, refs
        for name, digest in self.refs.items():
            assert refs.get(name) == digest or (name == "head" and refs[name] == self.head_attempt), name
        self.refs = refs
        self.sealed = {digest: self.sealed.get(digest, "nobody") for digest in found}

    def go_on(self):
        """Finishes through a new mount what the kill interrupted, and forgets what there is too much of."""
        snap = self.served.path / "snap"
        for item in list(self.open):
            root = self.served.path / "new" / item.name
            if item.name in self.refs:  # committed, without anybody having been told
                assert self.refs[item.name] == item.tree.digest
                shutil.rmtree(root, ignore_errors=True)
                self.open.remove(item)
                continue
            assert root.exists() or not item.is_made, f"{item.name} is gone"
            for path in item.done:
                assert (root / path).read_bytes() == item.files[path], f"{item.name}/{path}"
            self.write(item, self.random)
            self.commit(item)
        for plain in list(self.arriving):
            self.run_rsync(plain, ["-a"])
            self.tree_at(plain.name)
        assert sorted(os.listdir(self.served.path / "new")) == []
        if (snap / "head.next").is_symlink():
            os.unlink(snap / "head.next")
            self.refs.pop("head.next", None)
        if "head" not in self.refs:
            tree = self.tree(self.random)
            tree.write_new(self.served, "head")
            self.refs["head"] = commit(self.served, "head")
            self.sealed[tree.digest] = "the first head"
        self.forget()
        assert self.faults == []

    def tree_at(self, digest):
        for path in sorted((self.served.path / "snap" / digest).rglob("*")):
            if path.is_file():
                path.read_bytes()

    def forget(self):
        spare = sorted(self.sealed.keys() - {self.refs["head"]})
        self.random.shuffle(spare)
        for digest in spare[KEPT_SNAPSHOTS:]:
            self.store.run("remove", "--force", digest)
            del self.sealed[digest]
            self.refs = {name: target for name, target in self.refs.items() if target != digest}

    def finish(self):
        with Served(self.store, self.tmp_path / "mnt") as self.served:
            self.killed = threading.Event()
            self.go_on()
            self.check_the_store()
            for digest in self.sealed:
                self.tree_at(digest)


def test_nothing_is_lost_when_the_daemon_is_killed_at_any_moment(store, mount, tmp_path):  # `mount` skips
    loop = Loop(store, tmp_path)
    done = [loop.round("auto" if i % 2 == 0 else "off") for i in range(ROUNDS)]
    loop.finish()
    print(f"{ROUNDS} kills, {sum(done)} commits, transfers and renames reported in between")
    assert sum(done) > ROUNDS  # else the writers were never hit at work
