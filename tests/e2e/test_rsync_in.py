"""rsync into /snap of a mount: a snapshot arrives, is checked page by page and seals itself."""

import os
import signal
import threading
import time

import pytest
from conftest import Store
from page_trees import LARGE, SMALL, TINY, PageTree, sealed, tree_with_twins, wait_for_seal
from rsync_tool import Daemon, interrupted, rsync, start
from served import Served, wait_until

PARTS = ("pages", "k", "v")


def assert_arrived(store, mounted, tree, is_waited_for=False):
    """It is sealed and right: by this mount, by others' tools, and what is in the store is whole."""
    if not (store.path / "snapshots" / tree.digest).exists() and is_waited_for:
        wait_for_seal(store, tree)
    assert tree.digest in sealed(store)
    tree.assert_at(mounted.path / "snap" / tree.digest)
    store.run("verify", tree.digest)


def make_store(path):
    made = Store(path)
    made.run("init")
    return made


@pytest.fixture
def source(mount, tmp_path):
    """A mount with the snapshot of twins."""
    store = make_store(tmp_path / "source store")
    tree = tree_with_twins()
    assert store.capture(tree.write(tmp_path / "captured")) == tree.digest
    mounted = mount(store)
    mounted.tree, mounted.store = tree, store
    return mounted


@pytest.fixture
def destination(mount, store):
    mounted = mount(store)
    mounted.store = store
    return mounted


def pages(tree, count):
    return PageTree({ix: tree.pages[ix] for ix in list(tree.pages)[:count]}, tree.geometry)


FLAGS = {
    "archive": ["-a"],
    "hard links": ["-aH"],
    "in place": ["-a", "--inplace"],
    "in place, hard links": ["-aH", "--inplace"],
    "partial": ["-a", "--partial"],
    "partial directory": ["-a", "--partial-dir=.rsync-partial"],
    "checksum": ["-a", "--checksum"],
    "delete": ["-a", "--delete"],
    "delete after": ["-aH", "--delete-after"],
    "delay updates": ["-a", "--delay-updates"],
    "deltas": ["-a", "--no-whole-file"],
    "preallocate": ["-a", "--preallocate"],
    "sparse": ["-aS"],
    "fsync": ["-a", "--fsync"],
    "append": ["-a", "--append"],
    "everything": ["-aHX", "--numeric-ids", "--inplace", "--partial", "--checksum", "--delete"],
}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_from_a_mount_and_again(source, destination, flags):
    tree = source.tree
    command = [*flags, "-i", source.path / "snap" / tree.digest, f"{destination.path}/snap/"]
    rsync(*command)
    assert_arrived(destination.store, destination, tree)
    assert rsync(*command).sent() == []
    assert_arrived(destination.store, destination, tree)


@pytest.mark.parametrize(("parts", "flags"), [
    (("pages",), ["-a"]), (("pages",), ["-rH", "--inplace"]), (("k", "v"), ["-a"]), (PARTS, ["-a", "--checksum"]),
    (PARTS, ["-rH", "--inplace"])], ids=["pages", "pages in place", "halves", "all, checksum", "all, in place"])
def test_from_a_plain_directory(destination, tmp_path, parts, flags):
    tree = tree_with_twins(TINY)
    tree.write(tmp_path / tree.digest, parts)
    command = [*flags, "-i", tmp_path / tree.digest, f"{destination.path}/snap/"]
    rsync(*command)
    assert_arrived(destination.store, destination, tree, is_waited_for="pages" not in parts)
    # Other times than those of the contents: rsync sends all again, which only in place is a change to what is sealed.
    if "--inplace" in flags:
        command.insert(0, "--size-only")
    rsync(*command)
    assert_arrived(destination.store, destination, tree)
    if "--checksum" in flags:
        assert rsync(*command).sent() == []


def test_over_the_network_both_ways(source, destination, tmp_path):
    other = PageTree.of_seed(4, "other", SMALL)
    source.store.capture(other.write(tmp_path / "other"))
    with Daemon(tmp_path, there=source.path / "snap", here=destination.path / "snap") as daemon:
        rsync("-aH", daemon.url("there", source.tree.digest), f"{destination.path}/snap/")
        assert_arrived(destination.store, destination, source.tree)
        rsync("-a", "-z", "--partial", source.path / "snap" / other.digest, daemon.url("here"))
        assert_arrived(destination.store, destination, other)


