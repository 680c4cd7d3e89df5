"""Snapshots copied into a mount: rsync in its ways, cp, tar and Python; what doesn't match, and what goes on afterwards."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import Store
from served import Served, wait_until
from snapshots import (GEOMETRY, digest_of, draft, fsync_directory, geometry_of, half_bytes, manifest_of, page, read_all, run,
                       some_pages, staged, write_plain)

SEQS = [("a/b", [0, 1, 2]), ("c", [3])]


@pytest.fixture
def dest(store, tmp_path, mount):
    with Served(store, tmp_path / "dest") as mounted:
        yield mounted


@pytest.fixture
def source(tmp_path, mount):
    """A mount with one snapshot."""
    other = Store(tmp_path / "other")
    other.run("init")
    pages = some_pages(6)
    pages[5] = pages[0]  # two names of one content
    digest = write_plain(tmp_path / "made", pages, seqs=SEQS)
    assert other.capture(tmp_path / "made" / digest) == digest
    mounted = mount(other)
    mounted.digest = digest
    mounted.plain = tmp_path / "made" / digest
    return mounted


@pytest.fixture
def plain(tmp_path):
    digest = write_plain(tmp_path / "plain", some_pages(6), seqs=SEQS)
    return tmp_path / "plain" / digest


def is_sealed(store, digest):
    return any(line["snapshot"] == digest for line in store.json("list")["snapshots"])


def require_same(store, dest, made, digest):
    """It is there, whole, at once, for everybody; nothing stays behind."""
    assert is_sealed(store, digest)
    store.run("verify")
    run("diff", "-r", made, dest.path / "snap" / digest, check=False)
    for name, data in read_all(made).items():
        assert (dest.path / "snap" / digest / name).read_bytes() == data
    assert sorted(os.listdir(dest.path / "snap" / digest)) == ["k", "manifest.json", "pages", "seqs", "v"]
    assert wait_until(lambda: staged(store) == []), staged(store)


@pytest.mark.parametrize("options", [[], ["--inplace"], ["--partial"], ["-H"], ["--checksum"], ["--delete"],
                                     ["--no-whole-file"], ["-H", "--inplace", "--no-whole-file"]], ids=" ".join)
def test_rsync_between_mounts(source, dest, store, options):
    run("rsync", "-a", *options, source.path / "snap" / source.digest, dest.path / "snap/")
    require_same(store, dest, source.plain, source.digest)
    run("diff", "-r", source.path / "snap" / source.digest, dest.path / "snap" / source.digest)
    again = run("rsync", "-a", "-i", *options, source.path / "snap" / source.digest, dest.path / "snap/")
    assert again.stdout == ""  # nothing to be sent


@pytest.mark.parametrize("options", [[], ["--inplace"], ["--partial"], ["--checksum"], ["--delete"]], ids=" ".join)
def test_rsync_from_a_plain_directory(plain, dest, store, options):
    run("rsync", "-a", *options, plain, dest.path / "snap/")
    require_same(store, dest, plain, plain.name)


@pytest.mark.parametrize("options", [[], ["--checksum"], ["--delete"]], ids=" ".join)
def test_rsync_of_what_is_sealed_changes_nothing(plain, dest, store, options):
    for _ in range(3):
        run("rsync", "-a", *options, plain, dest.path / "snap/")
    require_same(store, dest, plain, plain.name)


def test_rsync_over_the_network(plain, dest, store, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "rsyncd.conf"
    config.write_text(f"use chroot = no\nuid = root\ngid = root\npid file = {tmp_path}/rsyncd.pid\n"
                      f"[kv]\npath = {dest.path}/snap\nread only = no\n")
    daemon = subprocess.Popen(["rsync", "--daemon", "--no-detach", f"--port={port}", "--address=127.0.0.1",
                               f"--config={config}"])
    try:
        assert wait_until(lambda: run("rsync", f"rsync://127.0.0.1:{port}/", check=False).returncode == 0)
        run("rsync", "-a", plain, f"rsync://127.0.0.1:{port}/kv/")
        require_same(store, dest, plain, plain.name)
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_pages_that_the_store_has_appear_by_themselves_and_are_not_sent_again(dest, store, source, tmp_path):
    shared = {ix: data for ix, data in some_pages(6).items() if ix < 3}
    store.capture(tmp_path / "half" / write_plain(tmp_path / "half", shared))
    arriving = dest.path / "snap" / source.digest
    arriving.mkdir()
    run("rsync", "-a", source.path / "snap" / source.digest / "manifest.json", arriving / "")
    (arriving / "pages").mkdir()
    assert sorted(os.listdir(arriving / "pages")) == ["0000", "0001", "0002", "0005"]
    original = source.path / "snap" / source.digest / "pages/0001"
    assert (arriving / "pages/0001").read_bytes() == original.read_bytes()
    assert (arriving / "pages/0001").stat().st_mtime == original.stat().st_mtime
    assert not is_sealed(store, source.digest)
    sent = run("rsync", "-a", "--out-format=%n", f"{source.path}/snap/{source.digest}/pages", arriving / "").stdout
    assert [line for line in sent.splitlines() if line.startswith("pages/0")] == ["pages/0003", "pages/0004"]
    require_same(store, dest, source.plain, source.digest)


def test_an_arriving_snapshot_is_not_listed_by_others(dest, store, mount):
    digest = "0" * 64
    (dest.path / "snap" / digest).mkdir()
    assert os.listdir(dest.path / "snap") == []
    assert store.json("list")["snapshots"] == []
    assert not (mount(store, "ro").path / "snap" / digest).exists()
    os.rmdir(dest.path / "snap" / digest)
    assert not (dest.path / "snap" / digest).exists()


@pytest.mark.parametrize("inplace", [[], ["--inplace"]], ids=["renamed", "inplace"])
def test_a_page_that_does_not_match_is_told_of_and_repaired_by_the_next_run(plain, dest, store, inplace):
    good = (plain / "pages/0002").read_bytes()
    (plain / "pages/0002").write_bytes(b"x" + good[1:])
    result = run("rsync", "-a", *inplace, plain, dest.path / "snap/", check=False)
    assert result.returncode != 0
    assert "0002" in result.stderr and "(74)" in result.stderr  # EBADMSG
    assert not is_sealed(store, plain.name)
    assert "pages/0002" in dest.log()
    (plain / "pages/0002").write_bytes(good)
    run("rsync", "-a", *inplace, plain, dest.path / "snap/")
    require_same(store, dest, plain, plain.name)


def test_a_page_that_does_not_match_fails_its_close(plain, dest, store):
    arriving = dest.path / "snap" / plain.name
    arriving.mkdir()
    shutil.copyfile(plain / "manifest.json", arriving / "manifest.json")
    (arriving / "pages").mkdir()
    fd = os.open(arriving / "pages/0001", os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"\0" * (2 * half_bytes(GEOMETRY)))
    with pytest.raises(OSError) as failure:
        os.close(fd)
    assert failure.value.errno == errno.EBADMSG
    assert "pages/0001" in os.getxattr(arriving, "user.pfcache.error").decode()
    with pytest.raises(OSError) as failure:
        (arriving / "pages/0077").write_bytes(b"")
    assert failure.value.errno == errno.EBADMSG
    run("cp", "-r", f"{plain}/.", arriving)
    require_same(store, dest, plain, plain.name)


def test_a_manifest_that_is_another_fails(plain, dest, store):
    arriving = dest.path / "snap" / plain.name
    arriving.mkdir()
    (arriving / ".manifest.json.x").write_bytes(draft())
    with pytest.raises(OSError) as failure:
        os.rename(arriving / ".manifest.json.x", arriving / "manifest.json")
    assert failure.value.errno == errno.EBADMSG
    os.unlink(arriving / ".manifest.json.x")
    run("rsync", "-a", plain, dest.path / "snap/")
    require_same(store, dest, plain, plain.name)


def test_the_manifest_may_come_last(plain, dest, store):
    arriving = dest.path / "snap" / plain.name
    run("rsync", "-a", "--exclude=manifest.json", plain, dest.path / "snap/")
    assert not is_sealed(store, plain.name)
    shutil.copyfile(plain / "manifest.json", arriving / "manifest.json")
    require_same(store, dest, plain, plain.name)


def test_a_symlink_can_be_made_by_who_saw_none_before_the_seal_shows_it(plain, dest, store):
    """As rsync does it, whose receiver takes the last page between a look and symlink(2) of its generator."""
    arriving = dest.path / "snap" / plain.name
    run("rsync", "-a", "--exclude=manifest.json", plain, dest.path / "snap/")
    os.makedirs(arriving / "seqs/c")
    link = arriving / "seqs/c/0000"
    assert not os.path.lexists(link)
    run("rsync", "-a", plain / "manifest.json", arriving / "")
    assert is_sealed(store, plain.name)
    assert not os.path.lexists(link)
    assert run("readlink", link).stdout == "../../pages/0003\n"  # as everybody else sees it
    os.symlink("../../pages/0003", link)
    assert os.readlink(link) == "../../pages/0003"
    require_same(store, dest, plain, plain.name)


@pytest.mark.parametrize("passthrough", ["auto", "off"])
def test_what_is_written_after_the_seal_nobody_reads(plain, store, tmp_path, mount, passthrough):
    """Not even who was there before it: the file that is still being written has no name any more."""
    look = "import os, sys; os.stat(sys.argv[1]); input(); sys.stdout.buffer.write(open(sys.argv[1] + '/pages/0000', 'rb').read())"
    with Served(store, tmp_path / "dest", f"passthrough={passthrough}") as dest:
        arriving = dest.path / "snap" / plain.name
        run("rsync", "-a", "--exclude=pages/0000", plain, dest.path / "snap/")
        reader = subprocess.Popen([sys.executable, "-c", f"print(flush=True); {look}", str(arriving)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        reader.stdout.readline()
        time.sleep(0.3)  # until it has looked
        expected = (plain / "pages/0000").read_bytes()
        with open(arriving / "pages/0000", "x+b", buffering=0) as file:
            file.write(expected)
            os.close(os.dup(file.fileno()))  # as a close: the page is taken, and the snapshot sealed
            assert is_sealed(store, plain.name)
            os.pwrite(file.fileno(), b"GARBAGE!", 0)
            assert reader.communicate(b"\n", timeout=60)[0] == expected
            assert (arriving / "pages/0000").read_bytes() == expected
        require_same(store, dest, plain, plain.name)


def test_a_bad_page_before_the_manifest_fails_the_manifest_and_is_sent_again(plain, dest, store):
    good = (plain / "pages/0002").read_bytes()
    (plain / "pages/0002").write_bytes(b"x" + good[1:])
    run("rsync", "-a", "--exclude=manifest.json", plain, dest.path / "snap/")
    (plain / "pages/0002").write_bytes(good)
    result = run("rsync", "-a", plain / "manifest.json", dest.path / "snap" / plain.name / "", check=False)
    assert result.returncode != 0 and "(74)" in result.stderr
    run("rsync", "-a", plain, dest.path / "snap/")
    require_same(store, dest, plain, plain.name)


@pytest.mark.parametrize("from_mount", [True, False], ids=["mount", "plain"])
def test_cp(source, plain, dest, store, from_mount):
    made = source.plain if from_mount else plain
    run("cp", "-r", source.path / "snap" / made.name if from_mount else made, dest.path / "snap/")
    require_same(store, dest, made, made.name)


@pytest.mark.parametrize("from_mount", [True, False], ids=["mount", "plain"])
def test_tar(source, plain, dest, store, tmp_path, from_mount):
    made = source.plain if from_mount else plain
    run("tar", "-cf", tmp_path / "x.tar", "-C", (source.path / "snap" if from_mount else made.parent), made.name)
    run("tar", "-xf", tmp_path / "x.tar", "-C", dest.path / "snap")
    require_same(store, dest, made, made.name)


@pytest.mark.parametrize("symlinks", [True, False])
@pytest.mark.parametrize("from_mount", [True, False], ids=["mount", "plain"])
def test_python_shutil(source, plain, dest, store, from_mount, symlinks):
    made = source.plain if from_mount else plain
    shutil.copytree(source.path / "snap" / made.name if from_mount else made, dest.path / "snap" / made.name,
                    symlinks=symlinks)
    time.sleep(3.5)  # this process goes on as who brought it, for a moment
    require_same(store, dest, made, made.name)


def test_a_symlink_that_leads_elsewhere_is_refused(source, dest):
    arriving = dest.path / "snap" / source.digest
    arriving.mkdir()
    shutil.copyfile(source.plain / "manifest.json", arriving / "manifest.json")
    (arriving / "seqs").mkdir()
    (arriving / "seqs/c").mkdir()
    with pytest.raises(OSError) as failure:
        os.symlink("../../pages/0001", arriving / "seqs/c/0000")
    assert failure.value.errno == errno.EBADMSG
    os.symlink("../../pages/0003", arriving / "seqs/c/0000")


def test_two_transfers_of_one_snapshot_at_once(store, dest, tmp_path):
    geometry = geometry_of(256 << 10)
    digest = write_plain(tmp_path / "plain", {ix: page(ix, 256 << 10) for ix in range(40)}, geometry)
    made = tmp_path / "plain" / digest
    transfers = [subprocess.Popen(["rsync", "-a", "--bwlimit=20m", str(made), f"{dest.path}/snap/"]) for _ in range(2)]
    assert [transfer.wait(120) for transfer in transfers] == [0, 0]
    require_same(store, dest, made, digest)


@pytest.mark.parametrize("options", [[], ["--partial"], ["--inplace"]], ids=" ".join)
def test_interrupted_and_resumed(store, dest, tmp_path, options):
    geometry = geometry_of(1 << 20)
    digest = write_plain(tmp_path / "plain", {ix: page(ix, 1 << 20) for ix in range(24)}, geometry)
    made = tmp_path / "plain" / digest
    for after in (0.3, 0.8):
        transfer = subprocess.Popen(["rsync", "-a", "--bwlimit=8m", *options, str(made), f"{dest.path}/snap/"],
                                    stderr=subprocess.DEVNULL)
        time.sleep(after)
        transfer.send_signal(signal.SIGINT)
        assert transfer.wait(60) != 0
        assert not is_sealed(store, digest)
    run("rsync", "-a", *options, made, dest.path / "snap/")
    require_same(store, dest, made, digest)


def test_what_had_arrived_when_the_daemon_died_is_not_sent_again(store, tmp_path, source, mount):
    served = Served(store, tmp_path / "dest")
    arriving = served.path / "snap" / source.digest
    arriving.mkdir()
    shutil.copyfile(source.plain / "manifest.json", arriving / "manifest.json")
    (arriving / "pages").mkdir()
    for name in ("0001", "0002"):
        shutil.copyfile(source.plain / "pages" / name, arriving / "pages" / name)
    served.kill()
    with Served(store, tmp_path / "dest") as again:
        sent = run("rsync", "-a", "--out-format=%n", source.path / "snap" / source.digest, again.path / "snap/").stdout
        names = [line for line in sent.splitlines() if "/pages/0" in line]
        assert [name[-4:] for name in names if not name.endswith("0005")] == ["0000", "0003", "0004"]
        require_same(store, again, source.plain, source.digest)


def test_fsync_of_the_arriving_directory(dest, store, plain):
    arriving = dest.path / "snap" / plain.name
    arriving.mkdir()
    shutil.copyfile(plain / "manifest.json", arriving / "manifest.json")
    (arriving / "pages").mkdir()
    shutil.copyfile(plain / "pages/0001", arriving / "pages/0001")
    fsync_directory(arriving)
    assert not (store.path / "staging/snap" / plain.name / "pages/0001").exists()
    assert (arriving / "pages/0001").read_bytes() == (plain / "pages/0001").read_bytes()
