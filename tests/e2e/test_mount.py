"""The tree under a mount: what is listed, looked up and read, and that ordinary tools work on it."""

import errno
import filecmp
import hashlib
import json
import mmap
import os
import shutil
import stat
import subprocess
import tarfile
import time as time_module

import pytest
from conftest import DATA, Store
from handmade import add_snapshot

GEOMETRY = "--page-tokens 4 --layers 2 --heads 2 --head-dim 4 --dtype bf16".split()
LARGE_GEOMETRY = "--page-tokens 16 --layers 4 --heads 4 --head-dim 64 --dtype bf16".split()  # pages of 64 KiB
G2 = "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b"


def run(*command, **kwargs):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=120, **kwargs)


def pages_of(directory):
    return {path.name: path.read_bytes() for path in sorted((directory / "pages").iterdir())}


@pytest.fixture
def g2(store):
    assert store.capture("synthetic:8:99", *GEOMETRY) == G2
    return store


def test_tree_is_what_the_design_says(g2, mount):
    g2.run("name", G2, "prod")
    root = mount(g2).path
    numbers = [f"{i:04}" for i in range(8)]
    assert sorted(os.listdir(root)) == [".pfcache", "new", "prompt", "snap", "warm"]
    assert sorted(os.listdir(root / "snap")) == [G2, "prod"]
    snapshot = root / "snap" / G2
    assert sorted(os.listdir(snapshot)) == ["k", "manifest.json", "pages", "seqs", "v"]
    for directory in ("pages", "k", "v", "seqs/seq-seed-0000000000000063"):
        assert os.listdir(snapshot / directory) == numbers
    assert os.listdir(snapshot / "seqs") == ["seq-seed-0000000000000063"]
    assert os.readlink(root / "snap" / "prod") == G2
    for i, number in enumerate(numbers):
        link = snapshot / "seqs" / "seq-seed-0000000000000063" / number
        assert os.readlink(link) == f"../../pages/{i:04}"
        assert link.samefile(snapshot / "pages" / number)


