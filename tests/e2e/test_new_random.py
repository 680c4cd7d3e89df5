"""The same random file operations below /new and in a plain directory: results, errors and contents agree.

PFCACHE_RANDOM_STEPS sets how many (default 1500), PFCACHE_RANDOM_SEED which.
"""

import errno
import mmap
import os
import random

import pytest
from served import Served

STEPS = int(os.environ.get("PFCACHE_RANDOM_STEPS", 1500))
SEED = int(os.environ.get("PFCACHE_RANDOM_SEED", 1))
NAMES = ["0000", "0001", "0002", ".tmp", "x"]
DIRECTORIES = ["", "pages", "k", "deep", "deep/er"]
FLAGS = [os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_WRONLY | os.O_TRUNC,
         os.O_RDWR | os.O_CREAT | os.O_TRUNC, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW]


class Side:
    """One of the two directories, and what is open in it."""

    def __init__(self, root):
        self.root, self.files = root, {}

    def path(self, place):
        return os.path.join(self.root, *place)

    def do(self, step):
        """What a step gives: a result or an errno."""
        try:
            return getattr(self, step[0])(*step[1:])
        except OSError as failure:
            # ENOTEMPTY and EEXIST mean the same of rename and rmdir, in POSIX and in practice.
            return ("errno", errno.ENOTEMPTY if failure.errno == errno.EEXIST and step[0] in ("rename", "rmdir")
                    else failure.errno)

    def open(self, key, place, flags):
        if key in self.files:
            os.close(self.files.pop(key))
        self.files[key] = os.open(self.path(place), flags, 0o644)

    def close(self, key):
        if key in self.files:
            os.close(self.files.pop(key))

    def close_all(self):
        for key in list(self.files):
            self.close(key)

    def on_file(self, key, call):
        return call(self.files[key]) if key in self.files else None

    def pwrite(self, key, data, offset):
        return self.on_file(key, lambda fd: os.pwrite(fd, data, offset))

    def write(self, key, data):
        return self.on_file(key, lambda fd: os.write(fd, data))

    def pread(self, key, size, offset):
        return self.on_file(key, lambda fd: os.pread(fd, size, offset))

    def ftruncate(self, key, size):
        return self.on_file(key, lambda fd: os.ftruncate(fd, size))

    def fallocate(self, key, offset, size):
        return self.on_file(key, lambda fd: os.posix_fallocate(fd, offset, size))

    def fsync(self, key):
        return self.on_file(key, os.fsync)

    def size(self, key):
        return self.on_file(key, lambda fd: os.fstat(fd).st_size)

    def store(self, key, data, offset):
        def put(fd):
            size = os.fstat(fd).st_size
            if size < offset + len(data):
                return "too short"
            with mmap.mmap(fd, size) as mapped:
                mapped[offset:offset + len(data)] = data
                mapped.flush()
            return "stored"
        return self.on_file(key, put)

    def truncate(self, place, size):
        os.truncate(self.path(place), size)

    def unlink(self, place):
        os.unlink(self.path(place))

    def mkdir(self, place):
        os.mkdir(self.path(place))

    def rmdir(self, place):
        os.rmdir(self.path(place))

    def rename(self, place, other):
        os.rename(self.path(place), self.path(other))

    def link(self, place, other):
        os.link(self.path(place), self.path(other), follow_symlinks=False)

    def symlink(self, target, place):
        os.symlink(target, self.path(place))

    def readlink(self, place):
        return os.readlink(self.path(place))

    def listing(self, place):
        return sorted((entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink())
                      for entry in os.scandir(self.path(place)))

    def look(self, place):
        found = os.lstat(self.path(place))
        return (found.st_mode & 0o170000, None if found.st_mode & 0o040000 else found.st_size, found.st_nlink
                if found.st_mode & 0o170000 == 0o100000 else None)


def random_step(chance):
    place = lambda: (chance.choice(DIRECTORIES), chance.choice(NAMES))
    directory = lambda: (chance.choice(DIRECTORIES[1:]),)
    key = chance.randrange(4)
    data = chance.randbytes(chance.choice([1, 100, 4096, 10000]))
    offset = chance.choice([0, 1, 4095, 4096, 20000])
    return chance.choice([
        lambda: ("open", key, place(), chance.choice(FLAGS)), lambda: ("open", key, place(), os.O_RDWR | os.O_CREAT),
        lambda: ("close", key), lambda: ("pwrite", key, data, offset), lambda: ("pwrite", key, data, offset),
        lambda: ("write", key, data), lambda: ("pread", key, 30000, offset), lambda: ("ftruncate", key, offset),
        lambda: ("fallocate", key, offset, len(data)), lambda: ("fsync", key), lambda: ("size", key),
        lambda: ("store", key, data, offset), lambda: ("truncate", place(), offset), lambda: ("unlink", place()),
        lambda: ("mkdir", directory()), lambda: ("mkdir", directory()), lambda: ("rmdir", directory()),
        lambda: ("rename", place(), place()), lambda: ("rename", directory(), directory()), lambda: ("link", place(), place()),
        lambda: ("symlink", "0000", place()), lambda: ("readlink", place()), lambda: ("listing", directory()),
        lambda: ("look", place())])()


def contents(root):
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = file.read()
            else:
                found[os.path.relpath(path, root)] = None
    return found


@pytest.mark.parametrize("passthrough", ["auto", "off"])
def test_new_behaves_as_a_plain_directory(store, tmp_path, mount, passthrough):
    chance = random.Random(SEED)
    plain = Side(tmp_path / "plain")
    os.mkdir(plain.root)
    done, history = 0, []
    while done < STEPS:
        with Served(store, tmp_path / "mnt", f"passthrough={passthrough}") as served:
            ours = Side(served.path / "new" / "x")
            if done == 0:
                os.mkdir(ours.root)
            assert contents(ours.root) == contents(plain.root)  # also after a remount
            for done in range(done + 1, done + 1 + min(STEPS - done, chance.randrange(100, 400))):
                step = random_step(chance)
                wanted, found = plain.do(step), ours.do(step)
                history.append(f"{done} {str(step)[:120]} -> {str(wanted)[:40]}")
                assert found == wanted, f"seed {SEED}:\n" + "\n".join(history[-60:])
            assert contents(ours.root) == contents(plain.root)
            plain.close_all()
            ours.close_all()
