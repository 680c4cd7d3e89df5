"""A clean Debian in a directory: what debootstrap makes of the mirror that apt is configured with.

It has systemd in it, which runs only when somebody boots it (booted.py). It is kept as an archive in
~/.cache/pfcache-tests, outside of the sources, since making it takes a minute. Each command in it runs with mounts and
processes of its own, which are gone with it, however it ends.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "pfcache-tests"

# /dev/fuse and /proc are all that a mount needs of the machine.
ENTER = """
set -e
root=$1; shift
mount -t proc proc "$root/proc"
: > "$root/dev/fuse"
mount --bind /dev/fuse "$root/dev/fuse"
exec chroot "$root" "$@"
"""

# Of which each run of apt and dpkg leaves some.
NOTES = ("/var/cache/", "/var/log/", "/var/lib/apt/", "/var/lib/dpkg/")


def codename():
    release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if release.get("ID", "").strip('"') != "debian":
        pytest.skip("needs Debian")
    return release["VERSION_CODENAME"].strip('"')


def mirror(suite):
    """Where apt gets this release from; nothing when it is not configured to."""
    ask = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages"]
    targets = subprocess.run(ask, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    return next((uri for uri, release in map(str.split, targets) if release == suite), None)


def archive():
    """The archive of a clean system, made when it isn't there yet."""
    suite = codename()
    path = CACHE / f"debian-{suite}-systemd.tar"
    if path.exists():
        return path
    uri = mirror(suite)
    if not shutil.which("debootstrap") or uri is None:
        pytest.skip("needs debootstrap, and apt to be configured with a mirror")
    CACHE.mkdir(parents=True, exist_ok=True)
    root = CACHE / f"debootstrap-{os.getpid()}"
    command = ["debootstrap", "--variant=minbase", "--include=systemd", suite, str(root), uri]
    made = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if made.returncode != 0:
        shutil.rmtree(root, ignore_errors=True)
        pytest.skip("debootstrap: " + made.stdout[-500:] + made.stderr[-500:])
    temp = path.with_suffix(f".{os.getpid()}")
    subprocess.run(["tar", "-C", str(root), "-cf", str(temp), "."], check=True, timeout=300)
    temp.rename(path)
    shutil.rmtree(root)
    return path


class Chroot:
    def __init__(self, root):
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            pytest.skip("needs /dev/fuse and root")
        self.root = pathlib.Path(root)
        self.root.mkdir()
        subprocess.run(["tar", "-C", str(root), "-xf", str(archive())], check=True, timeout=300)
        for file in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{file}", self.root / "etc" / file)

    def run(self, *command, check=True):
        """Runs a command in it; the result has stdout and returncode."""
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", str(self.root), *command]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
               "DEBIAN_FRONTEND": "noninteractive"}
        ran = subprocess.run(enter, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        if check:
            assert ran.returncode == 0, ran.stdout
        return ran

    def take_packages(self, directory):
        """Puts the packages in a directory where apt in it is told to take them from, /packages."""
        (self.root / "packages").mkdir()
        for package in directory.glob("*.deb"):
            shutil.copy(package, self.root / "packages")

    def paths(self):
        """All that is in it, but for what apt and dpkg note down of their own."""
        found = set()
        for directory, below, files in os.walk(self.root):
            found |= {os.path.join(directory, name).removeprefix(str(self.root)) for name in [*below, *files]}
        return {path for path in found if not path.startswith(NOTES)}

    def exists(self, path):
        return os.path.lexists(self.root / path.lstrip("/"))
