"""File operations as data: made at random from a seed, done on a directory, their results told in comparable words.

An operation is a tuple of a name and plain values, so that a trace of them is JSON and can be done again. Files are
open in numbered slots. One `Side` does them on one directory; two sides that were given the same trace must have told
the same and hold the same.
"""

import ctypes
import errno
import mmap
import os
import random
import shutil
import stat

LIBC = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE = 1, 2
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16

SLOTS = 3
DIRECTORIES = ["pages", "k", "v"]
FILES = ["manifest.json", "pages/0000", "pages/0001", "pages/0002", "pages/0003", "pages/.0001.Xy7", "k/0000", "k/0001",
         "v/0000", "v/.in flight"]
PATHS = DIRECTORIES + FILES
ACCESS = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR, os.O_RDWR]
EXTRA = [0, 0, os.O_CREAT, os.O_CREAT, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_CREAT | os.O_TRUNC, os.O_TRUNC,
         os.O_CREAT | os.O_APPEND, os.O_APPEND]
FALLOCATE = [0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE, PUNCH_HOLE]


def pattern(seed, size):
    return random.Random(seed).randbytes(size)


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


class Side:
    """Does operations on one directory."""

    def __init__(self, root):
        self.root = os.fspath(root)
        self.fds = {}
        self.maps = {}

    def do(self, operation):
        name, *args = operation
        try:
            return ["ok", getattr(self, name)(*args)]
        except OSError as failure:
            return [errno.errorcode[failure.errno]]

    def at(self, path):
        return os.path.join(self.root, path)

    def fd(self, slot):
        if slot not in self.fds:
            raise OSError(errno.EBADF, "")
        return self.fds[slot]

    # Names.

    def mkdir(self, path):
        os.mkdir(self.at(path))

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def unlink(self, path):
        os.unlink(self.at(path))

    def rename(self, old, new, flags):
        at = [os.fsencode(self.at(path)) for path in (old, new)]
        check(LIBC.renameat2(-100, at[0], -100, at[1], flags))

    def listdir(self, path):
        return sorted(os.listdir(self.at(path)))

    def scandir(self, path):
        return sorted([e.name, e.is_dir(follow_symlinks=False)] for e in os.scandir(self.at(path)))

    def stat(self, path):
        return self.told(os.lstat(self.at(path)))

    @staticmethod
    def told(found):
        if stat.S_ISDIR(found.st_mode):
            return ["directory"]
        return [stat.filemode(found.st_mode)[0], found.st_size, found.st_nlink]

    def access(self, path):
        return os.access(self.at(path), os.R_OK)

    # Open files.

    def open(self, slot, path, flags):
        fd = os.open(self.at(path), flags, 0o644)
        self.close_if_open(slot)
        self.fds[slot] = fd

    def close_if_open(self, slot):
        if slot in self.fds:
            os.close(self.fds.pop(slot))

    def close(self, slot):
        os.close(self.fd(slot))
        del self.fds[slot]

    def dup(self, slot, other):
        fd = os.dup(self.fd(slot))
        self.close_if_open(other)
        self.fds[other] = fd

    def pwrite(self, slot, offset, size, seed):
        return os.pwrite(self.fd(slot), pattern(seed, size), offset)

    def write(self, slot, size, seed):
        return os.write(self.fd(slot), pattern(seed, size))

    def pwritev(self, slot, offset, sizes, seed):
        return os.pwritev(self.fd(slot), [pattern(seed + i, size) for i, size in enumerate(sizes)], offset)

    def read(self, slot, size):
        return os.read(self.fd(slot), size).hex()

    def pread(self, slot, offset, size):
        return os.pread(self.fd(slot), size, offset).hex()

    def seek(self, slot, offset, whence):
        if stat.S_ISDIR(os.fstat(self.fd(slot)).st_mode):
            return "directory"  # where its end is differs from one filesystem to the next
        return os.lseek(self.fd(slot), offset, whence)

    def ftruncate(self, slot, size):
        os.ftruncate(self.fd(slot), size)

    def truncate(self, path, size):
        os.truncate(self.at(path), size)

    def fallocate(self, slot, mode, offset, size):
        check(LIBC.fallocate(self.fd(slot), mode, ctypes.c_long(offset), ctypes.c_long(size)))

    def fstat(self, slot):
        return self.told(os.fstat(self.fd(slot)))

    def fsync(self, slot):
        os.fsync(self.fd(slot))

    def fdatasync(self, slot):
        os.fdatasync(self.fd(slot))

    def fsync_directory(self, path):
        fd = os.open(self.at(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def copy_range(self, source, target, from_offset, to_offset, size):
        done = 0
        while done < size:
            count = os.copy_file_range(self.fd(source), self.fd(target), size - done, from_offset + done, to_offset + done)
            if count == 0:
                break
            done += count
        return done

    def copy(self, source, target):
        if source != target:
            shutil.copyfile(self.at(source), self.at(target))

    def direct_write(self, path, blocks, seed):
        """O_DIRECT, from aligned memory."""
        fd = os.open(self.at(path), os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o644)
        try:
            with mmap.mmap(-1, 4096 * blocks) as memory:
                memory[:] = pattern(seed, 4096 * blocks)
                return os.pwrite(fd, memory, 0)
        finally:
            os.close(fd)

    def read_file(self, path):
        with open(self.at(path), "rb") as file:
            return file.read().hex()

    # Shared mappings, which outlive the descriptor they came from.

    def map(self, slot, mapping):
        fd = self.fd(slot)
        size = os.fstat(fd).st_size
        if size == 0:
            return "empty"
        made = mmap.mmap(fd, size)
        self.unmap(mapping)
        self.maps[mapping] = made
        return size

    def map_write(self, mapping, offset, size, seed):
        made = self.maps.get(mapping)
        if made is None:
            return None
        end = min(offset + size, len(made), made.size())  # beyond the end of the file it would be SIGBUS
        if offset >= end:
            return 0
        made[offset:end] = pattern(seed, end - offset)
        return end - offset

    def map_read(self, mapping, offset, size):
        made = self.maps.get(mapping)
        return None if made is None else made[offset : min(offset + size, len(made), made.size())].hex()

    def map_flush(self, mapping):
        made = self.maps.get(mapping)
        if made is not None:
            made.flush()

    def unmap(self, mapping):
        made = self.maps.pop(mapping, None)
        if made is not None:
            made.close()

    # Others.

    def let_go(self):
        """Closes and unmaps all."""
        for mapping in list(self.maps):
            self.map_flush(mapping)
            self.unmap(mapping)
        for slot in list(self.fds):
            self.close(slot)

    def tree(self):
        """{path: bytes, or None for a directory}."""
        found = {}
        for directory, names, files in os.walk(self.root):
            for name in names + files:
                path = os.path.join(directory, name)
                key = os.path.relpath(path, self.root)
                if name in names:
                    found[key] = None
                else:
                    with open(path, "rb") as file:
                        found[key] = file.read()
        return found


class Operations:
    """An endless list of operations that follows from a seed."""

    def __init__(self, seed, page_bytes):
        self.random = random.Random(seed)
        self.page_bytes = page_bytes
        self.max_bytes = page_bytes + 4096

    def make(self):
        kinds = [name for name in dir(self) if name.startswith("make_")]
        return getattr(self, self.random.choices(kinds, [WEIGHTS.get(kind[5:], 2) for kind in kinds])[0])()

    def offset(self):
        choice = self.random.randrange(4)
        if choice == 0:
            return 0
        if choice == 1:
            return 4096 * self.random.randrange(self.max_bytes // 4096)
        return self.random.randrange(self.max_bytes)

    def size(self):
        return self.random.choice([0, 1, 100, 4096, self.random.randrange(1, 5000), self.random.randrange(1, self.max_bytes)])

    def slot(self):
        return self.random.randrange(SLOTS)

    def path(self):
        return self.random.choice(PATHS)

    def file(self):
        return self.random.choice(FILES)

    def seed(self):
        return self.random.randrange(2**32)

    def make_mkdir(self):
        return ("mkdir", self.random.choice(DIRECTORIES * 5 + FILES))

    def make_rmdir(self):
        return ("rmdir", self.path())

    def make_unlink(self):
        return ("unlink", self.path())

    def make_rename(self):
        old, new = self.file(), self.file()
        return ("rename", old, new, self.random.choice([0, 0, 0, NOREPLACE, EXCHANGE]))

    def make_rename_directory(self):
        return ("rename", self.random.choice(DIRECTORIES), self.random.choice(DIRECTORIES), self.random.choice([0, NOREPLACE, EXCHANGE]))

    def make_listdir(self):
        return (self.random.choice(["listdir", "scandir"]), self.random.choice(["", *PATHS]))

    def make_stat(self):
        return ("stat", self.path())

    def make_access(self):
        return ("access", self.path())

    def make_open(self):
        return ("open", self.slot(), self.file(), self.random.choice(ACCESS) | self.random.choice(EXTRA))

    def make_close(self):
        return ("close", self.slot())

    def make_dup(self):
        return ("dup", self.slot(), self.slot())

    def make_pwrite(self):
        if self.random.randrange(3) == 0:
            return ("pwrite", self.slot(), 0, self.page_bytes, self.seed())
        return ("pwrite", self.slot(), self.offset(), self.size(), self.seed())

    def make_write(self):
        return ("write", self.slot(), self.size(), self.seed())

    def make_pwritev(self):
        return ("pwritev", self.slot(), self.offset(), [self.random.randrange(3000) for _ in range(3)], self.seed())

    def make_read(self):
        return ("read", self.slot(), self.size())

    def make_pread(self):
        return ("pread", self.slot(), self.offset(), self.size())

    def make_seek(self):
        return ("seek", self.slot(), self.offset(), self.random.choice([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]))

    def make_truncate(self):
        size = self.random.choice([self.offset(), self.page_bytes, self.page_bytes])
        return self.random.choice([("ftruncate", self.slot(), size), ("truncate", self.file(), size)])

    def make_fallocate(self):
        if self.random.randrange(3) == 0:
            return ("fallocate", self.slot(), 0, 0, self.page_bytes)
        return ("fallocate", self.slot(), self.random.choice(FALLOCATE), self.offset(), self.size())

    def make_fstat(self):
        return ("fstat", self.slot())

    def make_fsync(self):
        return self.random.choice([("fsync", self.slot()), ("fdatasync", self.slot()), ("fsync_directory", self.random.choice(["", "pages", "k"]))])

    def make_copy_range(self):
        return ("copy_range", self.slot(), self.slot(), self.offset(), self.offset(), self.size())

    def make_copy(self):
        return ("copy", self.file(), self.file())

    def make_direct_write(self):
        return ("direct_write", self.file(), self.random.randrange(1, 4), self.seed())

    def make_read_file(self):
        return ("read_file", self.path())

    def make_map(self):
        return ("map", self.slot(), self.random.randrange(2))

    def make_map_write(self):
        return ("map_write", self.random.randrange(2), self.offset(), self.size(), self.seed())

    def make_map_read(self):
        return ("map_read", self.random.randrange(2), self.offset(), self.size())

    def make_map_flush(self):
        return (self.random.choice(["map_flush", "unmap"]), self.random.randrange(2))


WEIGHTS = {"open": 12, "pwrite": 8, "write": 4, "pread": 5, "read_file": 4, "map": 5, "map_write": 6, "map_read": 4,
           "mkdir": 4, "rename": 4, "truncate": 4, "rmdir": 1, "rename_directory": 1, "fallocate": 4}
