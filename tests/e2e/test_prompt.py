"""The prompt cache through the real program: pipes, and Ctrl-C while it waits."""

import hashlib
import os
import signal
import subprocess
import time

import pytest
from conftest import PFCACHE


def command(store, *args):
    return [str(PFCACHE), "--store", str(store.path), "prompt", *map(str, args)]


def test_what_goes_in_by_a_pipe_comes_out_by_a_pipe(store, tmp_path):
    text = tmp_path / "text"
    text.write_bytes(b"<|user|>hi<|assistant|>")
    payload = os.urandom(9_000_000)
    key = hashlib.sha1(text.read_bytes()).hexdigest()
    for dedup in ("off", "on"):
        put = subprocess.run(command(store, "put", "--text", text, "--dedup", dedup), input=payload, capture_output=True)
        assert (put.returncode, put.stdout) == (0, key.encode() + b"\n"), put.stderr
        assert subprocess.run(command(store, "get", key), capture_output=True).stdout == payload
        found = subprocess.run(command(store, "find"), input=text.read_bytes() + b"and more", capture_output=True)
        assert found.stdout == key.encode() + b"\n"


@pytest.mark.parametrize("args", [("put", "--text", "/etc/hostname"), ("find",)])
def test_ctrl_c_ends_the_wait_for_standard_input(store, args):
    process = subprocess.Popen(command(store, *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"the beginning")
    process.stdin.flush()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 128 + signal.SIGINT
    assert process.stderr.read() == b"pfcache: interrupted\n"
    assert store.temp_files() == []
    assert list(store.path.glob("prompt/*")) == []
