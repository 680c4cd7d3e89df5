"""Extended attributes of what a mount shows: told to those who ask by name, and in nobody's way."""

import errno
import hashlib
import json
import os

import pytest
from conftest import Store
from snapshots import run

GEOMETRY = "--page-tokens 16 --layers 2 --heads 4 --head-dim 64 --dtype bf16".split()


def attribute(path, name):
    return run("getfattr", "--only-values", "-n", f"user.pfcache.{name}", path).stdout


def refusal(path, name):
    with pytest.raises(OSError) as failure:
        os.getxattr(path, name)
    return failure.value.errno


@pytest.fixture
def shared(store, mount):
    """A mount of two snapshots, the shorter one's pages being in both; the path of the longer one."""
    store.capture("synthetic:3:1", *GEOMETRY)
    longer = store.capture("synthetic:5:1", *GEOMETRY)
    return mount(store).path / "snap" / longer


def test_a_page_says_what_it_is_made_of(store, shared):
    listed = json.loads((shared / "manifest.json").read_bytes())["pages"]
    page, half = shared / "pages" / "0001", shared / "k" / "0001"
    assert "sha256:" + attribute(page, "k_digest") == listed[1]["k"]
    assert "sha256:" + attribute(page, "v_digest") == listed[1]["v"]
    assert attribute(half, "digest") == hashlib.sha256(half.read_bytes()).hexdigest() == attribute(page, "k_digest")
    blob = next(store.path.glob(f"blobs/sha256/??/{attribute(half, 'digest')}.*"))
    assert attribute(half, "stored_bytes") == str(blob.stat().st_size)
    assert attribute(half, "encoding") == {".zp2": "planes2", ".raw": "raw", ".zst": "zstd"}[blob.suffix]
    assert attribute(page, "encoding").split(",")[0] == attribute(half, "encoding")
    assert attribute(shared / "manifest.json", "digest") == attribute(shared, "digest") == shared.name


def test_a_page_says_how_many_snapshots_hold_it(store, shared):
    assert attribute(shared / "pages" / "0000", "snapshots") == "2"
    assert attribute(shared / "pages" / "0004", "snapshots") == "1"
    assert attribute(shared / "v" / "0004", "snapshots") == "1"
    store.capture("synthetic:6:1", *GEOMETRY)
    assert attribute(shared / "pages" / "0004", "snapshots") == "2"


def test_what_a_directory_stores_adds_up(store, shared):
    blobs = {p.name.split(".")[0]: p.stat().st_size for p in store.blobs()}
    needed = {shared.name}
    for page in json.loads((shared / "manifest.json").read_bytes())["pages"]:
        needed |= {page["k"].removeprefix("sha256:"), page["v"].removeprefix("sha256:")}
    assert attribute(shared, "stored_bytes") == str(sum(blobs[digest] for digest in needed))


def test_nothing_is_listed_and_other_names_are_absent(shared):
    paths = [shared, *shared.rglob("*")]
    assert all(os.listxattr(path, follow_symlinks=False) == [] for path in paths)
    page = shared / "pages" / "0000"
    assert run("getfattr", "-d", "-m", "-", page).stdout == ""
    for name in ("user.pfcache.nothing", "user.mine", "security.selinux", "system.posix_acl_access"):
        assert refusal(page, name) == errno.ENODATA
    assert refusal(shared / "pages", "user.pfcache.digest") == errno.ENODATA
    run("ls", "-lR", shared)


def test_copying_tools_that_keep_attributes_find_none(shared, tmp_path):
    for name, copy in (("rsync", ["rsync", "-aXH"]), ("cp", ["cp", "-a", "--no-target-directory"])):
        target = tmp_path / name
        run(*copy, f"{shared}/" if name == "rsync" else shared, f"{target}/" if name == "rsync" else target)
        assert os.listxattr(target / "pages" / "0000") == []
        assert (target / "pages" / "0004").read_bytes() == (shared / "pages" / "0004").read_bytes()
    run("tar", "--xattrs", "--xattrs-include=*", "-cf", tmp_path / "kept.tar", "-C", shared.parent, shared.name)
    assert b"SCHILY.xattr" not in (tmp_path / "kept.tar").read_bytes()


def test_a_snapshot_goes_from_mount_to_mount_with_attributes_asked_for(shared, tmp_path, mount):
    other = Store(tmp_path / "other")
    other.run("init")
    arrived = mount(other).path / "snap" / shared.name
    run("rsync", "-aX", shared, f"{arrived.parent}/")
    assert attribute(arrived / "pages" / "0000", "snapshots") == "1"
    assert attribute(arrived / "pages" / "0000", "k_digest") == attribute(shared / "pages" / "0000", "k_digest")
