"""cp, tar and Python's shutil bring a snapshot into /snap of another mount, as rsync does."""

import errno
import os
import shutil
import subprocess
import tarfile

import pytest
from conftest import Store
from page_trees import SMALL, TINY, PageTree, sealed, tree_with_twins, wait_for_seal


def run(*command, check=True, **kwargs):
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, **kwargs)
    if check:
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result


@pytest.fixture
def source(mount, tmp_path):
    store = Store(tmp_path / "source store")
    store.run("init")
    tree = tree_with_twins(SMALL)
    store.capture(tree.write(tmp_path / "captured"))
    mounted = mount(store)
    mounted.tree, mounted.store = tree, store
    return mounted


@pytest.fixture
def snap(store, mount):
    return mount(store).path / "snap"


def assert_arrived(store, snap, tree, is_waited_for=False):
    if is_waited_for:
        wait_for_seal(store, tree)
    assert tree.digest in sealed(store)
    tree.assert_at(snap / tree.digest)
    store.run("verify", tree.digest)


def by_tar(source, target, *flags):
    archive = target.parent.parent / "snapshot.tar"
    run("tar", "-cf", archive, "-C", source.parent, source.name)
    run("tar", *flags, "-xf", archive, "-C", target)


def by_tar_pipe(source, target):
    run("sh", "-c", 'tar -cf - -C "$1" "$2" | tar -xpf - -C "$3"', "sh", source.parent, source.name, target)


def by_cpio_order_of_find(source, target):
    """One file after the other in whatever order the directory gives them, with plain writes of odd sizes."""
    for path in source.rglob("*"):
        place = target / source.name / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and not path.is_symlink() and not place.exists():
            with open(path, "rb") as given, open(place, "wb", buffering=0) as taken:
                while block := given.read(5000):
                    taken.write(block)


def by_python_tarfile(source, target):
    archive = target.parent.parent / "snapshot.tar"
    with tarfile.open(archive, "w") as made:
        made.add(source, source.name)
    with tarfile.open(archive) as made:
        made.extractall(target)


