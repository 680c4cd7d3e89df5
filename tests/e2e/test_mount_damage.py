"""Damaged stores under a mount: an error for what is damaged, the right bytes for all else, never wrong ones."""

import errno
import json
import os
import subprocess
import time

import pytest
from conftest import MOUNT
from handmade import add_blob, add_snapshot, blob_file, seal

GEOMETRY = "--page-tokens 16 --layers 4 --heads 4 --head-dim 64 --dtype bf16".split()


def read_errno(path):
    try:
        path.read_bytes()
    except OSError as failure:
        return failure.errno
    return 0


@pytest.fixture
def captured(store, tmp_path):
    """A snapshot of four pages: its name, the digests of K and V by page, and the pages' right bytes."""
    digest = store.capture("synthetic:4:1", *GEOMETRY)
    store.run("restore", digest, tmp_path / "right")
    entries = json.loads((tmp_path / "right" / "manifest.json").read_bytes())["pages"]
    digests = [(entry["k"].removeprefix("sha256:"), entry["v"].removeprefix("sha256:")) for entry in entries]
    right = [(tmp_path / "right" / "pages" / f"{i:04}").read_bytes() for i in range(4)]
    return digest, digests, right


def truncate(file, other):
    os.truncate(file, file.stat().st_size // 2)


def empty(file, other):
    os.truncate(file, 0)


def flip_a_bit(file, other):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def put_another_valid_blob(file, other):
    # By name, so that an encoding that differs does not hide the wrong content.
    file.unlink()
    file.with_suffix(other.suffix).write_bytes(other.read_bytes())


def append_a_byte(file, other):
    with open(file, "ab") as end:
        end.write(b"x")


def lose(file, other):
    file.unlink()


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, put_another_valid_blob, append_a_byte, lose])
def test_a_damaged_half_fails_with_eio_and_the_rest_is_read(store, mount, captured, damage):
    digest, digests, right = captured
    damage(blob_file(store, digests[1][1]), blob_file(store, digests[0][0]))
    snapshot = mount(store).path / "snap" / digest
    half = len(right[1]) // 2
    for _ in range(2):
        assert read_errno(snapshot / "pages/0001") == errno.EIO
        assert read_errno(snapshot / "v/0001") == errno.EIO
        assert (snapshot / "k/0001").read_bytes() == right[1][:half]
        for i in (0, 2, 3):
            assert (snapshot / f"pages/{i:04}").read_bytes() == right[i]


@pytest.mark.parametrize("options", [["passthrough=off"], ["hot=none"]], ids=" ".join)
def test_a_damaged_page_fails_every_read_when_the_daemon_is_asked(store, mount, captured, options):
    digest, digests, right = captured
    flip_a_bit(blob_file(store, digests[1][1]), None)
    fd = os.open(mount(store, *options).path / "snap" / digest / "pages/0001", os.O_RDONLY)
    for offset in range(0, len(right[1]), 4096):
        with pytest.raises(OSError) as failure:
            os.pread(fd, 4096, offset)
        assert failure.value.errno == errno.EIO
    os.close(fd)


def test_a_page_is_readable_again_once_it_is_repaired(store, mount, captured):
    digest, digests, right = captured
    file = blob_file(store, digests[2][0])
    good = file.read_bytes()
    flip_a_bit(file, None)
    page = mount(store).path / "snap" / digest / "pages/0002"
    assert read_errno(page) == errno.EIO
    file.write_bytes(good)
    assert page.read_bytes() == right[2]


def test_a_lost_manifest_is_listed_and_fails(store, mount, captured):
    digest, _, _ = captured
    other = store.capture("synthetic:2:2", *GEOMETRY)
    blob_file(store, digest).unlink()
    snap = mount(store).path / "snap"
    assert sorted(os.listdir(snap)) == sorted([digest, other])
    with pytest.raises(OSError) as failure:
        os.listdir(snap / digest)
    assert failure.value.errno == errno.EIO
    assert len(os.listdir(snap / other / "pages")) == 2


def test_a_manifest_that_is_none_fails(store, mount):
    digest = add_blob(store, b'{"layout":"something else"}')
    seal(store, digest)
    with pytest.raises(OSError) as failure:
        os.stat(mount(store).path / "snap" / digest)
    assert failure.value.errno == errno.EIO


def test_a_manifest_with_a_wrong_geometry_harms_no_other_snapshot(store, mount):
    k, v = os.urandom(128), os.urandom(128)
    right = add_snapshot(store, [(0, k, v)])
    wrong = add_snapshot(store, [(0, k, v)], head_dim=8)
    snap = mount(store).path / "snap"
    for _ in range(2):
        assert (snap / right / "pages/0000").read_bytes() == k + v
        assert (snap / wrong / "pages/0000").stat().st_size == 512
        assert read_errno(snap / wrong / "pages/0000") == errno.EIO
        assert (snap / right / "pages/0000").stat().st_size == 256


def test_the_log_names_blob_file_and_snapshot_once(store, captured, tmp_path):
    digest, digests, right = captured
    flip_a_bit(blob_file(store, digests[3][0]), None)
    directory = tmp_path / "mnt"
    directory.mkdir()
    command = [str(MOUNT), str(store.path), str(directory), "-o", "foreground"]
    with open(tmp_path / "log", "wb") as log:
        daemon = subprocess.Popen(command, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not os.path.ismount(directory) and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(5):
            assert read_errno(directory / "snap" / digest / "pages/0003") == errno.EIO
        assert (directory / "snap" / digest / "pages/0000").read_bytes() == right[0]
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if digests[3][0] in line]
    assert len(lines) == 1
    assert "pages/0003" in lines[0] and digest in lines[0]