@pytest.mark.parametrize("flags", [["-a"], ["-aH", "--delete"]], ids=" ".join)
def test_a_whole_mount_with_its_names(source, destination, tmp_path, flags):
    """Names are links to what may still be under way, and are then refused: the second run brings them."""
    tree = source.tree
    larger = PageTree({**tree.pages, 9: tree.pages[0]}, SMALL, tree.seqs)
    source.store.capture(larger.write(tmp_path / "larger"), "--name", "prod")
    source.store.run("name", tree.digest, "zz")
    command = [*flags, f"{source.path}/snap/", f"{destination.path}/snap/"]
    assert rsync(*command, check=False).status in (0, 23)
    for arrived in (tree, larger):
        assert_arrived(destination.store, destination, arrived)
    rsync(*command)
    for name, target in (("prod", larger), ("zz", tree)):
        assert os.readlink(destination.path / "snap" / name) == target.digest
    assert sorted(os.listdir(destination.path / "snap")) == sorted(os.listdir(source.path / "snap"))


def test_manifest_first_then_only_what_the_store_has_not(source, destination, tmp_path):
    tree = source.tree
    known = pages(tree, 3)
    destination.store.capture(known.write(tmp_path / "known"))
    snapshot = source.path / "snap" / tree.digest
    rsync("-aR", f"{source.path}/snap/./{tree.digest}/manifest.json", f"{destination.path}/snap/")
    arriving = destination.path / "snap" / tree.digest
    assert tree.digest not in sealed(destination.store)
    have = sorted(ix for ix in tree.pages if tree.pages[ix] in known.pages.values())
    assert have == [0, 1, 2, 3]  # page 3 is page 1
    (arriving / "pages").mkdir()
    for ix in have:  # by themselves
        assert (arriving / "pages" / f"{ix:04}").read_bytes() == tree.pages[ix]
    outcome = rsync("-ai", "--exclude=/*/k", "--exclude=/*/v", snapshot, f"{destination.path}/snap/")
    assert outcome.sent() == [f"{tree.digest}/pages/0004", f"{tree.digest}/pages/0005"]
    assert_arrived(destination.store, destination, tree)


def test_a_snapshot_whose_pages_the_store_has_is_sealed_by_its_manifest(destination, tmp_path):
    tree = PageTree.of_seed(5, "all", SMALL)
    destination.store.capture(tree.write(tmp_path / "known"))
    part = PageTree({ix: tree.pages[ix] for ix in (4, 1)}, SMALL)
    part.write(tmp_path / part.digest)
    rsync("-a", f"{tmp_path}/./{part.digest}/manifest.json", "-R", f"{destination.path}/snap/")
    assert_arrived(destination.store, destination, part, is_waited_for=True)


def test_manifest_last(source, destination):
    tree = source.tree
    snapshot = source.path / "snap" / tree.digest
    rsync("-a", "--exclude=manifest.json", snapshot, f"{destination.path}/snap/")
    assert tree.digest not in sealed(destination.store)
    rsync("-a", snapshot, f"{destination.path}/snap/")
    assert_arrived(destination.store, destination, tree)


def test_what_is_in_flight_is_not_taken_for_a_snapshot(source, destination, mount):
    tree = source.tree
    rsync("-a", "--exclude=/*/*/0005", source.path / "snap" / tree.digest, f"{destination.path}/snap/")
    assert sealed(destination.store) == set()
    other = mount(destination.store)
    assert not (other.path / "snap" / tree.digest / "pages" / "0005").exists()
    assert destination.store.run("restore", tree.digest, destination.path.parent / "r", check=False).returncode == 10
    rsync("-a", source.path / "snap" / tree.digest, f"{other.path}/snap/")  # brought to an end through another mount
    assert_arrived(destination.store, other, tree)
    tree.assert_at(destination.path / "snap" / tree.digest)


