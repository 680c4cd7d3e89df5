"""Snapshots written under /new and committed by a rename; refs; and mounts that refuse all of it."""

import errno
import fcntl
import hashlib
import json
import mmap
import os
import struct
import subprocess
import sys
import time

import pytest
from conftest import Store
from served import Served, errno_of, wait_until
from snapshots import (GEOMETRY, digest_of, draft, fsync_directory, geometry_of, half_bytes, manifest_of, page, read_all,
                       run, some_pages, staged, write_new)

PAGE_BYTES = 2 * half_bytes(GEOMETRY)


@pytest.fixture(params=["auto", "off"])
def served(request, store, tmp_path, mount):  # `mount` skips where there can be none
    with Served(store, tmp_path / "mnt", f"passthrough={request.param}") as mounted:
        yield mounted


@pytest.fixture
def one(store, tmp_path, mount):
    with Served(store, tmp_path / "mnt") as mounted:
        yield mounted


def commit(mounted, name, ref=None):
    os.rename(mounted.path / "new" / name, mounted.path / "snap" / (ref or name))


def error_of(mounted, name):
    return os.getxattr(mounted.path / "new" / name, "user.pfcache.error").decode()


def test_a_rename_makes_a_snapshot_and_its_ref(served, store):
    pages = some_pages(5)
    seqs = [{"id": "a", "page_ixs": [0, 1, 4], "fill_in_last_page": 2}]
    write_new(served.path, "foo", pages, logical_seqs=seqs)
    assert os.listdir(served.path / "snap") == []
    run("mv", served.path / "new/foo", served.path / "snap/foo")
    manifest = (served.path / "snap/foo/manifest.json").read_bytes()
    digest = os.readlink(served.path / "snap/foo")
    assert digest_of(manifest) == digest
    assert json.loads(manifest)["logical_seqs"] == seqs
    for ix, data in pages.items():
        assert (served.path / "snap/foo/pages" / f"{ix:04}").read_bytes() == data
    assert os.listdir(served.path / "new") == []
    assert staged(store) == []
    assert store.json("list")["snapshots"][0]["names"] == ["foo"]
    store.run("verify")
    assert wait_until(lambda: not list((store.path / "staging" / "gone").iterdir()))
    assert store.temp_files() == []


def test_the_digest_is_that_of_the_library(one, store, tmp_path):
    pages = some_pages(3)
    write_new(one.path, "foo", pages)
    commit(one, "foo")
    assert os.readlink(one.path / "snap/foo") == digest_of(manifest_of(pages))
    # The listed form, and k/ and v/ apart, are the same snapshot.
    root = one.path / "new/halves"
    for part in ("", "k", "v"):
        (root / part).mkdir()
    half = half_bytes(GEOMETRY)
    for ix, data in pages.items():
        (root / "v" / f"{ix:04}").write_bytes(data[half:])
        (root / "k" / f"{ix:04}").write_bytes(data[:half])
    (root / "manifest.json").write_bytes(draft(pages=[{"ix": ix} for ix in pages]))
    commit(one, "halves")
    assert os.readlink(one.path / "snap/halves") == os.readlink(one.path / "snap/foo")


def test_an_empty_snapshot(one):
    write_new(one.path, "empty", {})
    commit(one, "empty")
    assert os.listdir(one.path / "snap/empty/pages") == []


