"""pfcache fetch: afterwards a restore through the mount needs nothing of the store."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from conftest import MOUNT, PFCACHE
from handmade import blob_file
from private_mounts import NOBODY
from terminals import Terminal
from test_hot_store import read_pages, right_pages, take_blobs_away
from test_passthrough import GEOMETRY, PAGES, captured, names_of, serve  # noqa: F401  (fixtures)

MODES = ["passthrough=auto", "passthrough=off"]
PAGE_BYTES = 64 << 10


@pytest.mark.parametrize("mode", MODES)
def test_after_a_fetch_nothing_is_decoded_any_more(store, captured, serve, mode):  # noqa: F811
    digest, right = captured
    served = serve(mode)
    record = store.json("fetch", digest)
    assert (record["snapshot"], record["pages"], record["bytes"]) == (digest, PAGES, PAGES * PAGE_BYTES)
    (mount,) = record["mounts"]
    assert mount["directory"] == str(served.path) and mount["damaged"] == [] and mount["left_out"] == 0
    take_blobs_away(store, right)
    assert read_pages(served, digest, names_of(right)) == right_pages(right)
    assert store.json("fetch", digest)["pages"] == PAGES  # which are there


def test_every_mount_or_the_one_that_was_named(store, captured, serve, tmp_path):  # noqa: F811
    digest, right = captured
    first, second = serve(f"hot={tmp_path}/one"), serve(f"hot={tmp_path}/two")
    only = store.json("fetch", digest, "--mount", f"{second.path}/")
    assert [mount["directory"] for mount in only["mounts"]] == [str(second.path)]
    assert (len(os.listdir(tmp_path / "one")), len(os.listdir(tmp_path / "two"))) == (0, PAGES)
    both = store.json("fetch", digest)
    assert {mount["directory"] for mount in both["mounts"]} == {str(first.path), str(second.path)}
    assert both["pages"] == 2 * PAGES
    assert len(os.listdir(tmp_path / "one")) == PAGES


def test_a_store_is_found_by_any_of_its_names_and_no_other_is(store, captured, serve, tmp_path):  # noqa: F811
    digest, _ = captured
    serve()
    (tmp_path / "link").symlink_to(store.path)
    named = [PFCACHE, "--store", tmp_path / "link", "fetch", digest]
    assert subprocess.run(named, capture_output=True, timeout=60).returncode == 0
    shutil.copytree(store.path, tmp_path / "copy")
    other = subprocess.run([PFCACHE, "--store", tmp_path / "copy", "fetch", digest], capture_output=True, timeout=60)
    assert other.returncode == 10
    assert b"mount.pfcache" in other.stderr


def test_damage_is_told_by_page_and_the_others_are_hot(store, captured, serve):  # noqa: F811
    digest, right = captured
    served = serve()
    pages = json.loads((right.parent / "manifest.json").read_bytes())["pages"]
    for row, half in ((3, "v"), (7, "k")):
        file = blob_file(store, pages[row][half].removeprefix("sha256:"))
        file.write_bytes(file.read_bytes()[:-1])
    result = store.run("--json", "fetch", digest, check=False)
    assert result.returncode == 13
    record = json.loads(result.stdout)
    assert record["mounts"][0]["damaged"] == ["pages/0003", "pages/0007"]
    assert record["pages"] == PAGES - 2
    assert "damaged: pages/0003" in result.stderr
    take_blobs_away(store, right)
    whole = [name for name in names_of(right) if name not in ("0003", "0007")]
    assert read_pages(served, digest, whole) == {name: (right / name).read_bytes() for name in whole}


@pytest.mark.parametrize("mode", MODES)
def test_of_a_snapshot_larger_than_hot_size_the_first_pages_are_hot(store, captured, serve, mode):  # noqa: F811
    digest, right = captured
    served = serve(mode, "hot_size=640K")
    result = store.run("--json", "fetch", digest, check=False)
    assert result.returncode == 3
    assert "larger than the mount's hot_size of 640.0 KiB" in result.stderr
    record = json.loads(result.stdout)
    assert (record["pages"], record["mounts"][0]["left_out"]) == (10, PAGES - 10)
    take_blobs_away(store, right)
    names = names_of(right)[:10]
    assert read_pages(served, digest, names) == {name: (right / name).read_bytes() for name in names}


def hot_pages(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["pages"]


def test_who_may_read_the_mount_can_fetch(store, captured, serve, let_in):  # noqa: F811
    digest, _ = captured
    serve("allow_other")
    command = [*NOBODY, PFCACHE, "--store", store.path, "--json", "fetch", digest]
    assert hot_pages(subprocess.run(command, capture_output=True, text=True, timeout=60)) == PAGES


def test_who_mounts_without_being_root_can_fetch(captured, private, users):  # noqa: F811
    digest, _ = captured
    private.as_nobody(MOUNT, users / "store", users / "mnt", check=True)
    assert hot_pages(private.as_nobody(PFCACHE, "--store", users / "store", "--json", "fetch", digest)) == PAGES


BIG = ["synthetic:192:5", "--content=kv-like", "--page-tokens=16", "--layers=16", "--heads=16", "--head-dim=128"]


def test_progress_is_for_terminals(store, mount):
    digest = store.capture(*BIG)  # 384 MiB: half a second
    fetch = [PFCACHE, "--store", store.path, "fetch", digest]
    mounted = mount(store)
    text = Terminal(fetch).finish()
    assert re.search(r"fetch \[\x1b\[32m#*\x1b\[0m-*\] +\d+ %  .* of 384.0 MiB", text)
    assert "left" in text and text.rstrip().endswith(" s")
    mounted.unmount()
    mounted = mount(store)
    plain = Terminal(fetch, NO_COLOR="1").finish()
    assert "fetch [#" in plain and "\x1b[32m" not in plain
    mounted.unmount()
    mount(store)
    assert Terminal([*fetch, "--quiet"]).finish() == ""
    piped = store.run("fetch", digest)
    assert piped.stdout == "" and "\r" not in piped.stderr


def test_an_interrupted_fetch_ends_at_once(store, mount):
    digest = store.capture(*BIG)
    mount(store)
    process = subprocess.Popen([PFCACHE, "--store", store.path, "fetch", digest], stderr=subprocess.PIPE, text=True)
    try:
        process.wait(0.15)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "pfcache: interrupted\n") or process.returncode == 0


def test_a_mount_that_is_dead_is_told(store, captured, serve):  # noqa: F811
    digest, _ = captured
    served = serve()
    os.kill(served.daemon(), 9)
    served.process.wait(60)
    result = store.run("fetch", digest, check=False)
    subprocess.run(["umount", str(served.path)], check=True, timeout=60)
    assert result.returncode == 1
    assert str(served.path) in result.stderr