@pytest.mark.parametrize(("signum", "flags"), [
    (signal.SIGKILL, ["-a"]), (signal.SIGKILL, ["-a", "--inplace"]), (signal.SIGTERM, ["-a", "--partial"]),
    (signal.SIGTERM, ["-aH", "--partial-dir=.part"])], ids=["kill", "kill, in place", "term, partial", "term, partial directory"])
def test_interrupted_and_resumed(destination, tmp_path, signum, flags):
    tree = PageTree.of_seed(8, "long", LARGE)
    tree.write(tmp_path / tree.digest)
    command = [*flags, tmp_path / tree.digest, f"{destination.path}/snap/"]
    assert interrupted(signum, 0.4, "--bwlimit=4m", *command).status != 0
    assert sealed(destination.store) == set()
    assert interrupted(signum, 0.2, "--bwlimit=4m", *command).status != 0
    rsync(*command)
    assert_arrived(destination.store, destination, tree)
    tree.assert_at(destination.path / "snap" / tree.digest)


def test_two_at_once_end_in_one_snapshot(destination, tmp_path):
    for flags in (["-a"], ["-aH", "--inplace"]):
        tree = PageTree.of_seed(8, f"twice {flags}", LARGE)
        tree.write(tmp_path / tree.digest, PARTS)
        both = [start(*flags, "--bwlimit=16m", tmp_path / tree.digest, f"{destination.path}/snap/") for _ in range(2)]
        said = [process.communicate(timeout=120)[0] for process in both]
        assert_arrived(destination.store, destination, tree)
        tree.assert_at(destination.path / "snap" / tree.digest)
        assert [process.returncode for process in both] == [0, 0], "".join(said)


@pytest.mark.parametrize("flags", [["-a"], ["-a", "--inplace"], ["-a", "--partial"]], ids=" ".join)
def test_a_page_that_does_not_match_is_reported_and_repaired_by_a_second_run(destination, tmp_path, flags):
    tree = PageTree.of_seed(5, "bad", SMALL)
    plain = tree.write(tmp_path / tree.digest)
    page = plain / "pages" / "0003"
    page.write_bytes(tree.pages[3][:-1] + bytes([tree.pages[3][-1] ^ 1]))
    command = [*flags, plain, f"{destination.path}/snap/"]
    outcome = rsync(*command, check=False)
    assert outcome.status != 0
    assert "Bad message" in outcome.said
    assert tree.digest not in sealed(destination.store)
    arriving = destination.path / "snap" / tree.digest
    assert "0003" in os.getxattr(arriving, "user.pfcache.error").decode()
    assert not (arriving / "pages" / "0003").exists() or (arriving / "pages" / "0003").read_bytes() != tree.pages[3]
    page.write_bytes(tree.pages[3])
    rsync(*command)
    assert_arrived(destination.store, destination, tree)


def test_pages_before_a_manifest_that_they_do_not_match(destination, tmp_path):
    tree = PageTree.of_seed(5, "late", SMALL)
    plain = tree.write(tmp_path / tree.digest)
    (plain / "pages" / "0002").write_bytes(bytes(len(tree.pages[2])))
    rsync("-a", "--exclude=manifest.json", plain, f"{destination.path}/snap/")
    rsync("-a", plain, f"{destination.path}/snap/", check=False)
    assert tree.digest not in sealed(destination.store)
    (plain / "pages" / "0002").write_bytes(tree.pages[2])
    rsync("-a", "--ignore-times", plain, f"{destination.path}/snap/")
    assert_arrived(destination.store, destination, tree)


@pytest.mark.parametrize("flags", [["-a"], ["-a", "--inplace"]], ids=" ".join)
def test_a_manifest_that_is_not_what_the_name_says_is_refused(destination, tmp_path, flags):
    tree = PageTree.of_seed(3, "manifest", SMALL)
    plain = tree.write(tmp_path / tree.digest)
    (plain / "manifest.json").write_bytes(tree.manifest + b" ")
    outcome = rsync(*flags, plain, f"{destination.path}/snap/", check=False)
    assert outcome.status != 0 and "Bad message" in outcome.said
    assert sealed(destination.store) == set()
    (plain / "manifest.json").write_bytes(tree.manifest)
    rsync(*flags, plain, f"{destination.path}/snap/")
    assert_arrived(destination.store, destination, tree)