def test_a_page_is_k_then_v_and_the_manifest_names_all(g2, mount, tmp_path):
    snapshot = mount(g2).path / "snap" / G2
    manifest = (snapshot / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == G2
    for entry in json.loads(manifest)["pages"]:
        name = f"{entry['ix']:04}"
        k, v = (snapshot / "k" / name).read_bytes(), (snapshot / "v" / name).read_bytes()
        assert (snapshot / "pages" / name).read_bytes() == k + v
        assert entry["k"] == "sha256:" + hashlib.sha256(k).hexdigest()
        assert entry["v"] == "sha256:" + hashlib.sha256(v).hexdigest()
    g2.run("restore", G2, tmp_path / "restored")
    run("cmp", tmp_path / "restored" / "manifest.json", snapshot / "manifest.json")
    run("diff", "-r", tmp_path / "restored" / "pages", snapshot / "pages")


def test_attributes_belong_to_the_content(g2, mount):
    other = g2.capture("synthetic:4:99", *GEOMETRY)  # its pages are the first four of G2's
    root = mount(g2, "umask=027", "uid=123", "gid=45").path / "snap"
    page, same_page = (root / G2 / "pages/0003").stat(), (root / other / "pages/0003").stat()
    assert page == same_page
    assert page.st_ino != (root / G2 / "pages/0002").stat().st_ino
    assert stat.S_ISREG(page.st_mode) and stat.S_IMODE(page.st_mode) == 0o440
    assert (page.st_uid, page.st_gid, page.st_size, page.st_nlink) == (123, 45, 256, 2)
    assert 0 <= page.st_mtime < 2**30 and page.st_mtime_ns % 10**9 == 0
    assert page.st_mtime == page.st_atime == page.st_ctime
    assert stat.S_IMODE((root / G2).stat().st_mode) == 0o550
    listed = {entry.name: entry.inode() for entry in os.scandir(root / G2 / "pages")}
    assert listed["0003"] == page.st_ino


def test_lookups_by_every_spelling(g2, mount):
    root = mount(g2).path / "snap"
    assert (root / f"sha256:{G2}").samefile(root / G2)
    assert not (root / G2[:12]).exists()
    assert not (root / G2.upper()).exists()
    assert not (root / "sha256:").exists()
    assert not (root / G2 / "pages/3").exists()
    assert not (root / G2 / "pages/0008").exists()
    with pytest.raises(FileNotFoundError):
        os.stat(root / ("x" * 200))


def test_snapshots_and_refs_of_another_process_come_and_go_at_once(store, mount):
    root = mount(store).path / "snap"
    for _ in range(3):
        assert not (root / G2).exists()
        assert not (root / "prod").exists()
        assert os.listdir(root) == []
        store.capture("synthetic:8:99", *GEOMETRY)
        assert (root / G2 / "pages/0007").stat().st_size == 256
        store.run("name", G2, "prod")
        assert os.readlink(root / "prod") == G2
        assert len(os.listdir(root / "prod" / "pages")) == 8
        assert sorted(os.listdir(root)) == [G2, "prod"]
        other = store.capture("synthetic:2:5", *GEOMETRY)
        store.run("name", other, "prod")
        assert os.readlink(root / "prod") == other
        assert len(os.listdir(root / "prod" / "pages")) == 2
        store.run("unname", "prod")
        assert not (root / "prod").exists()
        store.run("remove", G2)
        store.run("remove", other)
        assert not (root / G2).exists()
        assert not (root / G2 / "pages/0007").exists()


def test_an_open_file_survives_the_removal_of_its_snapshot(g2, mount):
    root = mount(g2).path / "snap"
    with open(root / G2 / "pages/0001", "rb") as page:
        g2.run("remove", G2)
        assert not (root / G2).exists()
        assert len(page.read()) == 256


def test_time_of_snap_changes_with_what_is_in_it(store, mount):
    snap = mount(store).path / "snap"
    store.capture("synthetic:8:99", *GEOMETRY)
    for directory, time in (("snapshots", 2_000_000_000), ("refs", 2_000_000_100)):
        (store.path / directory).mkdir(exist_ok=True)
        os.utime(store.path / directory, (time, time))
        time_module.sleep(0.15)  # for so long the kernel may keep the attributes
        assert snap.stat().st_mtime == time


def test_mmap_pread_and_direct_reads_give_the_page(store, mount, tmp_path):
    digest = store.capture("synthetic:3:7", *LARGE_GEOMETRY)
    store.run("restore", digest, tmp_path / "restored")
    root = mount(store).path / "snap" / digest / "pages"
    for name, expected in pages_of(tmp_path / "restored").items():
        assert (root / name).read_bytes() == expected
        fd = os.open(root / name, os.O_RDONLY)
        try:
            for access in ({"prot": mmap.PROT_READ}, {"flags": mmap.MAP_PRIVATE, "prot": mmap.PROT_READ | mmap.PROT_WRITE}):
                with mmap.mmap(fd, 0, **access) as mapped:
                    assert mapped[:] == expected
            half = len(expected) // 2
            assert os.pread(fd, 100, half - 50) == expected[half - 50 : half + 50]
            assert os.pread(fd, 100, len(expected) - 10) == expected[-10:]
            assert os.pread(fd, 100, len(expected)) == b""
        finally:
            os.close(fd)
        run("dd", f"if={root / name}", f"of={tmp_path / 'direct'}", "iflag=direct", "bs=4096")
        assert (tmp_path / "direct").read_bytes() == expected


def test_sequence_ids_of_any_bytes_become_safe_names(store, mount):
    page = (bytes(128), bytes(128))
    long_id = "x" * 300
    seqs = [("a/b", [0]), ("", [1]), (".", [0]), ("..", [0]), (".hid", [0]), ("é %", [0]), ("\n", [0]), ("same", [0]),
            ("same", [1, 9]), (long_id, [0]), ("y" * 255, [0])]
    digest = add_snapshot(store, [(0, *page), (1, *page)], seqs)
    root = mount(store).path / "snap" / digest / "seqs"
    hashed = "x" * 180 + "%%" + hashlib.sha256(long_id.encode()).hexdigest()[:16]
    assert sorted(os.listdir(root)) == sorted(
        ["a%2Fb", "%", "%2E", "%2E.", "%2Ehid", "%C3%A9%20%25", "%0A", "same", hashed, "y" * 255])
    assert os.readlink(root / "same" / "0000") == "../../pages/0001"
    assert os.readlink(root / "same" / "0001") == "../../pages/0009"  # which isn't there
    assert os.listdir(root / hashed) == ["0000"]


def test_of_pages_with_one_ix_the_last_counts(store, mount):
    first, last, v = bytes([1]) * 128, bytes([2]) * 128, bytes(128)
    digest = add_snapshot(store, [(12345, first, v), (3, first, v), (12345, last, v)])
    root = mount(store).path / "snap" / digest / "pages"
    assert os.listdir(root) == ["0003", "12345"]
    assert (root / "12345").read_bytes() == last + v


def test_a_snapshot_without_pages_is_shown(store, mount):
    digest = store.capture("synthetic:0:0", *"--page-tokens 16 --layers 0 --heads 0 --head-dim 0 --dtype bf16".split())
    assert digest == "545e82c47227b0f40f78b93b74e0e1dbc999c5e0f1b5008ae3f94966472f39b2"
    root = mount(store).path / "snap" / digest
    assert os.listdir(root / "pages") == []
    assert (root / "manifest.json").stat().st_size == 210


def test_a_store_that_pf_core_wrote_is_shown_as_it_is(mount, tmp_path):
    with tarfile.open(DATA / "pf-core-store-g2.tar.gz") as archive:
        archive.extractall(tmp_path / "foreign")
    (blobs,) = (tmp_path / "foreign").rglob("blobs")
    before = sorted(blobs.parent.rglob("*"))
    root = mount(Store(blobs.parent)).path / "snap"
    assert os.listdir(root) == []  # nothing in it says which blobs are manifests
    assert hashlib.sha256((root / G2 / "manifest.json").read_bytes()).hexdigest() == G2
    for entry in json.loads((root / G2 / "manifest.json").read_bytes())["pages"]:
        k = (root / G2 / "k" / f"{entry['ix']:04}").read_bytes()
        assert entry["k"] == "sha256:" + hashlib.sha256(k).hexdigest()
    assert sorted(blobs.parent.rglob("*")) == before


# The tools people use. Each works on one mounted snapshot, or on two that share pages.


def test_find_sees_every_file(g2, mount):
    root = mount(g2).path
    found = run("find", root / "snap", "-type", "f").stdout.split()
    assert len(found) == 1 + 3 * 8
    assert len(run("find", root / "snap", "-type", "l").stdout.split()) == 8
    assert len(run("find", "-L", root / "snap", "-samefile", root / "snap" / G2 / "pages/0002").stdout.split()) == 2


def test_sha256sum_and_jq(g2, mount):
    snapshot = mount(g2).path / "snap" / G2
    assert run("sha256sum", snapshot / "manifest.json").stdout.split()[0] == G2
    for line in run("jq", "-r", '.pages[] | "\\(.ix) \\(.k)"', snapshot / "manifest.json").stdout.splitlines():
        ix, digest = line.split()
        assert "sha256:" + run("sha256sum", snapshot / "k" / f"{int(ix):04}").stdout.split()[0] == digest


def test_cp_and_diff(g2, mount, tmp_path):
    snap = mount(g2).path / "snap"
    run("cp", "-r", snap, tmp_path / "copy")
    run("diff", "-r", snap, tmp_path / "copy")
    run("cp", "-a", snap, tmp_path / "archive")
    run("diff", "-r", snap, tmp_path / "archive")
    shutil.copytree(snap, tmp_path / "python", symlinks=True)
    assert not filecmp.dircmp(snap / G2 / "pages", tmp_path / "python" / G2 / "pages").diff_files


@pytest.mark.parametrize("flags", [[], ["--sparse"]], ids=["plain", "sparse"])
def test_tar_keeps_bytes_and_shared_pages(store, mount, tmp_path, flags):
    first = store.capture("synthetic:4:99", *LARGE_GEOMETRY)
    second = store.capture("synthetic:2:99", *LARGE_GEOMETRY)
    snap = mount(store).path / "snap"
    archive = tmp_path / "snap.tar"
    run("tar", *flags, "-cf", archive, "-C", snap, ".")
    (tmp_path / "out").mkdir()
    run("tar", "-xf", archive, "-C", tmp_path / "out")
    run("diff", "-r", snap, tmp_path / "out")
    out = tmp_path / "out"
    assert (out / first / "pages/0001").samefile(out / second / "pages/0001")
    assert len(run("tar", "-tf", archive).stdout.splitlines()) > 20


def test_du_counts_shared_pages_once(store, mount):
    page_bytes = 2 * 4 * 16 * 4 * 64 * 2
    first = store.capture("synthetic:8:99", *LARGE_GEOMETRY)
    second = store.capture("synthetic:6:99", *LARGE_GEOMETRY)
    snap = mount(store).path / "snap"

    def du(*directories):
        return int(run("du", "-sc", "--block-size=1", *directories).stdout.splitlines()[-1].split()[0])

    overhead = 2 * 30 * 512 + 16384
    assert 8 * page_bytes <= du(snap / first) <= 8 * page_bytes + overhead
    assert 6 * page_bytes <= du(snap / second) <= 6 * page_bytes + overhead
    assert 8 * page_bytes <= du(snap / first, snap / second) <= 8 * page_bytes + overhead
    assert 8 * page_bytes <= du(snap) <= 8 * page_bytes + overhead


def test_rsync_keeps_shared_pages_as_hard_links_and_sends_nothing_twice(store, mount, tmp_path):
    first = store.capture("synthetic:4:99", *LARGE_GEOMETRY)
    second = store.capture("synthetic:3:99", *LARGE_GEOMETRY)
    store.run("name", first, "prod")
    snap = mount(store).path / "snap"
    copy = tmp_path / "copy"
    run("rsync", "-aH", f"{snap}/", copy)
    run("diff", "-r", snap, copy)
    for number in ("0000", "0001", "0002"):
        assert (copy / first / "pages" / number).samefile(copy / second / "pages" / number)
    assert os.readlink(copy / "prod") == first
    assert (copy / first / "pages/0003").stat().st_mtime == (snap / first / "pages/0003").stat().st_mtime
    again = run("rsync", "-aH", "--stats", f"{snap}/", copy).stdout
    assert "Number of regular files transferred: 0" in again


def test_copies_of_a_whole_mount_do_not_trip_over_what_it_says_about_itself(g2, mount, tmp_path):
    """Its size is 0 whatever there is to read: tar and rsync copy that, cp what it reads."""
    whole, info = mount(g2).path, ["metrics", "stats.json", "version"]
    run("tar", "-cf", tmp_path / "whole.tar", "-C", whole, ".")
    with tarfile.open(tmp_path / "whole.tar") as archive:
        assert [archive.getmember(f"./.pfcache/{name}").size for name in info] == [0, 0, 0]
    run("cp", "-a", whole, tmp_path / "cp")
    assert (tmp_path / "cp/.pfcache/version").read_text() == (whole / ".pfcache/version").read_text()
    for sent in (True, False):
        copied = run("rsync", "-aH", "--itemize-changes", f"{whole}/", tmp_path / "rsync").stdout
        assert [f".pfcache/{name}" in copied for name in info] == [sent] * 3
    for copy in ("cp", "rsync"):
        assert pages_of(tmp_path / copy / "snap" / G2) == pages_of(whole / "snap" / G2)
        assert sorted(os.listdir(tmp_path / copy)) == sorted(os.listdir(whole))


def test_nothing_can_be_written(g2, mount):
    root = mount(g2, "ro").path
    page = root / "snap" / G2 / "pages/0000"

    attempts = [
        lambda: open(page, "r+b"),
        lambda: open(root / "snap" / "new", "wb"),
        lambda: os.truncate(page, 0),
        lambda: os.unlink(page),
        lambda: os.mkdir(root / "snap" / "new"),
        lambda: os.rmdir(root / "snap" / G2),
        lambda: os.rename(page, root / "snap" / "new"),
        lambda: os.symlink(G2, root / "snap" / "prod"),
        lambda: os.link(page, root / "snap" / G2 / "pages" / "0009"),
        lambda: os.chmod(page, 0o600),
        lambda: os.chown(page, 1, 1),
        lambda: os.utime(page, (0, 0)),
        lambda: os.mkfifo(root / "snap" / "fifo"),
    ]
    for attempt in attempts:
        with pytest.raises(OSError) as failure:
            attempt()
        assert failure.value.errno == errno.EROFS
    assert len(page.read_bytes()) == 256


def test_statfs_tells_the_space_of_the_store(g2, mount):
    root = mount(g2, "ro").path
    here, there = os.statvfs(root), os.statvfs(g2.path)
    assert (here.f_blocks, here.f_bsize) == (there.f_blocks, there.f_bsize)
    assert here.f_flag & os.ST_RDONLY


def test_extended_attributes_are_not_there(g2, mount):
    page = mount(g2).path / "snap" / G2 / "pages/0000"
    with pytest.raises(OSError) as failure:
        os.getxattr(page, "user.pfcache")
    assert failure.value.errno in (errno.ENODATA, errno.EOPNOTSUPP)


def test_reading_the_mount_leaves_the_store_as_it_was(g2, mount):
    before = {path: path.stat().st_mtime_ns for path in g2.path.rglob("*")}
    for path in mount(g2).path.rglob("*"):
        if path.is_file():
            path.read_bytes()
    assert {path: path.stat().st_mtime_ns for path in g2.path.rglob("*")} == before
