"""Fixtures for tests of the real programs. $PFCACHE_BUILD names the build directory (default: build/ of this checkout)."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PFCACHE_BUILD", REPO / "build")).resolve()
PFCACHE = BUILD / "src" / "cli" / "pfcache"
MOUNT = BUILD / "fuse" / "mount.pfcache"
DATA = REPO / "tests" / "data"


def build_option(name):
    """What an option of the build was set to."""
    options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    return next(option["value"] for option in options if option["name"] == name)


# What a sanitizer was built into is not packaged.
PACKAGING = ["test_booted.py", "test_dist.py", "test_packages.py", "test_rpm.py"]
collect_ignore = [] if build_option("b_sanitize") == "none" else PACKAGING

# Whoever runs the tests in the background may have had these ignored, which programs inherit and ours respect.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Store:
    """A store directory and the pfcache command on it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def run(self, *args, check=True, **kwargs):
        """Runs `pfcache --store PATH ARGS…`; the result has stdout, stderr and returncode."""
        command = [str(PFCACHE), "--store", str(self.path), *map(str, args)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, **kwargs)
        if check:
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result

    def json(self, *args):
        return json.loads(self.run("--json", *args).stdout)

    def capture(self, *args):
        """Captures and returns the 64 hex digits."""
        return self.run("capture", *args).stdout.strip()

    def blobs(self):
        return sorted(self.path.glob("blobs/sha256/??/*"))

    def temp_files(self):
        return [p for p in self.path.rglob("*") if p.name.startswith(".tmp-")]


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.run("init")
    return made


class Mount:
    """A mounted store. Unmounted by the `mount` fixture at the latest."""

    def __init__(self, store_path, directory, *options):
        self.path = pathlib.Path(directory)
        self.path.mkdir(exist_ok=True)
        command = [str(MOUNT), str(store_path), str(self.path)]
        if options:
            command += ["-o", ",".join(options)]
        subprocess.run(command, check=True, timeout=60)

    def unmount(self):
        if os.path.ismount(self.path):
            subprocess.run(["umount", str(self.path)], check=True, timeout=60)
        deadline = time.monotonic() + 20
        while os.path.ismount(self.path) and time.monotonic() < deadline:
            time.sleep(0.02)


@pytest.fixture
def mount(tmp_path):
    """A function that mounts a store: mount(store, 'ro', 'allow_other') -> Mount."""
    if not os.path.exists("/dev/fuse") or os.geteuid() != 0:
        pytest.skip("needs /dev/fuse and root")
    mounts = []

    def make(store, *options):
        mounts.append(Mount(store.path, tmp_path / f"mnt{len(mounts)}", *options))
        return mounts[-1]

    yield make
    for mounted in mounts:
        mounted.unmount()


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """A directory with the Debian packages of this build, made of its objects."""
    if not shutil.which("dh"):
        pytest.skip("needs packaging/install-deps.sh package")
    directory = tmp_path_factory.mktemp("packages")
    command = [str(REPO / "packaging" / "build-deb"), "--reuse", str(BUILD), str(directory)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert made.returncode == 0, made.stdout[-5000:]
    return directory


@pytest.fixture
def served(store, tmp_path, mount):  # `mount` skips where there can be none
    """The store, mounted read-write at mnt by a daemon that can be looked at, see Served."""
    from served import Served

    with Served(store, tmp_path / "mnt") as mounted:
        yield mounted


@pytest.fixture
def let_in(tmp_path):
    """Lets other users walk to the test's directory: pytest's are for their owner only."""
    above = tmp_path
    while above != above.parent and above.stat().st_uid == 0:
        above.chmod(above.stat().st_mode | 0o011)
        above = above.parent


@pytest.fixture
def private(tmp_path, mount, let_in):  # `mount` skips where there can be none
    """A mount namespace of the test's own, see PrivateMounts."""
    from private_mounts import PrivateMounts

    made = PrivateMounts(tmp_path / "private")
    yield made
    made.close()


@pytest.fixture
def users(store, tmp_path, let_in):
    """A store of user nobody in a directory of theirs, and an empty directory mnt beside it."""
    where = tmp_path / "users"
    shutil.copytree(store.path, where / "store")
    (where / "mnt").mkdir()
    subprocess.run(["chown", "-R", "65534:65534", str(where)], check=True)
    return where
