"""Disks that are full or may not be written to."""

import contextlib
import os
import subprocess

import pytest
from conftest import DATA, PFCACHE, Store

SESSION = DATA / "llama-session-1199.bin"
SMALL = DATA / "llama-session-399.bin"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs")


@contextlib.contextmanager
def tmpfs(path, size):
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_an_error_that_leaves_nothing_and_can_be_retried(tmp_path):
    with tmpfs(tmp_path / "disk", "3m") as disk:
        store = Store(disk / "store")
        store.run("init")
        filler = disk / "filler"
        filler.write_bytes(bytes(2 << 20))
        for source in (SESSION, "synthetic:64:1 --page-tokens=64 --head-dim=64".split()):
            args = source if isinstance(source, list) else [source]
            result = store.run("--json", "capture", *args, "--name", "x", check=False)
            assert result.returncode == 1
            assert "No space left on device" in result.stderr
            assert '"code":"ENOSPC"' in result.stdout
            assert store.temp_files() == []
            assert store.json("list")["snapshots"] == []
            assert not list(store.path.glob("refs/*")) and not list(store.path.glob("files/*"))
        filler.unlink()
        store.run("capture", SESSION, "--name", "x")
        assert store.run("verify").returncode == 0


def test_on_a_full_disk_prompts_and_warm_starts_are_refused_and_those_there_are_stay(tmp_path):
    payload = os.urandom(600_000)
    (tmp_path / "payload").write_bytes(payload)
    for name in ("old", "new"):
        (tmp_path / name).write_bytes(name.encode())
    key = "0" * 64
    with tmpfs(tmp_path / "disk", "1m") as disk:
        store = Store(disk / "store")
        store.run("init")
        old = store.run("prompt", "put", tmp_path / "payload", "--text", tmp_path / "old").stdout.strip()
        for args, file in (
            (["prompt", "put", tmp_path / "payload", "--text", tmp_path / "new"], None),
            (["prompt", "put", tmp_path / "payload", "--text", tmp_path / "new", "--dedup", "on"], None),
            (["prompt", "put", "--text", tmp_path / "new"], payload),
            (["warm", "save", key, "--kind", "final"], payload),
        ):
            command = [str(PFCACHE), "--store", str(store.path), *map(str, args)]
            result = subprocess.run(command, input=file or b"", capture_output=True, timeout=60)
            assert (result.returncode, result.stdout) == (1, b""), args
            assert b"No space left on device" in result.stderr
            assert store.temp_files() == []
        assert [prompt["key"] for prompt in store.json("prompt", "list")["prompts"]] == [old]
        got = subprocess.run([str(PFCACHE), "--store", str(store.path), "prompt", "get", old], capture_output=True)
        assert got.stdout == payload
        assert store.json("warm", "list")["entries"] == []


def test_a_restore_to_a_full_disk_leaves_no_destination(store, tmp_path):
    store.run("capture", SESSION, "--name", "x")
    with tmpfs(tmp_path / "disk", "1m") as disk:
        for dest, kind in ((disk / "file", "file"), (disk / "directory", "directory")):
            result = store.run("restore", "x", dest, "--as", kind, check=False)
            assert result.returncode == 1
            assert "No space left on device" in result.stderr
            assert list(disk.iterdir()) == []


def test_a_read_only_store_is_read_and_not_written(tmp_path):
    with tmpfs(tmp_path / "disk", "8m") as disk:
        store = Store(disk / "store")
        store.run("init")
        digest = store.capture(SMALL)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for args in (["list"], ["show", digest], ["stats"], ["verify"], ["restore", digest, tmp_path / "out"]):
            store.run(*args)
        assert (tmp_path / "out").read_bytes() == SMALL.read_bytes()
        for args in (
            ["capture", SESSION],
            ["capture", "synthetic:2:0"],
            ["name", digest, "x"],
            ["pin", digest],
            ["remove", digest, "--force"],
        ):
            result = store.run(*args, check=False)
            assert result.returncode == 1, args
            assert "Read-only file system" in result.stderr
