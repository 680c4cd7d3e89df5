"""How a mount begins and ends, and what the command line says when it can't."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
from conftest import MOUNT, Store

GEOMETRY = "--page-tokens 4 --layers 2 --heads 2 --head-dim 4 --dtype bf16".split()
G2 = "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b"


def run_mount(*args, **kwargs):
    return subprocess.run([str(MOUNT), *map(str, args)], capture_output=True, text=True, timeout=60, **kwargs)


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def daemons_of(store):
    """Process ids of the daemons that serve this store: by their arguments, zombies have none."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[0] == os.fsencode(MOUNT) and os.fsencode(store.path) in arguments:
            found.append(int(process.name))
    return found


@pytest.fixture
def directory(tmp_path, mount):  # `mount` skips where there can be none
    path = tmp_path / "mnt"
    path.mkdir()
    yield path
    if os.path.ismount(path):
        subprocess.run(["umount", str(path)], check=True, timeout=60)


@pytest.fixture
def g2(store):
    store.capture("synthetic:8:99", *GEOMETRY)
    return store


def foreground(store, directory, *options):
    command = [str(MOUNT), str(store.path), str(directory), "-o", ",".join(("foreground", *options))]
    daemon = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: os.path.ismount(directory) or daemon.poll() is not None)
    return daemon


def test_it_serves_when_the_command_returns_and_has_let_go_of_its_output(g2, directory):
    result = run_mount(g2.path, directory)  # would wait for stdout and stderr to be closed by the daemon, too
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert os.listdir(directory / "snap" / G2 / "pages")
    (daemon,) = daemons_of(g2)
    assert os.readlink(f"/proc/{daemon}/cwd") == "/"
    assert os.getsid(daemon) == daemon


def test_umount_ends_the_daemon(g2, directory):
    run_mount(g2.path, directory, check=True)
    assert daemons_of(g2)
    subprocess.run(["umount", str(directory)], check=True, timeout=60)
    assert wait_until(lambda: not daemons_of(g2))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts(g2, directory, sent):
    daemon = foreground(g2, directory)
    assert os.listdir(directory / "snap" / G2)
    daemon.send_signal(sent)
    assert daemon.wait(20) == 0
    assert not os.path.ismount(directory)
    assert os.listdir(directory) == []


def test_sigterm_unmounts_a_daemon_in_the_background(g2, directory):
    run_mount(g2.path, directory, check=True)
    (daemon,) = daemons_of(g2)
    os.kill(daemon, signal.SIGTERM)
    assert wait_until(lambda: not os.path.ismount(directory) and not daemons_of(g2))


def test_foreground_stays_until_it_is_unmounted(g2, directory):
    daemon = foreground(g2, directory)
    assert daemon.poll() is None
    subprocess.run(["umount", str(directory)], check=True, timeout=60)
    assert daemon.wait(20) == 0
    lines = daemon.stderr.read().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("mount.pfcache: passthrough o")  # on or off, and why


def test_a_missing_store_is_status_32(tmp_path, directory):
    result = run_mount(tmp_path / "nowhere", directory)
    assert result.returncode == 32
    assert "nowhere" in result.stderr
    assert not os.path.ismount(directory)
    assert run_mount(tmp_path / "nowhere", directory, "-o", "foreground").returncode == 32


def test_a_directory_that_is_no_store_is_refused(tmp_path, directory):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    result = run_mount(tmp_path / "photos", directory)
    assert result.returncode == 32
    assert "photos" in result.stderr


def test_a_mount_point_that_is_missing_or_a_file_is_refused(g2, tmp_path):
    for place in ("missing", "file"):
        (tmp_path / "file").touch()
        result = run_mount(g2.path, tmp_path / place)
        assert result.returncode == 32
        assert place in result.stderr
    assert daemons_of(g2) == []


def test_usage_errors_are_status_1_and_name_what_is_wrong(g2, directory):
    for args, named in [
        ((g2.path, directory, "-o", "ro,sideways"), "'sideways'"),
        ((g2.path, directory, "-o", "uid=me"), "uid"),
        ((g2.path, directory, "--loud"), "'--loud'"),
        ((g2.path,), str(g2.path)),
        ((), "store"),
    ]:
        result = run_mount(*args)
        assert result.returncode == 1
        assert named in result.stderr
    assert not os.path.ismount(directory)


def test_help_version_and_a_fake_mount(g2, directory):
    assert "usage: mount.pfcache STORE DIR" in run_mount("--help").stdout
    assert run_mount("-V").stdout.startswith("mount.pfcache ")
    result = run_mount("-fv", g2.path, directory)
    assert result.returncode == 0
    assert str(g2.path) in result.stderr
    assert not os.path.ismount(directory)
    assert run_mount("-f", g2.path / "blobs" / "nothing", directory).returncode == 32


def test_the_kernel_shows_the_store_and_the_flags(g2, directory):
    run_mount(g2.path, directory, "-o", "noexec,allow_other,noatime", check=True)
    line = next(line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if str(directory) in line)
    source, _, kind, options = line.split()[:4]
    assert (source, kind) == (str(g2.path), "fuse.pfcache")
    assert {"rw", "noexec", "nosuid", "nodev", "noatime", "allow_other", "default_permissions"} <= set(options.split(","))


def test_paths_with_spaces_and_commas_and_relative_ones(g2, tmp_path, directory):
    odd = Store(tmp_path / "a, b\\c =d")
    shutil.copytree(g2.path, odd.path)
    mount_point = tmp_path / "on, here"
    mount_point.mkdir()
    run_mount(odd.path.name, mount_point.name, cwd=tmp_path, check=True)
    try:
        assert len(os.listdir(mount_point / "snap" / G2 / "pages")) == 8
        text = pathlib.Path("/proc/mounts").read_text().encode().decode("unicode_escape")
        assert str(odd.path) in text
    finally:
        subprocess.run(["umount", str(mount_point)], check=True, timeout=60)


def test_two_mounts_of_one_store_at_once(g2, mount):
    first, second = mount(g2), mount(g2)
    assert (first.path / "snap" / G2 / "pages/0001").stat().st_ino == (
        second.path / "snap" / G2 / "pages/0001").stat().st_ino
    first.unmount()
    assert (second.path / "snap" / G2 / "pages/0001").read_bytes()


def test_a_read_only_store_can_be_mounted(g2, mount, tmp_path):
    read_only = tmp_path / "bound"
    read_only.mkdir()
    subprocess.run(["mount", "--bind", "-o", "ro", str(g2.path), str(read_only)], check=True)
    try:
        mounted = mount(Store(read_only))
        assert (mounted.path / "snap" / G2 / "pages/0001").read_bytes()
        mounted.unmount()
        assert wait_until(lambda: not daemons_of(Store(read_only)))
    finally:
        subprocess.run(["umount", str(read_only)], check=True, timeout=60)
