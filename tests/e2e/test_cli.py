"""The pfcache command from outside: whole programs on real files."""

import json
import os
import subprocess

import pytest
from conftest import DATA, PFCACHE, Store

SESSIONS = [DATA / f"llama-session-{tokens}.bin" for tokens in (399, 799, 1199)]
G2 = "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b"


def test_three_real_sessions_come_back_and_share(store, tmp_path):
    digests = [store.capture(path) for path in SESSIONS]
    assert len(set(digests)) == 3
    for path in SESSIONS:
        store.run("restore", path.name, tmp_path / path.name)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    alone = Store(tmp_path / "alone")
    alone.run("init")
    alone.capture(SESSIONS[-1])
    together, longest = store.json("stats"), alone.json("stats")
    assert together["logical_bytes"] >= 1.9 * together["unique_bytes"]
    # The two shorter ones add their last, partly filled pages and what stands around their pages.
    assert together["unique_bytes"] <= 1.05 * longest["unique_bytes"]
    assert store.run("verify").returncode == 0


def test_a_directory_makes_the_round_trip_by_diff(store, tmp_path):
    digest = store.capture("synthetic:8:99")
    assert digest == G2
    store.run("restore", digest, tmp_path / "one")
    other = Store(tmp_path / "other store, with blanks")
    other.run("init")
    assert other.capture(tmp_path / "one") == digest
    other.run("restore", digest, tmp_path / "two")
    subprocess.run(["diff", "-r", tmp_path / "one", tmp_path / "two"], check=True)
    sums = subprocess.run(["sha256sum", tmp_path / "two" / "manifest.json"], capture_output=True, text=True, check=True)
    assert sums.stdout.split()[0] == digest


def test_every_record_is_one_json_object(store, tmp_path):
    store.run("capture", SESSIONS[0], "--name", "s")
    for args in (
        ["init"],
        ["capture", "synthetic:2:0"],
        ["restore", "s", tmp_path / "out"],
        ["list"],
        ["show", "s"],
        ["diff", "s", "s"],
        ["name", "s", "t"],
        ["pin", "s"],
        ["unpin", "s"],
        ["unname", "t"],
        ["verify"],
        ["stats"],
        ["remove", "s", "--force"],
    ):
        result = store.run("--json", *args)
        assert result.stdout.count("\n") == 1
        assert isinstance(json.loads(result.stdout), dict), args


def test_a_pf_core_store_is_used_as_it_is_and_not_written_to(tmp_path):
    subprocess.run(["tar", "-xzf", DATA / "pf-core-store-g2.tar.gz", "-C", tmp_path], check=True)
    root = next(p.parent for p in tmp_path.rglob("blobs"))
    store = Store(root)
    before = sorted(p for p in root.rglob("*"))
    store.run("restore", G2, tmp_path / "out")
    store.run("show", G2)
    store.run("verify", G2)
    assert sorted(root.rglob("*")) == before
    store.run("name", G2, "g2")
    assert "g2" in store.run("list").stdout


def test_profile_pf_core_writes_zstd_19_frames_only(tmp_path):
    store = Store(tmp_path / "store")
    store.run("init", "--profile", "pf-core")
    store.capture(SESSIONS[0])
    assert {p.suffix for p in store.blobs()} == {".zst"}


def test_a_reader_that_goes_away_is_a_quiet_failure(store):
    store.run("capture", "synthetic:2000:1", "--name", "big")
    command = f"'{PFCACHE}' --store '{store.path}' show big --manifest"
    result = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True
    )
    assert result.stdout.strip() == "1"
    assert result.stderr == ""


def test_a_full_standard_output_is_an_error(store):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [PFCACHE, "--store", store.path, "list"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 1
    assert "cannot write to standard output: No space left on device" in result.stderr


def test_two_processes_capture_the_same_data_at_once_100_times(tmp_path):
    for turn in range(100):
        store = Store(tmp_path / f"store{turn}")
        store.run("init")
        source = SESSIONS[turn % 3] if turn % 2 else f"synthetic:40:{turn}"
        command = [PFCACHE, "--store", store.path, "--quiet", "capture", source, "--name", "same"]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        results = [process.communicate(timeout=120) for process in both]
        assert [process.returncode for process in both] == [0, 0], results
        assert results[0][0] == results[1][0]
        assert store.temp_files() == []
        assert store.run("verify").returncode == 0
        assert len(store.json("list")["snapshots"]) == 1


def test_a_store_in_a_path_of_any_bytes(tmp_path):
    directory = os.fsencode(tmp_path) + b"/caf\xe9, '\"\n"
    os.mkdir(directory)
    for args in (["init"], ["capture", "synthetic:8:99"], ["list"]):
        result = subprocess.run([PFCACHE, "--json", "--store", directory + b"/s", *args], capture_output=True)
        assert result.returncode == 0, result.stderr
        json.loads(result.stdout)
    result = subprocess.run([PFCACHE, "--json", "--store", directory + b"/none", "list"], capture_output=True)
    assert result.returncode == 10
    assert json.loads(result.stdout)["error"]["exit_status"] == 10
    assert result.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's view")
def test_a_store_that_may_not_be_read_is_an_error_not_a_crash(store):
    store.capture("synthetic:8:99")
    os.chmod(store.path, 0o700)
    result = subprocess.run(
        [PFCACHE, "--store", store.path, "list"], capture_output=True, text=True, user="nobody", cwd="/"
    )
    assert result.returncode != 0
    assert "Permission denied" in result.stderr
