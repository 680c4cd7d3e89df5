"""Warm starts from the command line, as programs in other languages use them."""

import json
import os
import signal
import subprocess
import time

from conftest import PFCACHE

KEY = "c2911c6e2b431839f6aa0895864cdc273ef3fa74699e510bf5603f6443749268"


def warm(store, *args, payload=b""):
    command = [str(PFCACHE), "--store", str(store.path), "warm", *map(str, args)]
    return subprocess.run(command, input=payload, capture_output=True, timeout=60)


def test_a_state_of_some_size_is_piped_in_and_out(store):
    payload = os.urandom(5_000_000)
    saved = warm(store, "save", KEY, "--objective", 0.25, "--kind", "checkpoint", "--iteration", 3, payload=payload)
    assert saved.returncode == 0, saved.stderr
    assert warm(store, "lookup", KEY).stdout == payload
    run = saved.stdout.decode().strip()
    record = json.loads((store.path / "warm" / KEY / f"{run}.json").read_text())
    assert list(record) == [
        "schema_version", "written_unix_secs", "written_nanos", "objective", "iteration", "kind", "checksum_hex",
        "payload_bytes",
    ]  # fmt: skip
    assert (record["objective"], record["iteration"], record["kind"]) == (0.25, 3, "Checkpoint")
    assert abs(record["written_unix_secs"] - time.time()) < 60


def test_a_pair_that_another_program_wrote_is_found(store):
    directory = store.path / "warm" / KEY
    directory.mkdir(parents=True)
    payload = b"hello-warm"
    checksum = subprocess.run(["sha256sum"], input=payload, capture_output=True, check=True).stdout.decode()[:64]
    record = {
        "schema_version": 1, "written_unix_secs": int(time.time()), "written_nanos": 0, "objective": -3.5,
        "iteration": None, "kind": "Final", "checksum_hex": checksum, "payload_bytes": len(payload),
    }  # fmt: skip
    (directory / "ckpt-r1f-17.bin").write_bytes(payload)
    (directory / "ckpt-r1f-17.json").write_text(json.dumps(record, indent=2))
    assert warm(store, "lookup", KEY).stdout == payload


def test_programs_that_save_at_once_lose_nothing(store):
    command = [str(PFCACHE), "--store", str(store.path), "warm", "save", KEY, "--kind", "final"]
    programs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(12)
    ]
    runs = {program.communicate(b"payload", timeout=60)[0].decode().strip() for program in programs}
    assert all(program.returncode == 0 for program in programs)
    entries = store.json("warm", "list", KEY)["entries"]
    assert {entry["run"] for entry in entries} == runs and len(runs) == 12
    assert store.temp_files() == []


def test_an_interrupt_while_it_waits_for_input_ends_it_at_once(store):
    command = [str(PFCACHE), "--store", str(store.path), "warm", "save", KEY, "--kind", "final"]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdin.write(b"half of a payl")
    program.stdin.flush()
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=10) == 130
    assert b"interrupted" in program.stderr.read()
    program.stdin.close()
    assert warm(store, "lookup", KEY).returncode == 10



def test_a_directory_as_input_is_an_error_and_not_an_empty_payload(store):
    command = [str(PFCACHE), "--store", str(store.path), "warm", "save", KEY, "--kind", "final"]
    directory = os.open("/", os.O_RDONLY)
    try:
        result = subprocess.run(command, stdin=directory, capture_output=True, timeout=60)
    finally:
        os.close(directory)
    assert result.returncode == 1 and b"standard input" in result.stderr
    assert warm(store, "lookup", KEY).returncode == 10
