"""mount.pfcache as mount(8), umount(8) and /etc/fstab use it, by root and by others."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from conftest import MOUNT, Store, build_option
from private_mounts import PrivateMounts
from served import wait_until

GEOMETRY = "--page-tokens 4 --layers 2 --heads 2 --head-dim 4 --dtype bf16".split()
DEAD = "Transport endpoint is not connected"


@pytest.fixture
def digest(store):
    return store.capture("synthetic:8:99", *GEOMETRY)


@pytest.fixture
def mnt(tmp_path):
    (tmp_path / "mnt").mkdir()
    return tmp_path / "mnt"


def pages(private, directory, digest, run=None):
    return (run or private.run)("ls", directory / "snap" / digest / "pages", check=True).stdout.split()


def daemon_of(directory):
    """The process that serves this directory: by its arguments."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"mount." in arguments[0] and os.fsencode(directory) in arguments:
            return int(process.name)
    return None


def kill_daemon_of(directory):
    """As a crash: the mount stays, dead."""
    os.kill(daemon_of(directory), signal.SIGKILL)
    assert wait_until(lambda: daemon_of(directory) is None)


def is_dead(directory, run):
    """Soon after its daemon: who asks while that ends hears that the connection was aborted."""
    return wait_until(lambda: DEAD in run("ls", directory).stderr)


# --- by mount(8) ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pfcache", "fuse.pfcache"])
def test_mount_finds_it_by_either_type_and_umount_ends_it(private, store, digest, mnt, kind):
    private.run("mount", "-t", kind, store.path, mnt, check=True)
    assert len(pages(private, mnt, digest)) == 8
    ((directory, source, options),) = private.mounts()
    assert (directory, source) == (str(mnt), str(store.path))
    assert {"rw", "nosuid", "nodev", "default_permissions"} <= options
    private.run("umount", mnt, check=True)
    assert private.mounts() == [] and wait_until(lambda: daemon_of(mnt) is None)


def test_what_fstab_may_have_is_taken_and_what_users_imply_holds(private, store, digest, mnt):
    words = ("defaults,ro,nofail,_netdev,auto,noauto,user,x-systemd.requires=x.service,X-mount.mkdir,comment=a store,"
             "relatime,strictatime,lazytime,silent,context=system_u:object_r:tmp_t:s0,allow_other,noatime")
    private.run("mount", "-v", "-n", "-t", "pfcache", "-o", words, store.path, mnt, check=True)
    ((_, _, options),) = private.mounts()
    assert {"ro", "noexec", "nosuid", "nodev", "noatime", "allow_other", "default_permissions"} <= options
    private.run("umount", mnt, check=True)
    plain = [MOUNT, mnt, "-o", "rw," + words.replace("ro,", ""), "-v", "-n", "-t", "fuse.pfcache"]
    taken = private.run(*plain[:1], store.path, *plain[1:])  # as they are, without what mount(8) leaves out
    assert taken.returncode == 0, taken.stderr


def test_a_fake_mount_checks_everything_and_mounts_nothing(private, store, mnt, tmp_path):
    fake = lambda *args: private.run("mount", "-f", "-v", "-t", "pfcache", *args)  # noqa: E731
    assert fake(store.path, mnt).returncode == 0
    assert private.mounts() == []
    (tmp_path / "file").touch()
    for args, said in [
        ((tmp_path / "nowhere", mnt), "nowhere"),
        ((store.path, tmp_path / "file"), "Not a directory"),
        ((store.path, mnt, "-o", f"hot={tmp_path}/file"), "file"),
    ]:
        refused = fake(*args)
        assert refused.returncode == 32 and said in refused.stderr, refused.stderr


def test_an_unknown_option_is_told_the_near_one_unless_mount_is_sloppy(private, store, mnt):
    mount = ["mount", "-t", "pfcache", "-o", "hotsize=1G", store.path, mnt]
    refused = private.run(*mount)
    assert refused.returncode == 1
    assert "unknown option 'hotsize=1G'; did you mean 'hot_size'?" in refused.stderr
    assert private.mounts() == []
    private.run(*mount, "-s", check=True)
    assert len(private.mounts()) == 1