def test_pages_in_any_order_and_size_of_write(served):
    geometry = geometry_of(64 << 10)
    pages = {ix: page(ix, 64 << 10) for ix in range(4)}
    root = served.path / "new" / "foo"
    root.mkdir()
    (root / "pages").mkdir()
    with open(root / "pages/0003", "wb", buffering=0) as file:  # before the manifest, in pieces, the last first
        for start in reversed(range(0, 64 << 10, 1000)):
            assert file.seek(start) == start
            file.write(pages[3][start:start + 1000])
    fd = os.open(root / "pages/0001", os.O_CREAT | os.O_RDWR)
    os.posix_fallocate(fd, 0, 100 << 10)
    os.pwrite(fd, pages[1], 0)
    os.ftruncate(fd, 64 << 10)
    os.fsync(fd)
    assert os.pread(fd, 100, 500) == pages[1][500:600]
    os.close(fd)
    fd = os.open(root / "pages/.part", os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    with mmap.mmap(-1, 64 << 10) as aligned:
        aligned[:] = pages[0]
        assert os.write(fd, aligned) == 64 << 10
    os.close(fd)
    os.rename(root / "pages/.part", root / "pages/0000")
    (root / "pages/0009").write_bytes(b"nothing")
    os.unlink(root / "pages/0009")
    with open(root / "pages/0002", "ab") as file:
        file.write(pages[2][:100])
    with open(root / "pages/0002", "ab") as file:
        assert file.tell() == 100
        file.write(pages[2][100:])
    (root / "manifest.json").write_bytes(draft(geometry))
    for ix, data in pages.items():
        assert (root / "pages" / f"{ix:04}").read_bytes() == data
    commit(served, "foo")
    assert os.readlink(served.path / "snap/foo") == digest_of(manifest_of(pages, geometry))


def test_a_page_written_through_a_mapping_that_outlives_its_descriptor(served):
    pages = some_pages(2)
    root = write_new(served.path, "foo", pages)
    fd = os.open(root / "pages/0001", os.O_RDWR)
    mapped = mmap.mmap(fd, PAGE_BYTES)
    os.close(fd)
    mapped[:4] = b"once"
    fsync_directory(root)
    time.sleep(0.05)
    mapped[4:9] = b"twice"  # after the fsync, into a page of memory that was dirty already
    commit(served, "foo")
    pages[1] = b"oncetwice" + pages[1][9:]
    assert os.readlink(served.path / "snap/foo") == digest_of(manifest_of(pages))
    assert (served.path / "snap/foo/pages/0001").read_bytes() == pages[1]
    mapped.close()


def test_a_page_written_again_after_fsync(served):
    pages = some_pages(8)
    root = write_new(served.path, "foo", pages)
    fsync_directory(root)
    pages[3] = page(77, PAGE_BYTES)
    with open(root / "pages/0003", "r+b") as file:
        file.write(pages[3])
    commit(served, "foo")
    assert os.readlink(served.path / "snap/foo") == digest_of(manifest_of(pages))


def test_what_is_wrong_has_its_errno_and_reason_and_loses_nothing(one):
    pages = some_pages(3)
    root = write_new(one.path, "foo", pages, pages=[{"ix": 0}, {"ix": 1}, {"ix": 2}, {"ix": 3}])
    before = read_all(root)

    def fails(expected, named):
        assert errno_of(commit, one, "foo") == expected
        assert named in error_of(one, "foo")
        assert named in one.log()
        assert os.listdir(one.path / "snap") == []

    with pytest.raises(OSError) as none:
        os.getxattr(root, "user.pfcache.error")
    assert none.value.errno == errno.ENODATA
    fails(errno.EINVAL, "pages/0003' is missing")
    assert read_all(root) == before
    assert os.listxattr(root) == ["user.pfcache.error"]
    (root / "pages/0003").write_bytes(b"short")
    fails(errno.EINVAL, "found 5")
    (root / "pages/0003").write_bytes(page(3, PAGE_BYTES))
    (root / "notes.txt").write_text("keep me")
    fails(errno.EINVAL, "notes.txt")
    (root / "notes.txt").unlink()
    (root / "pages/0004").write_bytes(page(4, PAGE_BYTES))
    fails(errno.EINVAL, "page 4")
    (root / "pages/0004").unlink()
    (root / "manifest.json").write_bytes(b"{}")
    fails(errno.EBADMSG, "layout")
    (root / "manifest.json").unlink()
    fails(errno.EINVAL, "manifest.json' is missing")
    wrong = {"ix": 0, "k": "sha256:" + "0" * 64, "v": "sha256:" + "0" * 64}
    (root / "manifest.json").write_bytes(draft(pages=[wrong, {"ix": 1}, {"ix": 2}, {"ix": 3}]))
    fails(errno.EBADMSG, "page 0")
    (root / "manifest.json").write_bytes(draft())
    assert errno_of(commit, one, "foo", "a:b") == errno.EINVAL
    assert errno_of(commit, one, "foo", "0" * 64) == errno.EINVAL
    assert len(read_all(root)) == 5
    commit(one, "foo")
    assert len(os.listdir(one.path / "snap/foo/pages")) == 4


def test_symlinks_lead_nowhere(one, tmp_path):
    (tmp_path / "secret").write_bytes(page(1, PAGE_BYTES))
    root = write_new(one.path, "foo", some_pages(1))
    os.symlink(tmp_path / "secret", root / "pages/0001")
    assert errno_of(commit, one, "foo") == errno.EINVAL
    os.unlink(root / "pages/0001")
    os.rename(root / "pages", root / ".pages")
    os.symlink(tmp_path, root / "pages")
    assert errno_of(commit, one, "foo") in (errno.EINVAL, errno.ENOTDIR)


def test_names_in_new(one):
    new = one.path / "new"
    for name in (".hidden", "a:b", "0" * 64, "x" * 129):
        assert errno_of(os.mkdir, new / name) == errno.EINVAL
    assert errno_of((new / "file").write_bytes, b"") == errno.EINVAL
    (new / "foo").mkdir()
    assert errno_of(os.mkdir, new / "foo") == errno.EEXIST
    os.rename(new / "foo", new / "bar")
    assert os.listdir(new) == ["bar"]
    (new / "bar" / "pages").mkdir()
    assert errno_of(os.rmdir, new / "bar") == errno.ENOTEMPTY
    run("rm", "-r", new / "bar")
    assert os.listdir(new) == []


def test_a_file_unlinked_while_it_is_open_lives_on(served):
    root = write_new(served.path, "foo", {})
    with open(root / "pages/0000", "w+b", buffering=0) as file:
        file.write(b"hello")
        os.unlink(root / "pages/0000")
        (root / "pages/0000").write_bytes(b"other")
        file.write(b" world")
        assert os.fstat(file.fileno()).st_size == 11
        file.seek(0)
        assert file.read() == b"hello world"
    assert (root / "pages/0000").read_bytes() == b"other"


def test_chmod_chown_and_utimens_do_nothing(one):
    root = write_new(one.path, "foo", some_pages(1))
    before = (root / "pages/0000").stat()
    os.chmod(root / "pages/0000", 0o600)
    os.chown(root / "pages/0000", 12, 34)
    os.utime(root / "pages/0000", (1, 1))
    after = (root / "pages/0000").stat()
    assert (before.st_mode, before.st_uid, before.st_gid, before.st_mtime) == (
        after.st_mode, after.st_uid, after.st_gid, after.st_mtime)


def test_after_fsync_the_rename_has_nothing_left_to_store(one, store):
    pages = some_pages(100)
    root = write_new(one.path, "foo", pages)
    fsync_directory(root)
    ready = {blob: blob.stat().st_ino for blob in store.blobs()}
    assert len(ready) == 2 * len(pages) + 1
    assert any(blob.name.startswith(digest_of(manifest_of(pages))) for blob in ready)
    commit(one, "foo")
    assert {blob: blob.stat().st_ino for blob in store.blobs()} == ready


def test_blobs_taken_away_between_fsync_and_rename_are_put_again(one, store):
    pages = some_pages(4)
    root = write_new(one.path, "foo", pages)
    fsync_directory(root)
    blobs = store.blobs()
    assert len(blobs) >= 8
    for blob in blobs:
        blob.unlink()
    commit(one, "foo")
    store.run("verify")
    assert (one.path / "snap/foo/pages/0003").read_bytes() == pages[3]


def test_a_full_disk_fails_the_commit_and_keeps_all(tmp_path, mount):
    disk = tmp_path / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk)
    try:
        store = Store(disk / "store")
        store.run("init")
        geometry = geometry_of(1 << 20)
        pages = {ix: os.urandom(1 << 20) for ix in range(16)}
        with Served(store, tmp_path / "mnt", "hot_size=1M") as served:
            # The manifest comes last: with it the pages are stored while they are written, and the disk is full before.
            root = served.path / "new" / "foo"
            (root / "pages").mkdir(parents=True)
            for ix, data in pages.items():
                (root / "pages" / f"{ix:04}").write_bytes(data)
            (root / "manifest.json").write_bytes(draft(geometry))
            assert errno_of(commit, served, "foo") == errno.ENOSPC
            assert "space" in error_of(served, "foo").lower()
            assert {int(n): (root / "pages" / n).read_bytes() for n in os.listdir(root / "pages")} == pages
            assert os.listdir(served.path / "snap") == []
            for ix in range(6, 16):
                os.unlink(root / "pages" / f"{ix:04}")
            commit(served, "foo")
            assert len(os.listdir(served.path / "snap/foo/pages")) == 6
    finally:
        run("umount", disk)


