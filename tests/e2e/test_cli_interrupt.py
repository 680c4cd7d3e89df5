"""Ctrl-C and its kin: at whatever moment they come, nothing half-done stays."""

import signal
import subprocess
import time

import pytest
from conftest import DATA, PFCACHE, Store

# 256 pages of 2 x 512 KiB: long enough to be interrupted while pages are made, hashed, encoded and written.
BIG = ["synthetic:256:5", "--content=kv-like", "--page-tokens=16", "--layers=16", "--heads=8", "--head-dim=128"]
DELAYS = [0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 1.3, 2.0]


def start(store, *args):
    command = [PFCACHE, "--store", store.path, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupt(process, delay, signum):
    """Sends the signal after the delay. Returns the exit status and what was said, or None when it was done before."""
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_capture_leaves_nothing(store, delay, signum):
    status, out, err = interrupt(start(store, "capture", *BIG, "--name", "big"), delay, signum)
    assert store.temp_files() == []
    snapshots = store.json("list")["snapshots"]
    if status == 0:  # it was faster
        assert len(snapshots) == 1
        return
    # Before main() blocks signals they kill at once, as they do any program.
    assert status in (128 + signum, -signum)
    assert err == ("pfcache: interrupted\n" if status > 0 else "")
    assert out == ""
    assert snapshots == []
    assert not list(store.path.glob("refs/*"))


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("big") / "store")
    made.run("init")
    made.run("capture", *BIG, "--name", "big")
    return made


@pytest.mark.parametrize("delay", DELAYS[:6])
def test_an_interrupted_restore_leaves_no_destination(big, tmp_path, delay):
    dest = tmp_path / "dest"
    status, _, err = interrupt(start(big, "restore", "big", dest, "--threads", "1"), delay, signal.SIGINT)
    if status == 0:
        assert len(list(dest.glob("pages/*"))) == 256
        return
    assert status in (130, -signal.SIGINT)
    assert list(tmp_path.iterdir()) == []
    assert big.temp_files() == []


def test_at_least_one_moment_hits_the_work(store):
    """Guards the tests above: were each capture faster than its delay, they would show nothing."""
    status, _, err = interrupt(start(store, "capture", *BIG), 0.3, signal.SIGINT)
    assert (status, err) == (130, "pfcache: interrupted\n")


def test_a_capture_goes_on_after_an_interrupted_one(store):
    interrupt(start(store, "capture", *BIG), 0.8, signal.SIGINT)
    digest = store.capture(*BIG)
    assert store.run("verify", digest).returncode == 0


def test_a_second_signal_kills_at_once(tmp_path):
    """A writer that waits for the store's lock can't unwind: the second signal ends it."""
    store = Store(tmp_path / "store")
    store.run("init")
    lock = subprocess.Popen(
        ["flock", "--exclusive", store.path / "lock", "sh", "-c", "echo held; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert lock.stdout.readline() == "held\n"
        process = start(store, "capture", DATA / "llama-session-399.bin")
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode in (130, -signal.SIGTERM)
    finally:
        lock.communicate("\n", timeout=10)


def test_a_program_started_to_ignore_hangups_ignores_them(store):
    process = subprocess.Popen(
        ["nohup", PFCACHE, "--store", store.path, "capture", *BIG],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(out.strip()) == 64
