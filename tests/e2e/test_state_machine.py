"""Random file operations below /new and, the same ones, on a plain directory: they must tell the same and hold the same.

In between the daemon is ended and started, is killed, or the snapshot is made whole and committed, which must give the
bytes that were last written and no others. $PFCACHE_MACHINE_SEED and $PFCACHE_MACHINE_STEPS choose another walk. A walk that
fails is made shorter and printed; as a file named by $PFCACHE_MACHINE_TRACE it is walked again.
"""

import errno
import json
import os
import pathlib
import random
import shutil
import time

import pytest
from conftest import MOUNT
from page_trees import SMALL, PageTree, commit
from served import Served
from tree_machine import DIRECTORIES, FILES, Operations, Side

SEED = int(os.environ.get("PFCACHE_MACHINE_SEED", "20"))
STEPS = int(os.environ.get("PFCACHE_MACHINE_STEPS", "700"))
SHRINKING_SECONDS = 60
PAGE_BYTES = 2 * SMALL.half_bytes
DRAFT = PageTree({}, SMALL, {}).draft()


class Divergence(Exception):
    pass


def expect(found, wanted, what):
    if found != wanted:
        raise Divergence(f"{what}: expected {shorten(wanted)}, found {shorten(found)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:200]}… ({len(text)} characters)"


class World:
    """A mount with a snapshot that is being written, and a plain directory that must be like it."""

    def __init__(self, directory, store, options):
        self.directory, self.store, self.options = directory, store, options
        self.walks = 0
        self.served = None
        self.mount()

    def mount(self):
        self.served = Served(self.store, self.directory / "mnt", *self.options)

    def begin(self):
        self.walks += 1
        self.commits = 0
        self.plain = Side(self.directory / f"plain{self.walks}")
        self.begin_snapshot()

    def begin_snapshot(self):
        name = f"walk{self.walks}-{self.commits}"
        shutil.rmtree(self.plain.root, ignore_errors=True)
        os.mkdir(self.plain.root)
        self.ours = Side(self.served.path / "new" / name)
        os.mkdir(self.ours.root)
        self.name = name

    def let_go(self):
        self.plain.let_go()
        self.ours.let_go()

    def compare(self):
        expect(self.ours.tree(), self.plain.tree(), "the tree")

    def step(self, operation):
        if operation[0] in ("remount", "crash", "commit", "draft", "pause"):
            return getattr(self, operation[0])(*operation[1:])
        expect(self.ours.do(operation), self.plain.do(operation), operation)

    def remount(self):
        self.let_go()
        self.served.__exit__()
        self.mount()
        self.compare()

    def crash(self):
        """What was written is there. Only mappings may owe something to the daemon, so they are flushed."""
        for mapping in (0, 1):
            self.ours.map_flush(mapping)
        self.served.kill_lazily()
        self.let_go_of_the_dead()
        self.mount()
        self.compare()

    def let_go_of_the_dead(self):
        self.plain.let_go()
        for mapping in list(self.ours.maps):
            self.ours.unmap(mapping)
        for slot in list(self.ours.fds):
            try:
                self.ours.close(slot)
            except OSError:
                pass
        self.ours.fds.clear()

    def pause(self, seconds):
        time.sleep(seconds)

    def draft(self):
        """From here on pages are hashed when they are closed."""
        for side in (self.ours, self.plain):
            path = side.at("manifest.json")
            if not os.path.isdir(path):
                with open(path, "wb") as file:
                    file.write(DRAFT)

    def commit(self):
        self.let_go()
        self.complete(self.plain)
        self.complete(self.ours)
        self.compare()
        pages = {int(path[6:]): data for path, data in self.plain.tree().items() if path.startswith("pages/0")}
        expected = PageTree(pages, SMALL, {})
        target = self.served.path / "snap" / self.name
        expect(commit(self.served, self.name), expected.digest, "the committed snapshot")
        for ix, page in pages.items():
            expect((target / "pages" / f"{ix:04}").read_bytes(), page, f"committed page {ix}")
        expect(os.path.lexists(self.ours.root), False, "the name in /new after its commit")
        self.commits += 1
        self.begin_snapshot()

    @staticmethod
    def complete(side):
        """Makes it a snapshot, with as few changes as will do."""
        for name in DIRECTORIES[1:]:
            shutil.rmtree(side.at(name), ignore_errors=True)
        os.makedirs(side.at("pages"), exist_ok=True)
        for name in os.listdir(side.at("pages")):
            path = side.at(f"pages/{name}")
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.stat(path).st_size != PAGE_BYTES:
                os.truncate(path, PAGE_BYTES)
        manifest = side.at("manifest.json")
        if os.path.isdir(manifest):
            shutil.rmtree(manifest)
        if not os.path.exists(manifest) or pathlib.Path(manifest).read_bytes() != DRAFT:
            pathlib.Path(manifest).write_bytes(DRAFT)

    def walk(self, trace):
        """Raises Divergence, or another error of the mount, with the number of steps done in `self.done`."""
        self.begin()
        try:
            for self.done, operation in enumerate(trace):
                self.step(operation)
            self.compare()
        finally:
            self.let_go()

    def close(self):
        self.served.__exit__()


def make_trace(seed, steps):
    chance = random.Random(f"{seed} events")
    operations = Operations(seed, PAGE_BYTES)
    trace = [("mkdir", "pages"), ("mkdir", "k"), ("draft",)]
    for _ in range(steps):
        event = chance.random()
        if event < 0.008:
            trace.append(("remount",))
        elif event < 0.014:
            trace.append(("crash",))
        elif event < 0.026:
            trace += [("commit",), ("mkdir", "pages"), ("mkdir", "k"), ("draft",)]
        elif event < 0.05:
            trace.append(("pause", 0.01))
        else:
            trace.append(operations.make())
    return trace


def fails(world, trace):
    try:
        world.walk(trace)
    except (Divergence, OSError):
        return True
    return False


def shrink(world, trace):
    """Leaves out what it fails without, in ever smaller pieces."""
    deadline = time.monotonic() + SHRINKING_SECONDS
    piece = len(trace) // 2
    while piece > 0 and time.monotonic() < deadline:
        at = 0
        while at < len(trace) and time.monotonic() < deadline:
            shorter = trace[:at] + trace[at + piece :]
            if fails(world, shorter):
                trace = shorter
            else:
                at += piece
        piece //= 2
    return trace


def walk_or_explain(world, trace):
    try:
        world.walk(trace)
        return
    except (Divergence, OSError) as failure:
        first = f"{type(failure).__name__}: {failure}"
    shorter = shrink(world, trace[: world.done + 1])
    lines = ",\n ".join(json.dumps(operation) for operation in shorter)
    pytest.fail(f"{first}\nA shorter walk that fails, for $PFCACHE_MACHINE_TRACE:\n[{lines}]", pytrace=False)


@pytest.fixture
def world(request, store, mount, tmp_path):  # `mount` skips where there can be none
    made = World(tmp_path, store, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("world", [["passthrough=auto"], ["passthrough=off"]], ids=["auto", "off"], indirect=True)
def test_a_random_walk_below_new_is_one_on_a_plain_directory(world):
    trace = make_trace(SEED, STEPS)
    if "PFCACHE_MACHINE_TRACE" in os.environ:
        trace = json.loads(pathlib.Path(os.environ["PFCACHE_MACHINE_TRACE"]).read_text())
    walk_or_explain(world, trace)


# Names in /snap. What is refused is refused with one of a few errors; what is not has the effect of a plain directory.

NAMES = ["prod", "next", "a.b-c_D", "x" * 128]
BAD_NAMES = [".hidden", "x" * 129, "with space", "é", "0" * 64]
ABSENT = "ab" * 32
REFUSED = {"EINVAL", "EPERM", "ENOENT", "EACCES", "ENAMETOOLONG", "EXDEV", "EROFS", "EEXIST", "ENOTDIR", "EISDIR", "EBUSY"}


class Names:
    """The names and snapshots that there should be, and operations on those that there are."""

    def __init__(self, world, seed):
        self.world, self.random = world, random.Random(seed)
        self.refs, self.sealed, self.commits, self.said = {}, set(), 0, []

    @property
    def snap(self):
        return self.world.served.path / "snap"

    def attempt(self, is_allowed, operation, *args):
        try:
            operation(*args)
            found = "ok"
        except OSError as failure:
            found = errno.errorcode[failure.errno]
        self.said.append(f"{operation.__name__}{args!r}: {found}")
        if is_allowed:
            expect(found, "ok", f"{operation.__name__}{args!r}")
        elif found not in REFUSED:
            raise Divergence(f"{operation.__name__}{args!r} was not refused: {found}")

    def name(self):
        return self.random.choice(NAMES * 3 + BAD_NAMES + sorted(self.sealed)[:1])

    def exists(self, name):
        return name in self.refs or name in self.sealed

    def link(self):
        name = self.name()
        target = self.random.choice([*sorted(self.sealed) * 3, ABSENT, "prod", f"../snap/{ABSENT}", "/etc"])
        is_allowed = name in NAMES and not self.exists(name) and target in self.sealed
        self.attempt(is_allowed, os.symlink, target, self.snap / name)
        if is_allowed:
            self.refs[name] = target

    def rename(self):
        old, new = self.name(), self.name()
        is_allowed = old in self.refs and (new in NAMES or new == old)
        if old == new and self.exists(old):
            is_allowed = True
        self.attempt(is_allowed, os.rename, self.snap / old, self.snap / new)
        if is_allowed and old != new:
            self.refs[new] = self.refs.pop(old)

    def unlink(self):
        name = self.name()
        self.attempt(name in self.refs, os.unlink, self.snap / name)
        self.refs.pop(name, None)

    def commit(self):
        tree = PageTree.of_seed(self.random.randrange(3), self.random.randrange(6))
        written = f"c{self.commits}"
        self.commits += 1
        target = self.random.choice([*NAMES, tree.digest, ABSENT])
        tree.write_new(self.world.served, written)
        is_allowed = target == tree.digest and not self.exists(target) or target in NAMES and not self.exists(target)
        if target == tree.digest and self.exists(target):
            shutil.rmtree(self.world.served.path / "new" / written)
            return
        self.attempt(is_allowed, os.rename, self.world.served.path / "new" / written, self.snap / target)
        if is_allowed:
            self.sealed.add(tree.digest)
            if target in NAMES:
                self.refs[target] = tree.digest
        else:
            shutil.rmtree(self.world.served.path / "new" / written)

    def by_another_process(self):
        if not self.sealed:
            return
        digest = self.random.choice(sorted(self.sealed))
        self.said.append(f"by another process: {digest}")
        if self.random.randrange(3):
            name = self.random.choice(NAMES)
            self.world.store.run("name", digest, name)
            self.refs[name] = digest
        else:
            self.world.store.run("remove", "--force", digest)
            self.sealed.discard(digest)
            self.refs = {name: target for name, target in self.refs.items() if target != digest}

    def remount(self):
        self.said.append("remount")
        self.world.served.__exit__()
        self.world.mount()

    def compare(self):
        expect(sorted(os.listdir(self.snap)), sorted([*self.refs, *self.sealed]), "names in /snap")
        for name, target in self.refs.items():
            expect(os.readlink(self.snap / name), target, f"the name {name}")
            expect(os.path.exists(self.snap / name / "manifest.json"), True, f"the snapshot {name}")
        for name in set(NAMES) - set(self.refs):
            expect(os.path.lexists(self.snap / name), False, f"the name {name}")

    def walk(self, steps):
        kinds = [self.link, self.rename, self.unlink, self.commit, self.by_another_process, self.remount]
        try:
            self.commit()
            for _ in range(steps):
                self.random.choices(kinds, [6, 6, 3, 4, 2, 0.3])[0]()
                self.compare()
        except (Divergence, OSError) as failure:
            trail = "\n".join(self.said)
            pytest.fail(f"{trail}\n{type(failure).__name__}: {failure}", pytrace=False)


@pytest.mark.parametrize("world", [[]], ids=["names"], indirect=True)
def test_names_are_what_the_last_operation_made_them(world):
    Names(world, SEED).walk(STEPS // 4)