def test_a_remount_is_refused_and_told_what_works(private, store, digest, mnt):
    private.run("mount", "-t", "pfcache", "-o", "hot_size=10M", store.path, mnt, check=True)
    for remount in (["-o", "remount,ro", mnt], ["-t", "pfcache", "-o", "remount,hot_size=20M", store.path, mnt]):
        refused = private.run("mount", *remount)
        assert refused.returncode == 32, refused.stderr
        assert "can't be changed" in refused.stderr and f"`umount {mnt}`" in refused.stderr
    assert "rw" in private.mounts()[0][2]
    instead = re.search("`(mount -o .*?)`", refused.stderr)[1].split()
    private.run(*instead, check=True)
    assert "Read-only" in private.run("mkdir", mnt / "new" / "x").stderr
    assert len(pages(private, mnt, digest)) == 8


def test_mount_into_another_namespace(private, store, digest, mnt, tmp_path):
    other = PrivateMounts(tmp_path / "other")
    try:
        private.run("mount", "-N", other.holder.pid, "-t", "pfcache", store.path, mnt, check=True)
        assert private.mounts() == [] and len(other.mounts()) == 1
        assert len(pages(other, mnt, digest)) == 8
        other.run("umount", mnt, check=True)
        private.run(MOUNT, "-N", f"/proc/{other.holder.pid}/ns/mnt", store.path, mnt, check=True)
        assert private.mounts() == [] and len(other.mounts()) == 1
    finally:
        other.close()


@pytest.mark.parametrize("who", ["root", "nobody"])
def test_paths_with_commas_blanks_and_backslashes(private, digest, users, who):
    run = private.run if who == "root" else private.as_nobody
    odd, directory, hot = users / "a, b\\c =d", users / "on, here", users / "hot, too"
    (users / "store").rename(odd)
    (users / "mnt").rename(directory)
    option = "hot=" + str(hot).replace(",", "\\,")
    if who == "root":
        run("mount", "-t", "pfcache", "-o", option, odd, directory, check=True)
    else:
        run(MOUNT, "-o", option, odd, directory, check=True)
    assert len(pages(private, directory, digest, run)) == 8
    run("sha256sum", directory / "snap" / digest / "pages" / "0003", check=True)
    assert hot.is_dir() and any(hot.iterdir())
    found = run("findmnt", "-n", "-r", "-o", "SOURCE,TARGET,FSTYPE", "--mountpoint", directory, check=True).stdout
    source, target, kind = (field.encode().decode("unicode_escape") for field in found.split())
    assert (source, target, kind) == (str(odd), str(directory), "fuse.pfcache")
    run("umount", directory, check=True)
    assert private.mounts() == []


def test_fstab_mounts_it(private, store, digest, mnt):
    fstab = private.directory / "fstab"
    fstab.write_text(f"{store.path} {mnt} pfcache ro,nofail,_netdev,hot_size=64M,x-systemd.automount 0 0\n")
    checked = private.run("findmnt", "--verify", "--tab-file", fstab)
    assert checked.returncode == 0 and "0 parse errors, 0 errors" in checked.stdout + checked.stderr, checked
    private.run("mount", "-a", "-T", fstab, check=True)
    assert len(pages(private, mnt, digest)) == 8
    private.run("mount", "-a", "-T", fstab, check=True)  # sees that it is mounted
    assert len(private.mounts()) == 1


