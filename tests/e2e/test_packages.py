"""The Debian packages of this build: clean to lintian, and at work in a clean system from their installation to their purge.

They are made of the objects that the other tests try, so that nothing is compiled again.
"""

import os
import re
import subprocess

import pytest

import examples
from conftest import REPO
from debian_chroot import Chroot

HEADERS = sorted((REPO / "include" / "pfcache").glob("*.hpp"))
NAMES = ["libpfcache-dev", "libpfcache0", "pfcache"]


@pytest.fixture(scope="module")
def unpacked(packages, tmp_path_factory):
    """A directory with the files of all three, as if it were the root of a system."""
    root = tmp_path_factory.mktemp("unpacked")
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True, timeout=60)
    return root


def test_lintian_has_no_error_and_no_warning(packages, tmp_path):
    (changes,) = packages.glob("*.changes")
    command = ["lintian", "--profile", "debian", "--fail-on", "error,warning", str(changes)]
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # where it leaves files
    checked = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert checked.returncode == 0 and not checked.stdout, checked.stdout + checked.stderr


def test_there_are_three_of_the_version_that_the_library_has(packages):
    names = sorted(path.name for path in packages.glob("*.deb"))
    version = re.search(r"version: '(.*)'", (REPO / "meson.build").read_text()).group(1)
    assert [name.split("_")[0] for name in names] == NAMES
    assert all(name.split("_")[1].startswith(f"{version}-") for name in names)


def test_the_tools_find_the_library_by_the_loader_alone(unpacked):
    for tool in ("usr/bin/pfcache", "usr/sbin/mount.pfcache"):
        shown = subprocess.run(["readelf", "-d", str(unpacked / tool)], check=True, capture_output=True, text=True)
        assert "libpfcache.so.0" in shown.stdout and "PATH" not in shown.stdout


def test_a_program_builds_against_them_and_runs(unpacked, tmp_path):
    (pc,) = unpacked.rglob("pfcache.pc")
    env = {"PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(unpacked)}
    # What is in /usr of the root needs no flags there, and is elsewhere here.
    env |= {"PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1", "PATH": "/usr/bin:/bin"}
    command = ["pkg-config", "--cflags", "--libs", "pfcache"]
    flags = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.split()
    example = examples.of_header(REPO / "include" / "pfcache" / "engine_file.hpp")
    ran = examples.run(examples.build(example, ["g++"], flags, tmp_path / "program"), pc.parent.parent)
    assert ran.stdout == example.expected() and ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def system(packages, tmp_path_factory):
    """A clean Debian in which the packages are installed."""
    made = Chroot(tmp_path_factory.mktemp("system") / "root")
    made.take_packages(packages)
    made.run("apt-get", "-qq", "update")
    # What the demo takes besides, and so is there before and after.
    made.run("apt-get", "-qq", "-y", "--no-install-recommends", "install", "python3", "zstd")
    made.before = made.paths()
    made.run("sh", "-c", "apt-get -qq -y --no-install-recommends install /packages/*.deb")
    return made


def files_of(system):
    """What only these packages own."""
    listed = system.run("dpkg", "-L", *NAMES).stdout.splitlines()
    return [path for path in listed if "pfcache" in path]


def test_the_demo_runs_from_them(system):
    ran = system.run("/usr/share/doc/pfcache/examples/demo.sh")
    assert ran.stdout.splitlines()[-1] == "demo: all good"


# By mount(8), which knows the type and looks for its helper by itself.
MOUNT_AND_COMPARE = """
set -e
pfcache --store /srv/kv init
digest=$(pfcache --store /srv/kv capture synthetic:8:1 --name chat)
pfcache --store /srv/kv restore chat /srv/plain
mkdir /mnt/kv
mount -t "$1" /srv/kv /mnt/kv
findmnt -n -o FSTYPE,SOURCE /mnt/kv
ls /mnt/kv/snap
cmp /mnt/kv/snap/chat/manifest.json /srv/plain/manifest.json
diff -r /mnt/kv/snap/chat/pages /srv/plain/pages
umount /mnt/kv
findmnt /mnt/kv && exit 1
ls -A /mnt/kv
echo "$digest unmounted"
rm -r /srv/kv /srv/plain /mnt/kv
"""


@pytest.mark.parametrize("kind", ["pfcache", "fuse.pfcache"])
def test_mount_finds_them(system, kind):
    said = system.run("sh", "-c", MOUNT_AND_COMPARE, "sh", kind).stdout.splitlines()
    digest = said[-1].split()[0]
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert [line.split() for line in said[-4:]] == [["fuse.pfcache", "/srv/kv"], [digest], ["chat"], [digest, "unmounted"]]


def test_a_purge_leaves_a_store_and_nothing_else(system):
    system.run("pfcache", "init")
    owned = files_of(system)
    assert len(owned) > len(HEADERS) and all(system.exists(path) for path in owned)
    system.run("apt-get", "-qq", "-y", "--autoremove", "purge", *NAMES)
    assert not [path for path in owned if system.exists(path)]
    assert system.run("dpkg-query", "-W", *NAMES, check=False).returncode == 1
    assert system.exists("/var/lib/pfcache/config.toml")
    left = system.run("find", "/", "-xdev", "-name", "*pfcache*", "-not", "-path", "/packages/*").stdout.split()
    assert left == ["/var/lib/pfcache"]
    left = {path for path in system.paths() - system.before if not path.startswith("/var/lib/pfcache/")}
    assert left == {"/var/lib/pfcache"}
