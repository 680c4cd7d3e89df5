"""A clean Debian, booted: systemd-nspawn runs its systemd as that of a machine, in a container."""

import os
import pathlib
import subprocess

import pytest

from served import wait_until

# In control groups of its own, since those that the tests are in are not theirs to tidy up.
BOOT = 'for group in $GROUPS_OF_IT; do echo $$ > "$group/cgroup.procs"; done; exec setpriv --pdeathsig TERM "$@"'

DEVICES = ("/dev/fuse", "/dev/autofs")
NAME = f"pfcache-test-{os.getpid()}"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def own_groups():
    """Directories for control groups of this process, in each hierarchy that systemd uses."""
    ours = dict(line.split(":", 2)[1:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines())
    found = []
    for key, filesystem in (("", ["-t", "cgroup2"]), ("name=systemd", ["-t", "cgroup", "-O", "name=systemd"])):
        mounted = subprocess.run(["findmnt", "-n", "-r", "-f", "-o", "TARGET", *filesystem], capture_output=True, text=True)
        if key in ours and mounted.returncode == 0:
            found.append(pathlib.Path(mounted.stdout.strip()) / ours[key].lstrip("/") / NAME)
    return found


def nspawn(root, *arguments):
    return ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={root}", f"--machine={NAME}", *arguments]


class Booted:
    """A system that is up. What it has to be before it boots is for the caller to put into its root."""

    def __init__(self, root):
        self._groups = own_groups()
        for group in self._groups:
            group.mkdir()
        devices = [f"--bind={device}" for device in DEVICES if os.path.exists(device)]
        command = ["sh", "-c", BOOT, "sh", *nspawn(root, *devices, "--boot")]
        self._log = root.with_name("boot.log")
        with open(self._log, "wb") as log:
            self._nspawn = subprocess.Popen(command, env={**os.environ, "GROUPS_OF_IT": " ".join(map(str, self._groups))},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if not wait_until(lambda: self._nspawn.poll() is not None or self._is_up(), 60) or self._nspawn.poll() is not None:
            self.shut_down()
            pytest.fail("it did not boot:\n" + self._log.read_text()[-5000:])

    def _init(self):
        """The number of its first process, in a list; none as long as there is none."""
        return pathlib.Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()

    def _is_up(self):
        return self._init() and self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def run(self, *command, check=True):
        """Runs a command in it; the result has stdout and returncode."""
        (init,) = self._init()
        enter = ["nsenter", f"--target={init}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"]
        ran = subprocess.run([*enter, *command], env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", "HOME": "/root"},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if check:
            assert ran.returncode == 0, ran.stdout
        return ran

    def shut_down(self):
        """As its power button does. True when it did so in good order."""
        self._nspawn.terminate()
        try:
            return self._nspawn.wait(60) == 0
        except subprocess.TimeoutExpired:
            for init in self._init():
                os.kill(int(init), 9)
            self._nspawn.wait(60)
            return False
        finally:
            for group in self._groups:
                for directory, _, _ in os.walk(group, topdown=False):
                    os.rmdir(directory)


def needs_container(root):
    """Skips where this machine can run none."""
    try:
        tried = subprocess.run(nspawn(root, "/bin/true"), capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("NEEDS systemd-nspawn")
    if tried.returncode != 0:
        pytest.skip(f"NEEDS a machine that systemd-nspawn works on: {tried.stderr.strip()[-500:]}")
