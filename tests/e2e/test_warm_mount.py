"""Warm starts as files of a mount: pairs that come by renames, `best`, and mounts that are read-only."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import time

import pytest
from served import Served, errno_of, wait_until

KEY = "c2911c6e2b431839f6aa0895864cdc273ef3fa74699e510bf5603f6443749268"


def save(store, objective, payload):
    return store.run("warm", "save", KEY, "--objective", objective, "--kind", "final", input=payload).stdout.strip()


def record(payload, objective, written=None):
    return json.dumps({
        "schema_version": 1, "written_unix_secs": written or int(time.time()), "written_nanos": 0, "objective": objective,
        "iteration": None, "kind": "Final", "checksum_hex": hashlib.sha256(payload).hexdigest(),
        "payload_bytes": len(payload),
    }, indent=2).encode()  # fmt: skip


def write_pair(directory, run, payload, objective, suffixes=(".bin", ".json"), written=None):
    """As gam does it: each half under a name of its own, and then renamed."""
    halves = {".bin": payload, ".json": record(payload, objective, written)}
    for suffix in suffixes:
        temp = directory / f"{run}{suffix}.tmp.{os.getpid()}.17"
        temp.write_bytes(halves[suffix])
        os.rename(temp, directory / (run + suffix))


def test_what_the_command_saved_is_there_and_best_follows_it(served, store):
    assert os.listdir(served.path / "warm") == []
    first = save(store, 2, "first")
    key = served.path / "warm" / KEY
    assert sorted(os.listdir(key)) == sorted(["best", f"{first}.bin", f"{first}.json"])
    assert os.readlink(key / "best") == f"{first}.bin"
    assert (key / "best").read_bytes() == b"first"
    second = save(store, 1, "second")
    assert os.readlink(key / "best") == f"{second}.bin"
    assert (key / "best").read_bytes() == b"second"
    save(store, 3, "third")
    assert (key / "best").read_bytes() == b"second"
    os.unlink(key / f"{second}.json")
    assert (key / "best").read_bytes() == b"first"
    assert not (store.path / "warm" / KEY / "best").is_symlink()


@pytest.mark.parametrize("suffixes", [(".bin", ".json"), (".json", ".bin")], ids=" ".join)
def test_a_pair_that_comes_by_renames_is_an_entry(served, store, suffixes):
    key = served.path / "warm" / KEY
    key.mkdir()
    write_pair(key, "ckpt-r1f-17", b"theirs", 0.5, suffixes)
    assert store.run("warm", "lookup", KEY).stdout == "theirs"
    assert (key / "best").read_bytes() == b"theirs"
    usage = (store.path / "warm" / "usage").read_bytes()
    assert usage.startswith(b"PFUSAGE1") and int.from_bytes(usage[16:24], "little") > len(b"theirs")


def test_a_look_at_half_a_pair_leaves_it(served, store):
    key = served.path / "warm" / KEY
    key.mkdir()
    write_pair(key, "r1-1", b"payload", 0.5, [".json"])
    assert os.listdir(key) == ["r1-1.json"]
    assert errno_of(os.readlink, key / "best") == errno.ENOENT
    assert store.run("warm", "lookup", KEY, check=False).returncode == 10
    assert store.json("warm", "evict")["damaged_entries"] == 0
    write_pair(key, "r1-1", b"payload", 0.5, [".bin"])
    assert (key / "best").read_bytes() == b"payload"


def test_a_look_at_an_entry_that_is_being_overwritten_leaves_it(served, store):
    save(store, 5, "next best")
    key = served.path / "warm" / KEY
    write_pair(key, "r1-1", b"old", 0.5)
    write_pair(key, "r1-1", b"new", 0.25, [".bin"])
    assert store.run("warm", "lookup", KEY).stdout == "next best"
    assert store.json("warm", "evict")["damaged_entries"] == 0
    write_pair(key, "r1-1", b"new", 0.25, [".json"])
    assert store.run("warm", "lookup", KEY).stdout == "new" == (key / "best").read_text()


def test_who_opens_a_payload_gets_the_one_that_is_there_now(served, store):
    key = served.path / "warm" / KEY
    key.mkdir()
    write_pair(key, "r1-1", b"old", 0.5)
    with open(key / "r1-1.bin", "rb", buffering=0) as early:
        write_pair(store.path / "warm" / KEY, "r1-1", b"newer", 0.25)
        assert (key / "r1-1.bin").read_bytes() == b"newer"
        assert os.pread(early.fileno(), 10, 0) == b"old"
        assert (key / "r1-1.json").read_bytes() == (store.path / "warm" / KEY / "r1-1.json").read_bytes()


def test_the_oldest_go_when_a_pair_is_above_the_budget(served, store):
    """With entries of 300 MB, most of it a hole, in a budget of 1 GiB."""
    key = served.path / "warm" / KEY
    key.mkdir()
    size = 300 << 20
    about = json.loads(record(b"", 1.0)) | {"payload_bytes": size}
    for number in range(5):
        (key / ".part").touch()
        os.truncate(key / ".part", size)
        os.rename(key / ".part", key / f"r1-{number}.bin")
        (key / ".part").write_text(json.dumps(about | {"written_nanos": number}))
        os.rename(key / ".part", key / f"r1-{number}.json")
    left = {name for name in os.listdir(key) if name.endswith(".bin")}
    assert "r1-4.bin" in left and "r1-0.bin" not in left and len(left) <= 3
    (key / ".part").touch()
    os.truncate(key / ".part", (1 << 30) + 1)
    assert errno_of(os.rename, key / ".part", key / "huge.bin") == errno.EFBIG
    assert (key / ".part").exists() and "huge.bin" in served.log()


@pytest.mark.parametrize("options", [[], ["warm_budget=1M,warm_ttl=1h"]], ids=["configuration", "options"])
def test_limits_are_those_of_the_configuration_or_the_options(store, tmp_path, mount, options):
    with open(store.path / "config.toml", "a") as file:
        budget, ttl = ("1GiB", "30d") if options else ("1MiB", "1h")
        file.write(f'[warm]\nbudget = "{budget}"\nttl = "{ttl}"\n')
    with Served(store, tmp_path / "mnt", *options) as mounted:
        key = mounted.path / "warm" / KEY
        key.mkdir()
        for number in range(4):
            write_pair(key, f"r1-{number}", bytes(400_000), 1.0, written=int(time.time()) - 100 + number)
        left = [number for number in range(4) if (key / f"r1-{number}.bin").exists()]
        assert left[-1] == 3 and len(left) <= 2
        write_pair(key, "r2-1", b"old", 0.5, written=int(time.time()) - 2 * 3600)
        assert os.readlink(key / "best").startswith("r1-")
        write_pair(key, "r2-2", b"young", 0.5, written=int(time.time()) - 3000)
        assert (key / "best").read_bytes() == b"young"
        (key / ".part").write_bytes(bytes(1_100_000))
        assert errno_of(os.rename, key / ".part", key / "huge.bin") == errno.EFBIG


@pytest.mark.parametrize("passthrough", ["auto", "off"])
def test_a_damaged_payload_is_an_error_and_what_nobody_vouches_for_is_given_as_it_is(store, tmp_path, mount, passthrough):
    with Served(store, tmp_path / "mnt", f"passthrough={passthrough}") as mounted:
        run = save(store, 1, "x" * 1_000_000)
        path = mounted.path / "warm" / KEY / f"{run}.bin"
        real = store.path / "warm" / KEY / path.name
        open_files = mounted.open_files()
        assert path.read_bytes() == b"x" * 1_000_000
        before = mounted.io()["rchar"]
        for _ in range(3):
            os.close(os.open(path, os.O_RDONLY))
        assert mounted.io()["rchar"] - before < 500_000  # hashed once
        for damage in (b"y" + b"x" * 999_999, b"x" * 999_999, b""):
            real.write_bytes(damage)
            assert errno_of(path.read_bytes) == errno.EIO
            assert errno_of(os.open, path, os.O_RDWR) == errno.EIO
            assert errno_of((mounted.path / "warm" / KEY / "best").read_bytes) in (errno.EIO, errno.ENOENT)
        assert f"{run}.bin" in mounted.log()
        real.write_bytes(b"x" * 1_000_000)
        assert path.read_bytes() == b"x" * 1_000_000
        with open(path, "r+b") as file:  # who writes may read what he is writing over
            file.write(b"new")
            file.seek(0)
            assert file.read(4) == b"newx"
        assert errno_of(path.read_bytes) == errno.EIO
        os.rename(path.with_suffix(".json"), path.with_name(".json-aside"))
        assert path.read_bytes() == b"new" + b"x" * 999_997
        assert wait_until(lambda: mounted.open_files() <= open_files)


def test_a_damaged_payload_is_replaced_by_a_copy(served, store, tmp_path):
    run = save(store, 1, "payload")
    shutil.copytree(served.path / "warm", tmp_path / "copy", symlinks=True)
    (store.path / "warm" / KEY / f"{run}.bin").write_bytes(b"PAYLOAD")
    command = ["rsync", "-a", "--checksum", "--exclude=best", f"{tmp_path}/copy/", f"{served.path}/warm/"]
    subprocess.run(command, check=True, timeout=60)
    assert (served.path / "warm" / KEY / "best").read_bytes() == b"payload"


def test_names_that_are_no_part_of_it_are_refused(served):
    warm = served.path / "warm"
    key = warm / KEY
    for name in ("x", KEY[:-1], KEY.upper(), "usage", ".tmp-0123456789abcdef"):
        assert errno_of(os.mkdir, warm / name) == errno.EINVAL
    assert errno_of((warm / "r1.bin").write_bytes, b"x") == errno.EINVAL
    key.mkdir()
    for name in ("r1", "r1.txt", "notes"):
        assert errno_of((key / name).write_bytes, b"x") == errno.EINVAL
    assert errno_of(os.mkdir, key / "r1.bin") == errno.EINVAL
    assert errno_of((key / "best").write_bytes, b"x") == errno.EPERM
    assert errno_of(os.symlink, "r1.bin", key / "best") == errno.EPERM
    (key / ".part").write_bytes(b"x")
    assert errno_of(os.rename, key / ".part", key / "best") == errno.EPERM
    assert errno_of(os.rename, key / ".part", key / "notes") == errno.EINVAL
    assert errno_of(os.rename, key / ".part", served.path / "new" / "x") == errno.EXDEV


def test_a_key_is_copied_in_and_removed_with_all_that_is_in_it(served, store, tmp_path):
    save(store, 1, "kept")
    source = tmp_path / "copy"
    shutil.copytree(served.path / "warm", source, symlinks=True)
    subprocess.run(["rm", "-r", str(served.path / "warm" / KEY)], check=True, timeout=60)
    assert store.run("warm", "lookup", KEY, check=False).returncode == 10
    command = ["rsync", "-a", "--exclude=best", f"{source}/", f"{served.path}/warm/"]
    subprocess.run(command, check=True, timeout=60)
    assert (served.path / "warm" / KEY / "best").read_bytes() == b"kept"
    assert store.run("warm", "lookup", KEY).stdout == "kept"


def test_a_read_only_mount_shows_it_and_changes_nothing(store, tmp_path, mount):
    run = save(store, 1, "kept")
    with Served(store, tmp_path / "ro", "ro") as mounted:
        key = mounted.path / "warm" / KEY
        assert (key / "best").read_bytes() == b"kept"
        assert errno_of(os.mkdir, mounted.path / "warm" / ("0" * 64)) == errno.EROFS
        assert errno_of((key / "r1.bin").write_bytes, b"x") == errno.EROFS
        assert errno_of(os.unlink, key / f"{run}.bin") == errno.EROFS
        assert errno_of(os.rename, key / f"{run}.bin", key / "r1.bin") == errno.EROFS
        os.truncate(store.path / "warm" / KEY / f"{run}.bin", 1)
        assert errno_of(os.readlink, key / "best") == errno.ENOENT
    assert (store.path / "warm" / KEY / f"{run}.json").exists()


def test_a_killed_mount_leaves_no_entry_that_is_not_whole(store, tmp_path, mount):
    mounted = Served(store, tmp_path / "mnt")
    key = mounted.path / "warm" / KEY
    key.mkdir()
    fd = os.open(key / "r1-1.bin.tmp.1.1", os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"half")
    mounted.kill_lazily()
    with contextlib.suppress(OSError):  # by passthrough the descriptor goes on being one of the file
        os.close(fd)
    with Served(store, tmp_path / "mnt2") as again:
        assert os.listdir(again.path / "warm" / KEY) == ["r1-1.bin.tmp.1.1"]
        os.unlink(again.path / "warm" / KEY / "r1-1.bin.tmp.1.1")
        os.rmdir(again.path / "warm" / KEY)
