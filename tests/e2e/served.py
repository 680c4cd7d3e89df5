"""A mount whose daemon the test can look at: its log, its files, what it reads and writes."""

import ctypes
import mmap
import os
import pathlib
import subprocess
import time

import pytest
from conftest import MOUNT


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def errno_of(call, *args):
    """The error number that `call` fails with; that it doesn't fail is a failure of the test."""
    with pytest.raises(OSError) as failure:
        call(*args)
    return failure.value.errno


class Served:
    """`mount.pfcache -o foreground` on a store. A context manager: unmounted at its end."""

    def __init__(self, store, directory, *options, wrapper=()):
        self.path = pathlib.Path(directory)
        self.path.mkdir(exist_ok=True)
        self.log_file = self.path.parent / f"{self.path.name}.log"
        command = [*wrapper, str(MOUNT), str(store.path), str(self.path), "-o", ",".join(("foreground", *options))]
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(command, stderr=log)
        # The log has its first line when the kernel has been told of everything.
        assert wait_until(lambda: self.log() or self.process.poll() is not None)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if os.path.ismount(self.path):
            subprocess.run(["umount", str(self.path)], check=True, timeout=60)
        self.process.wait(60)

    def log(self):
        return self.log_file.read_text()

    def daemon(self):
        """Its process id, also when a wrapper started it."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else self.process.pid

    def open_files(self):
        return len(os.listdir(f"/proc/{self.daemon()}/fd"))

    def io(self):
        lines = pathlib.Path(f"/proc/{self.daemon()}/io").read_text().splitlines()
        return {name: int(value) for name, value in (line.split(": ") for line in lines)}

    def kill(self):
        """As a crash: nothing is cleaned up, the mount is dead. Readers need a moment to see it and let go."""
        os.kill(self.daemon(), 9)
        self.process.wait(60)
        deadline = time.monotonic() + 20
        while subprocess.run(["umount", str(self.path)], timeout=60).returncode != 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill_lazily(self):
        """The same while files of the mount are open: they are dead, and the directory is free for the next mount."""
        os.kill(self.daemon(), 9)
        self.process.wait(60)
        subprocess.run(["umount", "--lazy", str(self.path)], check=True, timeout=60)


class Mapping:
    """A whole file, mapped to be read, and nothing but that: Python's own mmap keeps a descriptor of the file."""

    LIBC = ctypes.CDLL(None, use_errno=True)
    LIBC.mmap.restype = ctypes.c_void_p
    LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def __init__(self, path):
        fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(fd).st_size
        self.address = self.LIBC.mmap(None, self.size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
        os.close(fd)
        if self.address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap")

    def bytes(self):
        return ctypes.string_at(self.address, self.size)

    def close(self):
        self.LIBC.munmap(self.address, self.size)
