"""A mount namespace of a test's own, in which programs find what the machine need not have: ours in /sbin, where mount(8)
looks for it, a /dev/fuse that users may open, and files of /etc as the test wants them."""

import pathlib
import signal
import subprocess

from conftest import MOUNT

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

SETUP = r"""
set -e
dir=$1 ours=$2
mkdir "$dir/sbin" "$dir/sbin-below" "$dir/dev"
mount --bind /usr/sbin "$dir/sbin-below"
for file in "$dir"/sbin-below/*; do ln -s "$file" "$dir/sbin/"; done
ln -sf "$ours" "$dir/sbin/mount.pfcache"
ln -sf mount.pfcache "$dir/sbin/mount.fuse.pfcache"
mount --bind "$dir/sbin" /usr/sbin
mount -t tmpfs -o mode=0755 tmpfs "$dir/dev"
mknod -m 0666 "$dir/dev/fuse" c 10 229
mount --bind "$dir/dev/fuse" /dev/fuse
echo ready
exec sleep infinity
"""


class PrivateMounts:
    """Its processes live until close(), which unmounts what is mounted there and so ends the daemons."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.directory.chmod(0o755)
        command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", SETUP, "sh", self.directory, MOUNT]
        self.holder = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"

    def inside(self, *command):
        """The command line that runs a command in it."""
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *map(str, command)]

    def run(self, *command, check=False, **kwargs):
        ran = subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=60, **kwargs)
        if check:
            assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        return ran

    def as_nobody(self, *command, **kwargs):
        return self.run(*NOBODY, *command, **kwargs)

    def put(self, target, text):
        """Has a file of the machine say something else in here."""
        source = self.directory / pathlib.Path(target).name
        source.write_text(text)
        source.chmod(0o644)
        self.run("mount", "--bind", source, target, check=True)

    def mounts(self, kind="fuse.pfcache"):
        """(directory, source, options) of the test's mounts of a type, with escapes as they are."""
        found = []
        for line in pathlib.Path(f"/proc/{self.holder.pid}/mountinfo").read_text().splitlines():
            left, _, right = line.partition(" - ")
            fields = left.split()
            if right.split()[0] == kind and fields[4].startswith(f"{self.directory.parent}/"):
                found.append((fields[4], right.split()[1], {*fields[5].split(","), *right.split()[2].split(",")}))
        return found

    def close(self):
        for directory, _, _ in self.mounts():
            self.run("umount", "--lazy", directory.encode().decode("unicode_escape"))
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait(60)
        self.holder.stdout.close()