# --- exit statuses ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif("undefined" in build_option("b_sanitize"), reason="UBSan itself needs files to look at an error")
def test_a_system_that_lacks_files_is_status_2(private, store, mnt):
    refused = private.run("prlimit", "--nofile=4:4", MOUNT, store.path, mnt)
    assert refused.returncode == 2, refused.stderr
    assert "Too many open files" in refused.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_it_is_mounted_is_status_8(store, mount, mnt, tmp_path, sent):
    """The directory of its hot pages is below a mount whose daemon stands still, which it waits for."""
    mounted = mount(store)
    slow = daemon_of(mounted.path)
    os.kill(slow, signal.SIGSTOP)
    stats = lambda: [stat.read_text() for stat in pathlib.Path(f"/proc/{slow}/task").glob("*/stat")]  # noqa: E731
    assert wait_until(lambda: all(") T " in stat for stat in stats()))  # a request that it has taken could not be ended
    waiting = subprocess.Popen([MOUNT, "-o", f"hot={mounted.path}/snap/nothing", store.path, mnt])
    try:
        children = pathlib.Path(f"/proc/{waiting.pid}/task/{waiting.pid}/children")
        status = pathlib.Path(f"/proc/{waiting.pid}/status")
        assert wait_until(lambda: children.read_text().split())
        (child,) = children.read_text().split()
        assert wait_until(lambda: int(re.search(r"SigCgt:\s+(\w+)", status.read_text())[1], 16) >> (sent - 1) & 1)
        waiting.send_signal(sent)
        assert waiting.wait(20) == 8
        assert not os.path.exists(f"/proc/{child}")
    finally:
        os.kill(slow, signal.SIGCONT)
        waiting.kill()
        waiting.wait(20)


# --- what stands there already ----------------------------------------------------------------------------------------


def test_dead_mounts_are_replaced(private, store, digest, mnt):
    mount = ["mount", "-t", "pfcache", store.path, mnt]
    private.run(*mount, check=True)
    kill_daemon_of(mnt)
    assert is_dead(mnt, private.run)
    assert private.run(MOUNT, "-f", store.path, mnt).returncode == 0
    assert DEAD in private.run("ls", mnt).stderr  # a fake takes nothing away
    replaced = private.run(*mount, check=True)
    assert f"took away a mount of the store {store.path}" in replaced.stderr
    assert len(pages(private, mnt, digest)) == 8
    assert len(private.mounts()) == 1