WAYS = {
    "cp -r": lambda source, target: run("cp", "-r", source, target),
    "cp -a": lambda source, target: run("cp", "-a", source, target),
    "cp -rL": lambda source, target: run("cp", "-rL", source, target),
    "cp -r --reflink=never --sparse=always": lambda s, t: run("cp", "-r", "--reflink=never", "--sparse=always", s, t),
    "tar -x": by_tar,
    "tar -xp --same-owner": lambda source, target: by_tar(source, target, "-p", "--same-owner"),
    "tar | tar": by_tar_pipe,
    "shutil.copytree": lambda source, target: shutil.copytree(source, target / source.name, symlinks=True),
    "shutil.copytree following": lambda source, target: shutil.copytree(source, target / source.name),
    "shutil.copytree, shutil.copyfile": lambda source, target: shutil.copytree(
        source, target / source.name, symlinks=True, copy_function=shutil.copyfile),
    "tarfile": by_python_tarfile,
    "open and write": by_cpio_order_of_find,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_from_a_mount(source, store, snap, way):
    way(source.path / "snap" / source.tree.digest, snap)
    assert_arrived(store, snap, source.tree)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_from_a_plain_directory(store, snap, tmp_path, way):
    tree = tree_with_twins(TINY)
    way(tree.write(tmp_path / tree.digest), snap)
    assert_arrived(store, snap, tree)


def test_from_a_plain_directory_of_halves(store, snap, tmp_path):
    tree = tree_with_twins(TINY)
    WAYS["tar -x"](tree.write(tmp_path / tree.digest, ("k", "v")), snap)
    assert_arrived(store, snap, tree, is_waited_for=True)


@pytest.mark.parametrize("way", ["cp -r", "tar -x", "shutil.copytree"])
def test_again_what_is_there(source, store, snap, way):
    """As on a directory that is read-only it may be refused, and nothing changes."""
    WAYS["cp -r"](source.path / "snap" / source.tree.digest, snap)
    assert_arrived(store, snap, source.tree)
    try:
        WAYS[way](source.path / "snap" / source.tree.digest, snap)
    except (AssertionError, OSError):
        pass
    assert_arrived(store, snap, source.tree)


def test_a_page_that_does_not_match_fails_the_copy(store, snap, tmp_path):
    tree = PageTree.of_seed(4, "bad", SMALL)
    plain = tree.write(tmp_path / tree.digest)
    bad = bytes(len(tree.pages[2]))
    (plain / "pages" / "0002").write_bytes(bad)
    os.mkdir(snap / tree.digest)
    shutil.copyfile(plain / "manifest.json", snap / tree.digest / "manifest.json")
    result = run("cp", "-r", plain / "pages", snap / tree.digest, check=False)
    assert result.returncode != 0
    assert "Bad message" in result.stderr and "0002" in result.stderr
    assert sealed(store) == set()
    assert "0002" in os.getxattr(snap / tree.digest, "user.pfcache.error").decode()
    shutil.copyfile(tree.write(tmp_path / "good") / "pages" / "0002", snap / tree.digest / "pages" / "0002")
    assert_arrived(store, snap, tree)


def test_a_page_written_in_parts_is_checked_when_it_is_closed(store, snap):
    tree = PageTree.of_seed(2, "parts", SMALL)
    directory = snap / tree.digest
    (directory / "pages").mkdir(parents=True)
    (directory / "manifest.json").write_bytes(tree.manifest)
    middle = len(tree.pages[0]) // 2
    fd = os.open(directory / "pages" / "0000", os.O_WRONLY | os.O_CREAT)
    os.pwrite(fd, tree.pages[0][middle:], middle)
    os.pwrite(fd, tree.pages[0][:middle], 0)
    os.close(fd)
    fd = os.open(directory / "pages" / "0001", os.O_WRONLY | os.O_CREAT)
    os.write(fd, tree.pages[1][:middle])
    with pytest.raises(OSError) as failure:
        os.close(fd)
    assert failure.value.errno == errno.EBADMSG
    assert sealed(store) == set()
    (directory / "pages" / "0001").write_bytes(tree.pages[1])
    assert_arrived(store, snap, tree)


def test_a_rename_of_what_does_not_match_fails(store, snap):
    tree = PageTree.of_seed(2, "rename", SMALL)
    directory = snap / tree.digest
    (directory / "pages").mkdir(parents=True)
    (directory / "manifest.json").write_bytes(tree.manifest)
    (directory / "pages" / ".0000.tmp").write_bytes(tree.pages[1])
    with pytest.raises(OSError) as failure:
        os.rename(directory / "pages" / ".0000.tmp", directory / "pages" / "0000")
    assert failure.value.errno == errno.EBADMSG
    os.rename(directory / "pages" / ".0000.tmp", directory / "pages" / "0001")
    (directory / "pages" / ".again").write_bytes(tree.pages[0])
    os.rename(directory / "pages" / ".again", directory / "pages" / "0000")
    assert_arrived(store, snap, tree)


def test_what_has_no_place_in_a_snapshot_is_refused(store, snap):
    tree = PageTree.of_seed(2, "odd", SMALL)
    directory = snap / tree.digest
    (directory / "pages").mkdir(parents=True)
    (directory / "manifest.json").write_bytes(tree.manifest)
    for attempt in (
        lambda: (directory / "pages" / "0007").write_bytes(b"x"),
        lambda: (directory / "pages" / "7").write_bytes(b"x"),
        lambda: (directory / "notes.txt").write_bytes(b"x"),
        lambda: (directory / "other").mkdir(),
        lambda: os.mkfifo(directory / "pages" / "0000"),
        lambda: os.mkdir(snap / "not a name"),
        lambda: os.mkdir(snap / ("AB" * 32)),
        lambda: (snap / "file").write_bytes(b"x"),
    ):
        with pytest.raises(OSError):
            attempt()
    for ix in tree.pages:
        (directory / "pages" / f"{ix:04}").write_bytes(tree.pages[ix])
    assert_arrived(store, snap, tree)


def test_a_sealed_snapshot_can_not_be_changed(source, store, snap):
    WAYS["cp -r"](source.path / "snap" / source.tree.digest, snap)
    assert_arrived(store, snap, source.tree)
    directory = snap / source.tree.digest
    page = directory / "pages" / "0000"
    for attempt in (
        lambda: page.write_bytes(b"x"),
        lambda: open(page, "r+b").close(),
        lambda: os.truncate(page, 0),
        lambda: os.unlink(page),
        lambda: (directory / "manifest.json").write_bytes(b"{}"),
        lambda: os.rename(page, directory / "pages" / "0001"),
        lambda: os.rename(directory, snap / ("0" * 64)),
        lambda: os.rename(directory / "pages", directory / "k"),
        lambda: (directory / "notes").write_bytes(b"x"),
    ):
        try:
            attempt()
        except OSError:
            pass
        assert_arrived(store, snap, source.tree)


def test_a_read_only_mount_refuses_all_of_it(source, mount, store, tmp_path):
    store.capture(source.tree.write(tmp_path / "held"), "--name", "prod")
    read_only = mount(store, "ro").path
    snap, digest = read_only / "snap", source.tree.digest
    with pytest.raises(OSError) as failure:
        os.mkdir(read_only / "new" / "foo")
    assert failure.value.errno in (errno.EROFS, errno.ENOENT)  # /new need not be there at all
    for attempt in (
        lambda: os.mkdir(snap / ("ab" * 32)),
        lambda: os.symlink(digest, snap / "next"),
        lambda: os.unlink(snap / "prod"),
        lambda: os.rename(snap / "prod", snap / "next"),
        lambda: open(snap / digest / "pages" / "0000", "r+b"),
        lambda: open(snap / digest / "pages" / "0099", "wb"),
        lambda: os.truncate(snap / digest / "pages" / "0000", 0),
        lambda: os.chmod(snap / digest / "pages" / "0000", 0o600),
        lambda: os.utime(snap / digest / "manifest.json", (0, 0)),
        lambda: os.mkdir(snap / digest / "pages" / ".rsync-partial"),
        lambda: os.rmdir(snap / digest),
    ):
        with pytest.raises(OSError) as failure:
            attempt()
        assert failure.value.errno == errno.EROFS
    result = run("rsync", "-a", source.path / "snap" / digest, f"{snap}/", check=False)
    assert result.returncode == 0 or "Read-only file system" in result.stderr
    assert not (store.path / "staging").exists() or not list((store.path / "staging").rglob("*/*"))
    source.tree.assert_at(snap / digest)