def test_two_mounts_share_new(store, mount):
    first, second = mount(store), mount(store)
    pages = some_pages(2)
    write_new(first.path, "foo", pages)
    assert (second.path / "new/foo/pages/0001").read_bytes() == pages[1]
    os.rename(second.path / "new/foo", second.path / "snap/foo")
    assert os.readlink(first.path / "snap/foo") == digest_of(manifest_of(pages))
    assert os.listdir(first.path / "new") == []
    assert not (first.path / "new/foo").exists()


def test_a_daemon_that_died_loses_nothing_that_was_written(store, tmp_path, mount):
    pages = some_pages(4)
    served = Served(store, tmp_path / "mnt")
    write_new(served.path, "foo", pages)
    served.kill()
    with Served(store, tmp_path / "mnt") as again:
        assert len(os.listdir(again.path / "new/foo/pages")) == 4
        commit(again, "foo")
        assert os.readlink(again.path / "snap/foo") == digest_of(manifest_of(pages))


def test_the_directory_is_locked_while_it_is_in_use(one, store):
    write_new(one.path, "foo", some_pages(1))
    fd = os.open(store.path / "staging/new/foo", os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


# --- refs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(one, store):
    geometry = "--page-tokens 4 --layers 2 --heads 2 --head-dim 4 --dtype bf16".split()
    return one, [store.capture(f"synthetic:2:{seed}", *geometry) for seed in (1, 2)]


def test_refs_are_made_moved_and_removed_by_files(two, store):
    mounted, (first, second) = two
    snap = mounted.path / "snap"
    run("ln", "-s", first, snap / "prod")
    assert os.readlink(snap / "prod") == first
    assert store.json("list")["snapshots"]
    run("ln", "-sfn", second, snap / "prod")
    assert os.readlink(snap / "prod") == second
    run("ln", "-s", first, snap / "next")
    run("mv", "-T", snap / "next", snap / "prod")
    assert sorted(os.listdir(snap)) == sorted([first, second, "prod"])
    assert os.readlink(snap / "prod") == first
    run("rm", snap / "prod")
    assert sorted(os.listdir(snap)) == sorted([first, second])


def test_bad_refs_are_refused(two):
    mounted, (first, _) = two
    snap = mounted.path / "snap"
    assert errno_of(os.symlink, "0" * 64, snap / "prod") == errno.ENOENT
    for target in ("nowhere", "/etc", f"../{first}", first[:12], first.upper()):
        assert errno_of(os.symlink, target, snap / "prod") == errno.EINVAL
    assert errno_of(os.symlink, first, snap / ".prod") == errno.EINVAL
    os.symlink(first, snap / "prod")
    assert errno_of(os.symlink, first, snap / "prod") == errno.EEXIST
    assert errno_of(os.rename, snap / "prod", snap / ".p") == errno.EINVAL
    assert errno_of(os.rename, snap / first, snap / "other") in (errno.ENOENT, errno.EPERM)
    assert errno_of(os.mkdir, snap / "foo") == errno.EINVAL
    assert errno_of(os.rmdir, snap / first) == errno.EPERM
    assert errno_of(os.unlink, snap / first / "pages/0000") == errno.EPERM
    assert errno_of(os.truncate, snap / first / "pages/0000", 0) == errno.EPERM
    assert errno_of(os.open, snap / first / "pages/0000", os.O_WRONLY) == errno.EPERM
    assert errno_of((snap / first / "more").write_bytes, b"") == errno.EPERM


# --- read-only -------------------------------------------------------------------------------------------------------


def everything_is_refused(root, digest):
    snap = root / "snap"
    for call, *args in [(os.mkdir, root / "new/foo"), (os.mkdir, snap / ("0" * 64)), (os.symlink, digest, snap / "x"),
                        (os.unlink, snap / "prod"), (os.rename, snap / "prod", snap / "other"),
                        (os.open, snap / digest / "pages/0000", os.O_WRONLY), (os.truncate, snap / digest / "pages/0000", 0),
                        (os.chmod, snap / digest / "pages/0000", 0o600), (os.rmdir, snap / digest),
                        (os.open, snap / digest / "pages/.x", os.O_CREAT | os.O_WRONLY)]:
        assert errno_of(call, *args) == errno.EROFS, (call, args)


def test_ro_refuses_all_of_it(store, mount):
    digest = store.capture("synthetic:2:1", *"--page-tokens 4 --layers 2 --heads 2 --head-dim 4 --dtype bf16".split())
    store.run("name", digest, "prod")
    root = mount(store, "ro").path
    everything_is_refused(root, digest)
    assert os.statvfs(root).f_flag & os.ST_RDONLY
    assert os.listdir(root / "new") == []


def test_a_store_that_cannot_be_written_is_mounted_read_only_and_that_is_said(store, tmp_path, mount):
    digest = store.capture("synthetic:2:1", *"--page-tokens 4 --layers 2 --heads 2 --head-dim 4 --dtype bf16".split())
    store.run("name", digest, "prod")
    bound = tmp_path / "bound"
    bound.mkdir()
    run("mount", "--bind", store.path, bound)
    run("mount", "-o", "remount,bind,ro", bound)
    try:
        with Served(Store(bound), tmp_path / "mnt") as served:
            everything_is_refused(served.path, digest)
            assert "read-only" in served.log()
    finally:
        run("umount", bound)


REPLACE = """
import os, sys, time
path, data, end = sys.argv[1], sys.stdin.buffer.read(), time.monotonic() + 2
while time.monotonic() < end:
    with open(path + ".tmp.1", "wb") as file:
        file.write(data)
    os.rename(path + ".tmp.1", path)
"""


@pytest.mark.parametrize("where", ["new", "prompt"])
def test_a_file_that_is_replaced_all_the_time_is_always_there(store, mount, where):
    """By renames, as ds4, vLLM and SGLang do it."""
    mounted = mount(store)
    if where == "new":
        (mounted.path / "new" / "foo").mkdir()
        path, data = mounted.path / "new" / "foo" / "x", b"x" * 4096
    else:
        data = struct.pack("<4sBBBBIIIIQQQI", b"KVC\x01", 2, 1, 0, 0, 1, 0, 8192, 0, 1700000000, 1700000001, 4096, 4) + b"text" + b"p" * 4096
        path = mounted.path / "prompt" / f"{hashlib.sha1(b'text').hexdigest()}.kv"
    writer = subprocess.Popen([sys.executable, "-c", REPLACE, str(path)], stdin=subprocess.PIPE)
    writer.stdin.write(data)
    writer.stdin.close()
    assert wait_until(path.exists)
    looks = 0
    while writer.poll() is None:
        os.stat(path)
        assert path.read_bytes() == data
        looks += 1
    assert writer.returncode == 0 and looks > 50


def test_a_file_without_a_name_is_opened_again_by_its_descriptor(served):
    (served.path / "new" / "foo").mkdir()
    with open(served.path / "new" / "foo" / "x", "w+b", buffering=0) as file:
        file.write(b"kept")
        os.unlink(file.name)
        with open(f"/proc/self/fd/{file.fileno()}", "rb") as again:
            assert again.read() == b"kept"


MAP_AND_SYNC = """
import mmap, os, sys
fd = os.open(sys.argv[1] + "/pages/0000", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, int(sys.argv[2]))
mapping = mmap.mmap(fd, int(sys.argv[2]))
mapping[:5] = b"dirty"
os.fsync(os.open(sys.argv[1], os.O_RDONLY))
"""


def test_what_is_mapped_is_synced_by_however_few_threads(store, tmp_path, mount):
    """The sync waits for the kernel to write the mapping, which takes another thread."""
    with Served(store, tmp_path / "mnt", "passthrough=off,threads=1") as served:
        root = served.path / "new" / "foo"
        (root / "pages").mkdir(parents=True)
        (root / "manifest.json").write_bytes(draft())
        subprocess.run([sys.executable, "-c", MAP_AND_SYNC, str(root), str(PAGE_BYTES)], check=True, timeout=30)
        assert (root / "pages" / "0000").read_bytes()[:5] == b"dirty"