def test_a_dead_mount_through_a_link_and_under_open_files_is_replaced(private, store, digest, mnt, tmp_path):
    (tmp_path / "link").symlink_to(mnt)
    private.run(MOUNT, store.path, mnt, check=True)
    reader = subprocess.Popen(private.inside("sh", "-c", f"exec 3<{mnt}/snap/{digest}/manifest.json; echo; exec cat"),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        reader.stdout.readline()
        kill_daemon_of(mnt)
        private.run(MOUNT, store.path, tmp_path / "link", check=True)
        assert len(pages(private, mnt, digest)) == 8
        assert len(private.mounts()) == 1
    finally:
        reader.communicate(timeout=20)


def test_a_mount_that_serves_stays(private, store, digest, mnt, tmp_path):
    private.run(MOUNT, store.path, mnt, check=True)
    other = Store(tmp_path / "other")
    other.run("init")
    for again in (store, other):
        refused = private.run("mount", "-t", "pfcache", again.path, mnt)
        assert refused.returncode == 32
        assert f"the store {store.path} is mounted there already" in refused.stderr
    assert len(pages(private, mnt, digest)) == 8


@pytest.mark.skipif(shutil.which("squashfuse") is None, reason="NEEDS squashfuse")
def test_a_dead_mount_of_another_filesystem_is_not_touched(private, store, mnt, tmp_path):
    subprocess.run(["mksquashfs", store.path, tmp_path / "image", "-quiet", "-no-progress"], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    theirs = subprocess.Popen(private.inside("squashfuse", "-f", tmp_path / "image", mnt))
    try:
        assert wait_until(lambda: private.mounts("fuse.squashfuse"))
    finally:
        theirs.kill()
        theirs.wait(20)
    refused = private.run(MOUNT, store.path, mnt)
    assert refused.returncode == 32 and DEAD in refused.stderr
    assert len(private.mounts("fuse.squashfuse")) == 1 and private.mounts() == []
    private.run("umount", mnt, check=True)


# --- by users ---------------------------------------------------------------------------------------------------------


def test_a_user_mounts_without_passthrough_and_is_told_once(private, digest, users):
    mounted = private.as_nobody(MOUNT, users / "store", users / "mnt", check=True)
    assert mounted.stderr.count("passthrough") == 1 and len(mounted.stderr.splitlines()) == 1
    ((_, source, options),) = private.mounts()
    assert source == str(users / "store") and {"user_id=65534", "default_permissions", "nosuid", "nodev"} <= options
    page = users / "mnt" / "snap" / digest / "pages" / "0003"
    assert private.as_nobody("sha256sum", page, check=True).stdout
    assert private.as_nobody(MOUNT, users / "store", users / "mnt").returncode == 32  # it serves
    private.as_nobody("fusermount3", "-u", users / "mnt", check=True)
    assert private.mounts() == []
    for fake in ([], ["-f"]):
        required = private.as_nobody(MOUNT, *fake, "-o", "passthrough=require", users / "store", users / "mnt")
        assert required.returncode == 32 and "CAP_SYS_ADMIN" in required.stderr
    assert private.mounts() == []


@pytest.mark.parametrize("fake", [[], ["-f"]], ids=["mount", "fake"])
def test_where_a_user_may_not_write_they_may_not_mount(private, digest, users, mnt, fake):
    mnt.chmod(0o755)
    mnt.parent.chmod(0o755)
    refused = private.as_nobody(MOUNT, *fake, users / "store", mnt)
    assert refused.returncode == 1
    assert f"mount point {mnt}: Permission denied" in refused.stderr
    assert private.mounts() == []


@pytest.mark.parametrize("closed", ["0<&- 1>&-", "0<&- 2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-", "2>&-"])
def test_it_mounts_with_standard_files_closed(private, store, digest, mnt, closed):
    private.run("timeout", "20", "sh", "-c", f'exec "$@" {closed}', "sh", MOUNT, store.path, mnt, check=True)
    assert len(pages(private, mnt, digest)) == 8
    private.run("umount", mnt, check=True)


def test_a_users_dead_mount_is_replaced_by_them(private, digest, users):
    private.as_nobody(MOUNT, users / "store", users / "mnt", check=True)
    kill_daemon_of(users / "mnt")
    assert is_dead(users / "mnt", private.as_nobody)
    private.as_nobody(MOUNT, users / "store", users / "mnt", check=True)
    assert len(pages(private, users / "mnt", digest, private.as_nobody)) == 8
    assert len(private.mounts()) == 1


def test_users_let_others_in_only_when_fuse_conf_says_so(private, digest, users):
    private.put("/etc/fuse.conf", "#user_allow_other\n")
    refused = private.as_nobody(MOUNT, "-o", "allow_other", users / "store", users / "mnt")
    assert refused.returncode == 1
    assert "allow_other" in refused.stderr and "/etc/fuse.conf" in refused.stderr
    private.put("/etc/fuse.conf", "user_allow_other\n")
    private.as_nobody(MOUNT, "-o", "allow_other", users / "store", users / "mnt", check=True)
    assert len(pages(private, users / "mnt", digest)) == 8  # for root, too


def test_users_mount_what_fstab_lets_them(private, digest, users):
    private.put("/etc/fstab", f"{users}/store {users}/mnt fuse.pfcache user,noauto,ro 0 0\n")
    private.as_nobody("mount", users / "mnt", check=True)
    ((_, _, options),) = private.mounts()
    assert {"ro", "noexec", "nosuid", "nodev", "user_id=65534"} <= options
    assert len(pages(private, users / "mnt", digest, private.as_nobody)) == 8
    private.as_nobody("umount", users / "mnt", check=True)
    assert private.mounts() == []


def test_without_the_device_it_is_said(private, users):
    private.run("umount", "/dev/fuse", check=True)
    private.run("chmod", "0600", private.directory / "dev" / "fuse", check=True)
    private.run("mount", "--bind", private.directory / "dev" / "fuse", "/dev/fuse", check=True)
    refused = private.as_nobody(MOUNT, users / "store", users / "mnt")
    assert refused.returncode == 1 and "/dev/fuse" in refused.stderr and "Permission denied" in refused.stderr
