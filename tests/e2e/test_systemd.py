"""The units, as systemd reads them, and what the daemon tells a service manager."""

import os
import re
import shutil
import socket
import subprocess

import pytest
from conftest import BUILD, MOUNT, REPO
from served import wait_until

UNITS = BUILD / "packaging" / "systemd"
EXAMPLES = REPO / "packaging" / "systemd" / "examples"

# What gives a service a mount namespace, systemd.exec(5), or takes /dev/fuse from it.
HIDES_THE_MOUNT = re.compile(r"^(Private\w+|Protect\w+|\w+Paths|RootDirectory|RootImage|MountFlags|DynamicUser|"
                             r"TemporaryFileSystem|Bind\w+|\w+Directory|MountAPIVFS|MountImages|DevicePolicy|DeviceAllow)=",
                             re.M)


def needs(program):
    if shutil.which(program) is None:
        pytest.skip(f"NEEDS {program}")


@pytest.fixture
def installed(private, tmp_path):
    """Where the units and the programs that they name are as after an installation, in a namespace of the test's."""
    needs("systemd-analyze")
    units = private.directory / "units"
    units.mkdir()
    for unit in [*UNITS.glob("pfcache*@*"), *EXAMPLES.glob("mnt-kv.*mount")]:
        text = re.sub(r"^ExecStart=\S*/", f"ExecStart={private.directory}/", unit.read_text(), flags=re.M)
        (units / unit.name).write_text(text)
    for program in ("mount.pfcache", "pfcache"):
        (private.directory / program).symlink_to(MOUNT)
    return units


def verify(private, *units):
    ran = private.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("unit", ["pfcache@mnt-kv.service", "pfcache-gc@srv-store.service", "pfcache-gc@srv-store.timer",
                                  "mnt-kv.mount", "mnt-kv.automount"])
def test_systemd_takes_every_unit_without_a_word(private, installed, unit):
    template = installed / re.sub("@.*[.]", "@.", unit)
    if template.name != unit:
        shutil.copy(template, installed / unit)
    assert verify(private, installed / unit) == (0, "")


def test_the_check_would_see_a_mistake(private, installed):
    unit = installed / "mnt-kv.mount"
    unit.write_text(unit.read_text().replace("Type=", "Tipe="))
    _, said = verify(private, unit)
    assert "Tipe" in said


def test_the_service_has_nothing_that_hides_the_mount():
    text = (UNITS / "pfcache@.service").read_text()
    assert HIDES_THE_MOUNT.findall(text) == []
    assert HIDES_THE_MOUNT.findall((UNITS / "pfcache-gc@.service").read_text()), "the check would say nothing"
    assert re.search(r"^Type=notify$", text, re.M) and re.search(r"^ExecStop=/bin/umount %f$", text, re.M)


def test_the_clean_up_is_locked_in(private, installed):
    shutil.copy(installed / "pfcache-gc@.service", installed / "pfcache-gc@x.service")
    ran = private.run("systemd-analyze", "security", "--offline=yes", "--no-pager", installed / "pfcache-gc@x.service")
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
    assert score and float(score[1]) <= 1.0, ran.stdout


def test_the_fstab_of_the_examples_is_one(private, tmp_path):
    ran = private.run("findmnt", "--verify", "--tab-file", EXAMPLES / "fstab")
    assert "0 parse errors" in ran.stdout + ran.stderr
    lines = [line.split() for line in (EXAMPLES / "fstab").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 3 and all(len(line) == 6 and line[2] == "pfcache" for line in lines)


def test_the_lines_of_the_examples_mount(private, store, tmp_path):
    lines = [line.split() for line in (EXAMPLES / "fstab").read_text().splitlines() if not line.startswith("#")]
    for number, line in enumerate(lines):
        line[0], line[1] = str(store.path), str(tmp_path / f"mnt{number}")
        line[3] = line[3].replace("/var/cache", str(tmp_path))
        (tmp_path / f"mnt{number}").mkdir()
    fstab = private.directory / "fstab"
    fstab.write_text("".join(" ".join(line) + "\n" for line in lines))
    private.run("mount", "-a", "-T", fstab, check=True)
    assert [directory for directory, _, _ in private.mounts()] == [lines[0][1]]  # the others are noauto
    for line in lines[1:]:
        private.run("mount", "-T", fstab, line[1], check=True)
    assert len(private.mounts()) == 3


# --- sd_notify(3) -----------------------------------------------------------------------------------------------------


class Manager:
    """The socket of a service manager."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(20)
        self.name = name if isinstance(name, str) else "@" + name[1:].decode()

    def next(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def is_silent(self):
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(20)
        return False


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    made = Manager(str(tmp_path / "notify") if request.param == "path" else b"\0" + os.fsencode(tmp_path / "notify"))
    yield made
    made.socket.close()


def start_line(store, directory):
    """ExecStart of the service, as systemd makes a command of it."""
    (line,) = re.findall(r"^ExecStart=(.*)$", (UNITS / "pfcache@.service").read_text(), re.M)
    values = {"${OPTIONS}": "rw", "${STORE}": str(store), "%f": str(directory)}
    return [str(MOUNT), *(values.get(word, word) for word in line.split()[1:])]


def test_it_is_ready_when_the_mount_answers_and_says_when_it_stops(store, mount, manager, tmp_path):
    directory = tmp_path / "mnt"
    directory.mkdir()
    daemon = subprocess.Popen(start_line(store.path, directory), env={**os.environ, "NOTIFY_SOCKET": manager.name})
    try:
        told = manager.next()
        assert told["READY"] == "1" and str(store.path) in told["STATUS"] and str(directory) in told["STATUS"]
        assert os.path.ismount(directory) and "snap" in os.listdir(directory) and manager.is_silent()
        subprocess.run(["umount", str(directory)], check=True, timeout=60)
        assert manager.next()["STOPPING"] == "1"
        assert daemon.wait(20) == 0
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_what_fails_is_never_ready(store, mount, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    directory = tmp_path / "mnt"
    directory.mkdir()
    daemon = subprocess.Popen(start_line(tmp_path / "nowhere", directory), env={**os.environ, "NOTIFY_SOCKET": manager.name},
                              stderr=subprocess.DEVNULL)
    assert daemon.wait(20) == 32
    assert manager.is_silent()
    manager.socket.close()


def test_in_the_background_it_leaves_anothers_manager_alone(store, mount, tmp_path, monkeypatch):
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.name)
    mounted = mount(store)
    mounted.unmount()
    assert manager.is_silent()
    manager.socket.close()


def test_who_listens_no_more_is_no_failure(store, mount, tmp_path):
    directory = tmp_path / "mnt"
    directory.mkdir()
    for name in (str(tmp_path / "nobody"), "nonsense", "", "@" + "x" * 200):
        daemon = subprocess.Popen(start_line(store.path, directory), env={**os.environ, "NOTIFY_SOCKET": name})
        try:
            assert wait_until(lambda: os.path.ismount(directory))
            subprocess.run(["umount", str(directory)], check=True, timeout=60)
            assert daemon.wait(20) == 0
        finally:
            daemon.terminate()
            daemon.wait(20)
