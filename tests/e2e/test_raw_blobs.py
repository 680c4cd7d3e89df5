"""k/ and v/ of blobs that the store keeps as they are: served from its own files, and from nothing that isn't right."""

import errno
import json
import os
import subprocess

import pytest
from handmade import blob_file
from served import Mapping
from test_passthrough import GEOMETRY, names_of, passing, serve  # noqa: F401  (fixtures)

PAGES = 12
MODES = ["passthrough=auto", "passthrough=off", "hot=none", "verify=always"]


@pytest.fixture
def noise(store, tmp_path):
    """A snapshot that can't be compressed: its name and its pages as plain files."""
    digest = store.capture(f"synthetic:{PAGES}:3", *GEOMETRY)
    assert store.json("stats")["raw_blobs"] >= 2 * PAGES
    store.run("restore", digest, tmp_path / "right")
    return digest, tmp_path / "right" / "pages"


def half_of(right, name, kind):
    data = (right / name).read_bytes()
    return data[: len(data) // 2] if kind == "k" else data[len(data) // 2 :]


def file_of_half(store, right, row, kind):
    pages = json.loads((right.parent / "manifest.json").read_bytes())["pages"]
    file = blob_file(store, pages[row][kind].removeprefix("sha256:"))
    assert file.suffix == ".raw"
    return file


def spoil(file):
    with open(file, "r+b") as opened:
        opened.seek(5000)
        opened.write(b"\x55\xaa\x55")


def damaged(path):
    with pytest.raises(OSError) as failure:
        path.read_bytes()
    return failure.value.errno == errno.EIO


@pytest.mark.parametrize("mode", MODES)
def test_halves_are_right_read_and_mapped(noise, serve, mode):  # noqa: F811
    digest, right = noise
    snapshot = serve(mode).path / "snap" / digest
    for _ in range(2):
        for name in names_of(right):
            for kind in ("k", "v"):
                expected = half_of(right, name, kind)
                assert (snapshot / kind / name).read_bytes() == expected
                page = Mapping(snapshot / kind / name)
                assert page.bytes() == expected
                page.close()
            assert (snapshot / "pages" / name).read_bytes() == (right / name).read_bytes()


def test_no_copy_is_made(noise, serve, tmp_path):  # noqa: F811
    digest, right = noise
    with serve(f"hot={tmp_path}/hot") as served:
        for name in names_of(right):
            assert (served.path / "snap" / digest / "k" / name).read_bytes() == half_of(right, name, "k")
        held = [os.readlink(f"/proc/{served.daemon()}/fd/{fd}") for fd in os.listdir(f"/proc/{served.daemon()}/fd")]
        assert len([path for path in held if path.endswith(".raw")]) == PAGES
        assert len(os.listdir(tmp_path / "hot")) == 0


def test_the_kernel_reads_the_stores_file_by_itself(noise, passing):  # noqa: F811
    digest, right = noise
    served = passing()
    keys = served.path / "snap" / digest / "k"
    for name in names_of(right):
        (keys / name).read_bytes()
    before = served.io()
    for name in names_of(right):
        assert (keys / name).read_bytes() == half_of(right, name, "k")
    assert served.io()["wchar"] - before["wchar"] < PAGES * 400  # opens and releases alone


@pytest.mark.parametrize("mode", MODES)
def test_damage_is_never_shown_and_a_repair_heals(store, noise, serve, tmp_path, mode):  # noqa: F811
    digest, right = noise
    served = serve(mode)
    keys = served.path / "snap" / digest / "k"
    spoil(file_of_half(store, right, 1, "k"))  # before it was ever opened
    assert damaged(keys / "0001")
    assert (keys / "0002").read_bytes() == half_of(right, "0002", "k")
    spoil(file_of_half(store, right, 2, "k"))  # after
    if mode != "hot=none" and mode != "passthrough=off":  # what the kernel has cached it has verified, and goes on with
        assert damaged(keys / "0002")
        assert damaged(keys / "0002")
    assert "0001" in served.log()
    store.run("capture", right.parent)
    for name in names_of(right):
        assert (keys / name).read_bytes() == half_of(right, name, "k")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_open_or_mapped_outlives_the_blob(store, noise, serve, mode):  # noqa: F811
    digest, right = noise
    keys = serve(mode).path / "snap" / digest / "k"
    held = os.open(keys / "0003", os.O_RDONLY)
    mapped = Mapping(keys / "0004")
    expected = half_of(right, "0003", "k"), half_of(right, "0004", "k")
    os.pread(held, 1, 0)  # without passthrough a page is looked for when it is first read
    mapped.bytes()
    file_of_half(store, right, 3, "k").unlink()
    file_of_half(store, right, 4, "k").unlink()
    with open("/proc/sys/vm/drop_caches", "w") as drop:
        drop.write("1")
    assert os.pread(held, len(expected[0]), 0) == expected[0]
    assert mapped.bytes() == expected[1]
    os.close(held)
    mapped.close()


def test_a_store_on_overlayfs(noise, store, serve, tmp_path, monkeypatch):  # noqa: F811
    digest, right = noise
    for name in ("over", "upper", "work"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={store.path},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    mounted = subprocess.run(["mount", "-t", "overlay", "-o", options, "none", str(tmp_path / "over")], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("NO overlayfs HERE")
    try:
        monkeypatch.setattr(store, "path", tmp_path / "over")
        with serve() as served:
            assert "passthrough on" not in served.log() or "stack depth 2" in served.log()
            for name in names_of(right):
                assert (served.path / "snap" / digest / "v" / name).read_bytes() == half_of(right, name, "v")
            assert "not passed through" not in served.log()
    finally:
        subprocess.run(["umount", str(tmp_path / "over")], check=True)
