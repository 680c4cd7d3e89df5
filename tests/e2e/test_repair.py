"""Damage done to a store's files from outside, and what verify --repair makes of it."""

import json
import os
import shutil
import subprocess

import pytest
from conftest import DATA, PFCACHE, Store

SESSION = DATA / "llama-session-1199.bin"


@pytest.fixture
def chat(store):
    return store.capture(SESSION, "--name", "chat")


@pytest.fixture
def backup(store, chat, tmp_path):
    """A copy of the store while it was whole."""
    shutil.copytree(store.path, tmp_path / "backup")
    return Store(tmp_path / "backup")


def overwrite(path, at=20, count=16):
    """Random bytes into the middle of a file, as a bad disk does it."""
    subprocess.run(["dd", "if=/dev/urandom", f"of={path}", "bs=1", f"seek={at}", f"count={count}", "conv=notrunc",
                    "status=none"], check=True)


def verify(store, *args):
    result = store.run("--json", "verify", *args, check=False)
    return result.returncode, json.loads(result.stdout)


def test_everything_that_is_damaged_or_gone_comes_from_a_backup(store, chat, backup, tmp_path):
    files = store.blobs()
    for file in files[::7]:
        overwrite(file)
    for file in files[3::11]:
        file.unlink(missing_ok=True)
    (store.path / "snapshots" / chat).write_text("{")
    status, found = verify(store)
    assert status == 13 and found["mended"] == []
    status, without = verify(store, "--repair")
    assert status == 13 and len(without["damage"]) >= 1
    status, report = verify(store, "--repair", "--from", backup.path)
    assert (status, report["damage"]) == (0, []) and len(report["mended"]) > 20
    assert verify(store)[0] == 0
    store.run("restore", "chat", tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == SESSION.read_bytes()
    assert store.temp_files() == []


def test_the_chunks_of_a_prompt_come_from_a_backup(store, tmp_path):
    payload = os.urandom(250_000).hex()
    (tmp_path / "payload").write_text(payload)
    (tmp_path / "text").write_text("a prompt")
    key = store.run("prompt", "put", "--text", tmp_path / "text", "--dedup", "on", tmp_path / "payload").stdout.strip()
    shutil.copytree(store.path, tmp_path / "backup")
    victims = store.blobs()[::3]
    for file in victims:
        overwrite(file)
    status, found = verify(store)
    assert (status, found["prompts"], len(found["damage"])) == (13, 1, len(victims))
    assert all(f"needed by prompt {key}" in line for line in found["damage"])
    assert store.run("prompt", "get", key, check=False).returncode == 13
    result = store.run("verify", "--repair", "--from", tmp_path / "backup")
    assert "1 prompt, " in result.stderr and f"{len(victims)} mended, whole" in result.stderr
    assert store.run("prompt", "get", key).stdout == payload


def test_a_second_encoding_is_mended_by_the_first_and_the_other_way_round(store, chat):
    originals = {path: path.read_bytes() for path in store.blobs() if path.suffix == ".zp2"}
    store.run("repack", "--encoding", "raw")
    for path, stored in originals.items():
        path.write_bytes(stored)  # as a repack leaves it that was killed before its unlinks
    for number, path in enumerate(sorted(originals)[:20]):
        overwrite(path if number % 2 else path.with_suffix(".raw"))
    status, found = verify(store)
    assert status == 13 and len(found["damage"]) == 20
    result = store.run("verify", "--repair")
    assert result.stdout.count("mended     ") == 20 and "20 mended, whole" in result.stderr
    assert verify(store)[0] == 0
    for path, stored in originals.items():
        assert path.with_suffix(".raw").exists() and path.exists()


def test_what_cannot_be_mended_stays_and_a_capture_mends_it(store, chat):
    victim = store.blobs()[5]
    overwrite(victim)
    damaged = victim.read_bytes()
    result = store.run("verify", "--repair", check=False)
    assert result.returncode == 13 and victim.stem in result.stdout
    assert victim.read_bytes() == damaged
    store.capture(SESSION)
    assert verify(store)[0] == 0


def test_a_repair_goes_on_beside_captures(store, chat, backup, tmp_path):
    for file in store.blobs()[::3]:
        overwrite(file)
    repair = subprocess.Popen([PFCACHE, "--store", store.path, "verify", "--repair", "--from", backup.path],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(5):
        store.capture(SESSION)
    assert repair.wait(60) == 0
    assert verify(store)[0] == 0
    assert store.temp_files() == []