def test_owner_mode_and_times_are_taken_and_forgotten(destination, tmp_path):
    tree = PageTree.of_seed(3, "attributes", SMALL)
    plain = tree.write(tmp_path / tree.digest)
    for path in plain.rglob("*"):
        os.chown(path, 4321, 4321)
        os.chmod(path, 0o750 if path.is_dir() else 0o604)
        os.utime(path, (10**9, 10**9))
    rsync("-a", plain, f"{destination.path}/snap/")
    assert_arrived(destination.store, destination, tree)
    found = (destination.path / "snap" / tree.digest / "pages" / "0001").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (os.getuid(), 0o444)
    assert found.st_mtime != 10**9 and found.st_mtime_ns % 10**9 == 0


def test_what_cannot_be_part_of_a_sealed_snapshot_leaves_nothing(source, destination):
    tree = source.tree
    rsync("-a", source.path / "snap" / tree.digest, f"{destination.path}/snap/")
    assert_arrived(destination.store, destination, tree)
    staging = lambda: destination.store.json("list", "--staging")["staging"]  # noqa: E731
    assert wait_until(lambda: staging() == [])
    sealed_tree = destination.path / "snap" / tree.digest
    for make in (lambda: (sealed_tree / "zz").touch(), lambda: (sealed_tree / "pages" / "d").mkdir(),
                 lambda: (sealed_tree / "zz").symlink_to("x"), lambda: os.link(sealed_tree / "manifest.json", sealed_tree / "zz")):
        with pytest.raises(PermissionError):
            make()
    assert staging() == []


def test_removed_while_it_is_open_and_brought_again(source, destination):
    tree = source.tree
    command = ["-a", source.path / "snap" / tree.digest, f"{destination.path}/snap/"]
    rsync(*command)
    with open(destination.path / "snap" / tree.digest / "pages" / "0004", "rb") as page:
        destination.store.run("remove", tree.digest)
        assert not (destination.path / "snap" / tree.digest).exists()
        assert page.read() == tree.pages[4]
    rsync(*command)
    assert_arrived(destination.store, destination, tree)


def test_a_daemon_killed_while_it_receives(store, mount, tmp_path):
    """Staging is as it was written, nothing is sealed that is not whole, and the next mount goes on from there."""
    tree = PageTree.of_seed(8, "crash", LARGE)
    tree.write(tmp_path / tree.digest)
    done = PageTree.of_seed(3, "before", SMALL)
    done.write(tmp_path / done.digest)
    for delay in (0.1, 0.3, 0.5):
        with Served(store, tmp_path / "mnt") as served:
            rsync("-a", tmp_path / done.digest, f"{served.path}/snap/")
            running = start("-a", "--bwlimit=4m", tmp_path / tree.digest, f"{served.path}/snap/")
            time.sleep(delay)
            served.kill_lazily()
            said, _ = running.communicate(timeout=60)
            assert running.returncode != 0, said
        assert sealed(store) == {done.digest}
        store.run("verify")
    with Served(store, tmp_path / "mnt") as served:
        rsync("-a", tmp_path / tree.digest, f"{served.path}/snap/")
        assert_arrived(store, served, tree)


def test_readers_of_others_do_not_wait_for_what_arrives(destination, tmp_path):
    tree = PageTree.of_seed(16, "wait", LARGE)
    tree.write(tmp_path / tree.digest)
    ready = PageTree.of_seed(3, "ready", SMALL)
    destination.store.capture(ready.write(tmp_path / "ready"), "--name", "ready")
    longest, stop = [0.0], threading.Event()

    def read():
        while not stop.is_set():
            began = time.monotonic()
            assert (destination.path / "snap" / "ready" / "pages" / "0001").read_bytes() == ready.pages[1]
            longest[0] = max(longest[0], time.monotonic() - began)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        rsync("-a", tmp_path / tree.digest, f"{destination.path}/snap/")
    finally:
        stop.set()
        reader.join()
    print(f"longest read of another snapshot while one arrived: {longest[0] * 1000:.1f} ms")
    assert_arrived(destination.store, destination, tree)
