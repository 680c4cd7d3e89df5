"""The units of the Debian package at work: systemd boots a clean system that has it, mounts, cleans up and shuts down."""

import os
import re

import pytest

from booted import Booted, needs_container
from conftest import REPO
from debian_chroot import Chroot
from served import wait_until

EXAMPLES = REPO / "packaging" / "systemd" / "examples"
KIND = "fuse.pfcache"

SETUP = """
set -e
apt-get -qq update
apt-get -qq -y --no-install-recommends install /packages/libpfcache0_*.deb /packages/pfcache_*.deb
for store in /var/lib/pfcache /srv/kv /srv/other; do
  pfcache --store $store init
  pfcache --store $store capture synthetic:8:1 --name chat
done
mkdir -p /etc/pfcache
printf 'STORE=/srv/other\\nOPTIONS=hot_size=64M\\n' > /etc/pfcache/mnt-other.env
printf 'STORE=/nowhere\\n' > /etc/pfcache/mnt-nowhere.env
printf 'OPTIONS=hotsize=64M\\n' > /etc/pfcache/mnt-wrong.env
systemctl enable pfcache@mnt-other.service
"""


@pytest.fixture(scope="module")
def system(packages, tmp_path_factory):
    """The system, up. Before it booted it got two lines of the example of /etc/fstab, and a service that is enabled."""
    chroot = Chroot(tmp_path_factory.mktemp("booted") / "root")
    needs_container(chroot.root)
    chroot.take_packages(packages)
    chroot.run("sh", "-c", SETUP)
    lines = [line for line in (EXAMPLES / "fstab").read_text().splitlines() if not line.startswith(("#", "/home"))]
    (chroot.root / "etc" / "fstab").write_text("\n".join(lines) + "\n")
    booted = Booted(chroot.root)
    yield booted
    assert booted.shut_down()


def mounted_on(system, directory):
    """[source, options] of what is mounted there, or nothing."""
    found = system.run("findmnt", "-n", "-t", KIND, "-o", "SOURCE,OPTIONS", "--mountpoint", directory, check=False)
    return found.stdout.split()


def shows_snapshot(system, directory):
    return "chat" in system.run("ls", f"{directory}/snap").stdout.split()


def state(system, unit):
    """Its state, and whether it ended well."""
    shown = system.run("systemctl", "show", "--property=ActiveState,Result", unit).stdout
    return re.findall("=(.*)", shown)[::-1]


def test_the_fstab_mounts_at_boot(system):
    source, options = mounted_on(system, "/mnt/kv")
    assert source == "/var/lib/pfcache" and {"ro", "allow_other"} <= set(options.split(","))
    assert shows_snapshot(system, "/mnt/kv")
    system.run("systemctl", "stop", "mnt-kv.mount")
    assert not mounted_on(system, "/mnt/kv")
    system.run("systemctl", "start", "mnt-kv.mount")
    assert shows_snapshot(system, "/mnt/kv")


@pytest.mark.skipif(not os.path.exists("/dev/autofs"), reason="NEEDS a kernel with autofs")
def test_a_look_mounts_what_the_fstab_leaves_to_it(system):
    assert not mounted_on(system, "/mnt/archive")
    assert shows_snapshot(system, "/mnt/archive")
    assert mounted_on(system, "/mnt/archive")[0] == "/srv/kv"


def test_an_enabled_service_serves_after_boot_and_a_stop_unmounts(system):
    unit = "pfcache@mnt-other.service"
    status = system.run("systemctl", "status", unit).stdout
    assert "active (running)" in status and 'Status: "Serving /srv/other on /mnt/other"' in status
    assert mounted_on(system, "/mnt/other")[0] == "/srv/other" and shows_snapshot(system, "/mnt/other")
    system.run("systemctl", "stop", unit)
    assert not mounted_on(system, "/mnt/other") and state(system, unit) == ["inactive", "success"]
    system.run("systemctl", "start", unit)
    assert shows_snapshot(system, "/mnt/other")  # the service is started when it serves, and not before


def test_a_killed_daemon_is_replaced(system):
    unit = "pfcache@mnt-other.service"
    daemon = lambda: system.run("systemctl", "show", "--property=MainPID,ActiveState", unit).stdout  # noqa: E731
    before = daemon()
    system.run("systemctl", "kill", "--signal=KILL", unit)
    assert wait_until(lambda: daemon() != before and "ActiveState=active" in daemon())
    assert shows_snapshot(system, "/mnt/other")


def test_a_store_that_is_not_there_is_no_service(system):
    unit = "pfcache@mnt-nowhere.service"
    assert system.run("systemctl", "start", unit, check=False).returncode == 1
    assert not mounted_on(system, "/mnt/nowhere")
    assert "no store at '/nowhere'" in system.run("journalctl", "--unit", unit).stdout


def test_an_option_that_makes_no_sense_is_told_by_its_status(system):
    unit = "pfcache@mnt-wrong.service"
    assert system.run("systemctl", "start", unit, check=False).returncode == 1
    assert "did you mean 'hot_size'?" in system.run("systemctl", "status", unit, check=False).stdout
    assert system.run("systemctl", "show", "--property=NRestarts", "--value", unit).stdout == "0\n"


def test_the_mount_unit_of_the_examples_mounts(system):
    examples = "/usr/share/doc/pfcache/examples"
    system.run("sh", "-c", f"sed 's,/mnt/kv,/mnt/unit,' {examples}/mnt-kv.mount > /etc/systemd/system/mnt-unit.mount")
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", "mnt-unit.mount")
    assert mounted_on(system, "/mnt/unit")[0] == "/var/lib/pfcache" and shows_snapshot(system, "/mnt/unit")
    system.run("systemctl", "stop", "mnt-unit.mount")
    assert not mounted_on(system, "/mnt/unit")


def test_the_clean_up_works_locked_in(system):
    unit = "pfcache-gc@srv-kv"
    system.run("sh", "-c", "printf '[gc]\\ngrace = \"0s\"\\n' >> /srv/kv/config.toml; pfcache --store /srv/kv remove chat")
    system.run("systemctl", "start", f"{unit}.service")
    assert state(system, f"{unit}.service") == ["inactive", "success"]
    assert "removed 17 blobs" in system.run("journalctl", "--unit", f"{unit}.service").stdout
    assert not system.run("find", "/srv/kv/blobs", "-type", "f").stdout


def test_the_timer_waits_for_the_next_day(system):
    unit = "pfcache-gc@srv-kv"
    system.run("systemctl", "enable", "--now", f"{unit}.timer")
    listed = system.run("systemctl", "list-timers", f"{unit}.timer").stdout
    assert f"{unit}.timer" in listed and f"{unit}.service" in listed and " left " in listed
