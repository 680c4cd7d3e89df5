"""Hot pages in a directory: shared by mounts, kept through crashes, never served when they are not right."""

import json
import os
import subprocess

import pytest
from served import Mapping, wait_until
from test_passthrough import GEOMETRY, captured, names_of, serve  # noqa: F401  (fixtures)

MODES = ["passthrough=auto", "passthrough=off"]


def read_pages(served, digest, names):
    return {name: (served.path / "snap" / digest / "pages" / name).read_bytes() for name in names}


def right_pages(right):
    return {name: (right / name).read_bytes() for name in names_of(right)}


def take_blobs_away(store, right):
    """Leaves the manifest only, so that whatever is read must have been hot."""
    for page in json.loads((right.parent / "manifest.json").read_bytes())["pages"]:
        for half in ("k", "v"):
            name = page[half].removeprefix("sha256:")
            for file in store.path.glob(f"blobs/sha256/{name[:2]}/{name}.*"):
                file.unlink()


@pytest.mark.parametrize("mode", MODES)
def test_two_mounts_share_a_directory(store, captured, serve, tmp_path, mode):  # noqa: F811
    digest, right = captured
    hot = f"hot={tmp_path}/hot"
    first, second = serve(hot, mode), serve(hot, mode)
    assert read_pages(first, digest, names_of(right)) == right_pages(right)
    assert len(os.listdir(tmp_path / "hot")) >= len(names_of(right))
    take_blobs_away(store, right)
    assert read_pages(second, digest, names_of(right)) == right_pages(right)


@pytest.mark.parametrize("mode", MODES)
def test_hot_files_survive_the_death_of_the_daemon(store, captured, serve, tmp_path, mode):  # noqa: F811
    digest, right = captured
    dead = serve(f"hot={tmp_path}/hot", mode)
    assert read_pages(dead, digest, names_of(right)) == right_pages(right)
    dead.kill()
    take_blobs_away(store, right)
    served = serve(f"hot={tmp_path}/hot", mode)
    assert read_pages(served, digest, names_of(right)) == right_pages(right)


def test_a_daemon_killed_while_it_works_leaves_nothing_wrong(store, captured, serve, tmp_path):  # noqa: F811
    digest, right = captured
    for _ in range(5):
        served = serve(f"hot={tmp_path}/hot,hot_size=1M")
        reader = subprocess.Popen(["cat", *[str(served.path / "snap" / digest / "pages" / name) for name in names_of(right)]],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        served.kill()
        reader.wait(60)
    served = serve(f"hot={tmp_path}/hot")
    assert read_pages(served, digest, names_of(right)) == right_pages(right)


def rewrite(file, change):
    file.chmod(0o644)
    with open(file, "r+b") as opened:
        change(opened)


SPOILED = {
    "truncated": lambda file: rewrite(file, lambda opened: opened.truncate(4096)),
    "emptied": lambda file: rewrite(file, lambda opened: opened.truncate(0)),
    "one byte": lambda file: rewrite(file, lambda opened: (opened.seek(5000), opened.write(b"\x55\xaa"))),
    "zeros": lambda file: rewrite(file, lambda opened: opened.write(bytes(os.path.getsize(file)))),
    "longer": lambda file: rewrite(file, lambda opened: (opened.seek(0, 2), opened.write(b"xx"))),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", SPOILED)
def test_a_torn_hot_file_is_never_served(store, captured, serve, tmp_path, way, mode):  # noqa: F811
    digest, right = captured
    served = serve(f"hot={tmp_path}/hot", mode)
    read_pages(served, digest, names_of(right))
    served.__exit__()
    for file in (tmp_path / "hot").iterdir():
        SPOILED[way](file)
    again = serve(f"hot={tmp_path}/hot", mode)
    assert read_pages(again, digest, names_of(right)) == right_pages(right)
    assert "does not hold what its name says" in again.log()


def test_a_directory_on_tmpfs(store, captured, serve, tmp_path):  # noqa: F811
    digest, right = captured
    (tmp_path / "ram").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", str(tmp_path / "ram")], check=True)
    try:
        # It is smaller than the snapshot: what doesn't fit is served all the same, and the log says so once.
        with serve(f"hot={tmp_path}/ram") as served:
            for _ in range(2):
                assert read_pages(served, digest, names_of(right)) == right_pages(right)
            assert served.log().count("hot pages stay in memory") == 1
    finally:
        subprocess.run(["umount", str(tmp_path / "ram")], check=True)


def test_a_directory_on_overlayfs(store, captured, serve, tmp_path):  # noqa: F811
    digest, right = captured
    over = tmp_path / "over"
    for name in ("over", "lower", "upper", "work"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    if subprocess.run(["mount", "-t", "overlay", "-o", options, "none", str(over)], capture_output=True).returncode != 0:
        pytest.skip("NO overlayfs HERE")
    try:
        with serve(f"hot={over}/hot") as served:
            assert "passthrough on" not in served.log() or "stack depth 2" in served.log()
            assert read_pages(served, digest, names_of(right)) == right_pages(right)
    finally:
        subprocess.run(["umount", str(over)], check=True)


def test_a_directory_that_goes_away_fails_no_read(store, captured, serve, tmp_path):  # noqa: F811
    digest, right = captured
    with serve(f"hot={tmp_path}/hot") as served:
        (tmp_path / "hot").rmdir()
        assert read_pages(served, digest, names_of(right)) == right_pages(right)


def test_a_directory_that_can_not_be_used_is_told(store, serve, tmp_path):  # noqa: F811
    (tmp_path / "file").touch()
    refused = serve(f"hot={tmp_path}/file")
    assert refused.process.wait(20) == 32
    assert str(tmp_path / "file") in refused.log()
    assert not os.path.ismount(refused.path)


def test_evicted_files_leave_the_directory(captured, serve, tmp_path):  # noqa: F811
    digest, right = captured
    with serve(f"hot={tmp_path}/hot,hot_size=200K") as served:
        pages = served.path / "snap" / digest / "pages"
        mapped = {name: Mapping(pages / name) for name in names_of(right)}
        assert len(os.listdir(tmp_path / "hot")) <= 3
        assert {name: page.bytes() for name, page in mapped.items()} == right_pages(right)
        for page in mapped.values():
            page.close()


def test_a_sequential_restore_is_decoded_ahead(store, serve):  # noqa: F811
    digest = store.capture("synthetic:64:5", *GEOMETRY, "--content", "kv-like")
    with serve("passthrough=auto") as served:
        pages = served.path / "snap" / digest / "pages"
        base = served.open_files()
        for name in ("0000", "0001"):
            (pages / name).read_bytes()
        # Two were opened; each hot file is an open descriptor of the daemon.
        assert wait_until(lambda: served.open_files() >= base + 2 + os.cpu_count())
