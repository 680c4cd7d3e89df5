"""What the benchmarks of restores share: restoring as an engine does, with cold caches or warm ones, through a mount."""

import concurrent.futures
import ctypes
import mmap
import os
import pathlib
import statistics
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


def touch(path, size, copy):
    """open, mmap, close; copies the page as an engine would, which knows its size; munmap."""
    fd = os.open(path, os.O_RDONLY)
    address = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    os.close(fd)
    if address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    if copy is not None:
        LIBC.memcpy(copy, address, size)
    LIBC.munmap(address, size)


def restore(directory):
    """Page after page: open, map, close, copy, unmap."""
    names = sorted(os.listdir(directory))
    size = os.path.getsize(os.path.join(directory, names[0]))
    buffer = ctypes.create_string_buffer(size)
    for name in names:
        touch(os.path.join(directory, name), size, buffer)


def restore_at_once(directory, processes):
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        list(pool.map(restore, [directory] * processes))


def timed(work, *args):
    start = time.monotonic()
    work(*args)
    return time.monotonic() - start


def drop_caches():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def open_us(directory):
    path = os.path.join(directory, "0000")
    size = os.path.getsize(path)
    return 1e6 * statistics.median(timed(touch, path, size, None) for _ in range(2000))


class Mounted:
    def __init__(self, program, store, at, options):
        at.mkdir(exist_ok=True)
        self.at = at
        self.daemon = subprocess.Popen([program, store, at, "-o", f"foreground,{options}"], stderr=subprocess.DEVNULL)
        while not os.path.ismount(at):
            if self.daemon.poll() is not None:
                raise SystemExit(f"{program} -o {options} failed")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.daemon.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, failure, *details):
        # Interrupted, a page may still be open here.
        command = ["umount", self.at] if failure is None else ["umount", "--lazy", self.at]
        while subprocess.run(command).returncode != 0:
            time.sleep(0.1)
        if failure is None:
            self.daemon.wait()  # its memory is free again


def geometry(page_kib):
    """Options of `capture synthetic:` for KV-like bf16 pages of that size, K and V together."""
    layers = max(1, page_kib // 128)  # 16 tokens of 16 heads of 128: 64 KiB of K a layer
    if layers * 128 != page_kib:
        raise SystemExit("--page-kib: a multiple of 128 is needed")
    return f"--page-tokens 16 --layers {layers} --heads 16 --head-dim 128 --dtype bf16 --content kv-like".split()
