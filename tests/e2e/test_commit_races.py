"""Commits of what changes behind the back of the background hashing, and by several at once."""

import errno
import mmap
import os
import shutil
import threading
import time

import pytest
from page_trees import LARGE, SMALL, TINY, Geometry, PageTree, commit, sealed

PAGE = 2 * SMALL.half_bytes


@pytest.fixture(params=["auto", "off"])
def mounted(request, store, mount):
    made = mount(store, f"passthrough={request.param}")
    made.store = store
    return made


def fsync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def other(tree, **pages):
    return PageTree({**tree.pages, **{int(name[1:]): data for name, data in pages.items()}}, tree.geometry, tree.seqs)


def tree_of(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def assert_committed(mounted, name, tree, to=None):
    assert commit(mounted, name, to) == tree.digest
    tree.assert_at(mounted.path / "snap" / tree.digest)
    mounted.store.run("verify", tree.digest)
    assert not (mounted.path / "new" / name).exists()


@pytest.mark.parametrize("quiet_seconds", [0, 1.1])
def test_a_mapping_that_outlives_its_file_is_seen(mounted, quiet_seconds):
    """A store to a page that is mapped and dirty already changes no time that a file has."""
    tree = PageTree.of_seed(3, "map", SMALL)
    root = tree.write_new(mounted, "map")
    with open(root / "pages" / "0001", "r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
    mapping[:4] = b"ABCD"
    time.sleep(quiet_seconds)
    fsync(root)
    mapping[:4] = b"WXYZ"
    assert_mapping = bytes(mapping[:])
    mapping.close()
    assert_committed(mounted, "map", other(tree, p1=assert_mapping))


def test_a_mapping_that_is_still_there_at_the_commit_is_seen(mounted):
    tree = PageTree.of_seed(3, "map", SMALL)
    root = tree.write_new(mounted, "map")
    with open(root / "pages" / "0001", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[:4] = b"ABCD"
        fsync(root)
        mapping[:4] = b"WXYZ"
        mapping.flush()
        expected = other(tree, p1=bytes(mapping[:]))
        assert_committed(mounted, "map", expected)
        mapping[:4] = b"late"
        expected.assert_at(mounted.path / "snap" / expected.digest)
    mounted.store.run("verify")


def test_a_writer_that_goes_on_after_the_commit_changes_nothing(mounted):
    tree = PageTree.of_seed(3, "late", SMALL)
    root = tree.write_new(mounted, "late")
    with open(root / "pages" / "0000", "r+b", buffering=0) as file:
        file.write(tree.pages[0])
        assert_committed(mounted, "late", tree)
        try:
            os.pwrite(file.fileno(), b"late", 0)
            os.ftruncate(file.fileno(), 7)
        except OSError:
            pass
        tree.assert_at(mounted.path / "snap" / tree.digest)
    tree.assert_at(mounted.path / "snap" / tree.digest)
    mounted.store.run("verify")


def test_the_last_of_many_quick_writes_counts(mounted):
    for round_number in range(30):
        tree = PageTree.of_seed(2, round_number, TINY)
        root = tree.write_new(mounted, "quick")
        changed = bytes([round_number]) * len(tree.pages[1])
        (root / "pages" / "0001").write_bytes(changed)
        if round_number % 3 == 0:
            fsync(root)
            os.truncate(root / "pages" / "0001", 5)
            with open(root / "pages" / "0001", "r+b") as file:
                file.write(changed[::-1])
        assert_committed(mounted, "quick", other(tree, p1=changed), f"quick{round_number}")


def test_pages_that_changed_places_after_they_were_hashed(mounted):
    tree = PageTree.of_seed(3, "places", SMALL)
    root = tree.write_new(mounted, "places")
    fsync(root)
    pages = root / "pages"
    for old, new in (("0000", ".t"), ("0002", "0000"), (".t", "0002")):
        os.rename(pages / old, pages / new)
    assert_committed(mounted, "places", other(tree, p0=tree.pages[2], p2=tree.pages[0]))


def test_a_page_moved_from_one_new_snapshot_to_another(mounted):
    one, two = PageTree.of_seed(2, "one", SMALL), PageTree.of_seed(2, "two", SMALL)
    first, second = one.write_new(mounted, "one"), two.write_new(mounted, "two")
    fsync(first)
    fsync(second)
    os.rename(first / "pages" / "0001", second / "pages" / "0001")
    os.rename(mounted.path / "new" / "two", mounted.path / "new" / "three")
    assert_committed(mounted, "three", other(two, p1=one.pages[1]))
    (first / "pages" / "0001").write_bytes(two.pages[0])
    assert_committed(mounted, "one", other(one, p1=two.pages[0]))


def test_another_geometry_of_the_same_size_after_pages_were_hashed(mounted):
    """float32 planes are other blobs than bf16's, and other heads are another snapshot."""
    tree = PageTree.of_seed(3, "geometry", SMALL)
    root = tree.write_new(mounted, "geometry")
    fsync(root)
    for geometry in (Geometry(head_dim=128, dtype="f32"), Geometry(head_dim=512, n_heads=1), Geometry(head_dim=512, dtype="fp8e4m3")):
        (root / "manifest.json").write_bytes(PageTree(tree.pages, geometry, tree.seqs).draft())
        fsync(root)
    assert_committed(mounted, "geometry", PageTree(tree.pages, geometry, tree.seqs))


def test_a_geometry_of_another_size_cuts_anew(mounted):
    tree = PageTree.of_seed(2, "cut", SMALL)
    root = tree.write_new(mounted, "cut")
    fsync(root)
    geometry = Geometry(head_dim=512)
    joined = PageTree({0: tree.pages[0] + tree.pages[1]}, geometry)
    (root / "manifest.json").write_bytes(joined.draft())
    with open(root / "pages" / "0000", "ab") as file:
        file.write(tree.pages[1])
    os.unlink(root / "pages" / "0001")
    assert_committed(mounted, "cut", joined)


def write_with_direct_io(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o644)
    try:
        with mmap.mmap(-1, len(data)) as memory:
            memory[:] = data
            assert os.pwrite(fd, memory, 0) == len(data)
    finally:
        os.close(fd)


def write_by_mapping(path, data):
    with open(path, "w+b") as file:
        os.posix_fallocate(file.fileno(), 0, len(data))
        with mmap.mmap(file.fileno(), len(data)) as mapping:
            for offset in range(len(data) - 1, -1, -1000):
                mapping[max(0, offset - 999) : offset + 1] = data[max(0, offset - 999) : offset + 1]


def write_backwards(path, data):
    with open(path, "wb", buffering=0) as file:
        os.ftruncate(file.fileno(), len(data) + 4096)
        for offset in range(len(data) // 777 * 777, -1, -777):
            os.pwrite(file.fileno(), data[offset : offset + 777], offset)
        os.ftruncate(file.fileno(), len(data))


def write_with_temp(path, data):
    temp = path.parent / f".{path.name}.tmp.{os.getpid()}"
    temp.write_bytes(data)
    fsync(temp)
    os.replace(temp, path)


@pytest.mark.parametrize("write", [write_with_direct_io, write_by_mapping, write_backwards, write_with_temp])
def test_every_way_of_writing_a_page(mounted, write):
    tree = PageTree.of_seed(4, "ways", SMALL)
    root = mounted.path / "new" / "ways"
    (root / "pages").mkdir(parents=True)
    write_with_temp(root / "manifest.json", tree.draft(listed=True))
    for ix in reversed(tree.pages):
        write(root / "pages" / f"{ix:04}", tree.pages[ix])
        assert (root / "pages" / f"{ix:04}").read_bytes() == tree.pages[ix]
    assert_committed(mounted, "ways", tree)


@pytest.mark.parametrize("has_pages", [True, False], ids=["other bytes", "no page"])
def test_halves_that_contradict_the_pages_are_not_lost(mounted, has_pages):
    """Only one of the two can be in the snapshot, and the directory goes with the commit."""
    tree = PageTree.of_seed(4, "wrong", SMALL)
    root = tree.write_new(mounted, "wrong")
    if not has_pages:
        shutil.rmtree(root / "pages")
        os.mkdir(root / "pages")
    for part in "kv":
        (root / part).mkdir()
        (root / part / "0000").write_bytes(bytes(PAGE // 2))
    before = tree_of(root)
    with pytest.raises(OSError) as failure:
        commit(mounted, "wrong")
    assert failure.value.errno == errno.EINVAL
    assert tree_of(root) == before
    assert "k/0000" in os.getxattr(root, "user.pfcache.error").decode()
    for part in "kv":
        shutil.rmtree(root / part)
    tree.write(root, manifest=tree.draft())
    assert_committed(mounted, "wrong", tree)


def test_halves_that_are_those_of_the_pages_are_taken(mounted):
    tree = PageTree.of_seed(4, "same", SMALL)
    tree.write_new(mounted, "same", ("pages", "k", "v"))
    assert_committed(mounted, "same", tree)


def test_an_fsync_of_what_is_wrong_works(mounted):
    root = PageTree.of_seed(2, "odd", SMALL).write_new(mounted, "odd")
    (root / "pages" / "0003").mkdir()
    (root / "pages" / "0004").symlink_to("0001")
    for directory in (root, root / "pages"):
        fsync(directory)


def test_of_two_that_commit_one_snapshot_one_wins(mounted):
    tree = PageTree.of_seed(6, "race", SMALL)
    for round_number in range(5):
        tree.write_new(mounted, "race")
        outcomes = []

        def attempt(to):
            try:
                commit(mounted, "race", to)
                outcomes.append("ok")
            except OSError as failure:
                outcomes.append(errno.errorcode[failure.errno])

        threads = [threading.Thread(target=attempt, args=(f"{side}{round_number}",)) for side in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["ENOENT", "ok"]
        tree.assert_at(mounted.path / "snap" / tree.digest)


def test_many_writers_commit_at_once(mounted):
    failures = []

    def work(number):
        try:
            for i in range(6):
                tree = PageTree.of_seed(3, f"{number % 2} {i}", SMALL)  # each is made by two or three of them
                tree.write_new(mounted, f"w{number}-{i}", ("pages",) if number % 2 else ("k", "v"))
                assert commit(mounted, f"w{number}-{i}") == tree.digest
                tree.assert_at(mounted.path / "snap" / f"w{number}-{i}")
        except BaseException as failure:
            failures.append(repr(failure))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(sealed(mounted.store)) == 12
    mounted.store.run("verify")


@pytest.mark.parametrize("ixs", [[7, 12345], [4294967295], []], ids=str)
def test_pages_of_any_number(mounted, ixs):
    source = PageTree.of_seed(len(ixs), "numbers", SMALL)
    tree = PageTree(dict(zip(ixs, source.pages.values())), SMALL)
    root = tree.write_new(mounted, "numbers")
    (root / "pages").mkdir(exist_ok=True)
    assert_committed(mounted, "numbers", tree)


def test_what_is_given_up_leaves_nothing(mounted):
    tree = PageTree.of_seed(3, "up", SMALL)
    root = tree.write_new(mounted, "up", ("k", "v"))
    fsync(root)
    shutil.rmtree(root)
    assert os.listdir(mounted.path / "new") == []
    assert list((mounted.store.path / "staging" / "new").iterdir()) == []
    tree.write_new(mounted, "up")
    assert_committed(mounted, "up", tree)


def test_removed_while_mounted_open_files_and_mappings_stay_readable(mounted):
    tree = PageTree.of_seed(3, "removed", LARGE)
    tree.write_new(mounted, "removed")
    commit(mounted, "removed")
    pages = mounted.path / "snap" / tree.digest / "pages"
    with open(pages / "0000", "rb") as file, open(pages / "0001", "rb") as mapped:
        mapping = mmap.mmap(mapped.fileno(), 0, prot=mmap.PROT_READ)
        mounted.store.run("remove", "--force", tree.digest)
        assert os.listdir(mounted.path / "snap") == []
        assert not os.path.lexists(pages / "0000") and not os.path.lexists(mounted.path / "snap" / "removed")
        assert file.read() == tree.pages[0]
        assert mapping[:] == tree.pages[1]
        mapping.close()
