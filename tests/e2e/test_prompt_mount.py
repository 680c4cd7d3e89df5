"""The prompt cache as files of a mount, written and read as ds4 and rsync do it."""

import errno
import hashlib
import os
import re
import struct
import subprocess
import sys

import pytest
from conftest import Store
from served import Served, errno_of, wait_until

GOLDEN_KEY = "e057edaff3887da66792716cb284db131cc70d80"
GOLDEN = bytes.fromhex(
    "4b564301020101001100000005000000002000000000000000f153650000000001f15365000000001c00000000000000170000003c7c757365727c"
    "3e68693c7c617373697374616e747c3e62696e6172792073657373696f6e207061796c6f6164206279746573"
)
MIB = 1 << 20


def kvc(text, payload, used=1700000001, tokens=100):
    """A file as ds4 writes it: its key and its bytes."""
    text = text.encode()
    header = struct.pack("<4sBBBBIIIIQQQI", b"KVC\x01", 2, 1, 0, 0, tokens, 0, 8192, 0, 1700000000, used, len(payload), len(text))
    return hashlib.sha1(text).hexdigest(), header + text + payload


def write(directory, key, data, pid=4242):
    temp = directory / f"{key}.kv.tmp.{pid}"
    temp.write_bytes(data)
    os.rename(temp, directory / f"{key}.kv")
    return directory / f"{key}.kv"


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def test_the_golden_file_goes_in_by_the_mount_and_out_by_the_command_and_back(served, store, tmp_path):
    prompt = served.path / "prompt"
    path = write(prompt, GOLDEN_KEY, GOLDEN)
    assert os.listdir(prompt) == [path.name] and path.read_bytes() == GOLDEN
    assert store.json("prompt", "list")["prompts"][0]["tokens"] == 17
    assert store.run("prompt", "get", GOLDEN_KEY).stdout == "binary session payload bytes"
    assert os.getxattr(store.path / "prompt" / path.name, "user.pfcache.payload").startswith(b"sha256-256k:")
    os.unlink(path)
    assert store.json("prompt", "list")["prompts"] == [] and os.listdir(prompt) == []
    (tmp_path / "text").write_text("<|user|>hi<|assistant|>")
    store.run("prompt", "put", "--text", tmp_path / "text", "--quant", 2, input="by the command")
    assert path.read_bytes().endswith(b">by the command")


DS4_SAVE = """
import os, sys
directory, key, data = sys.argv[1], sys.argv[2], sys.stdin.buffer.read()
path = f"{directory}/{key}.kv"
with open(f"{path}.tmp.{os.getpid()}", "wb") as file:
    file.write(data)
os.rename(file.name, path)
for name in os.listdir(directory):
    with open(f"{directory}/{name}", "rb") as file:
        assert file.read(4096)[:3] == b"KVC", name
"""
DS4_USE = """
import struct, sys
path, payload_end, trailer = sys.argv[1], int(sys.argv[2]), sys.stdin.buffer.read()
with open(path, "r+b") as file:
    header = bytearray(file.read(52))
    header[12:16] = struct.pack("<I", 7)
    file.seek(0)
    file.write(header)
with open(path, "r+b") as file:
    file.truncate(payload_end)
    file.seek(payload_end)
    file.write(trailer)
"""


def test_ds4_saves_scans_counts_hits_and_appends(served, store):
    key, data = kvc("a text", os.urandom(3 * MIB))
    path = served.path / "prompt" / f"{key}.kv"
    subprocess.run([sys.executable, "-c", DS4_SAVE, str(path.parent), key], input=data, check=True, timeout=60)
    trailer = b"KTM a trailer"
    subprocess.run([sys.executable, "-c", DS4_USE, str(path), str(len(data))], input=trailer, check=True, timeout=60)
    assert path.read_bytes() == data[:12] + struct.pack("<I", 7) + data[16:] + trailer
    entry = store.json("prompt", "list")["prompts"][0]
    assert (entry["hits"], entry["trailer_bytes"]) == (7, 13)
    got = store.json("prompt", "get", key)
    assert got["verified"]
    assert store.path.joinpath("prompt", path.name).read_bytes()[52:] == data[52:] + trailer


def test_header_fields_are_attributes_that_no_list_shows(served):
    path = write(served.path / "prompt", GOLDEN_KEY, GOLDEN)
    expected = {"tokens": "17", "hits": "5", "ctx": "8192", "reason": "cold", "created": "1700000000", "last_used": "1700000001",
                "quant": "2", "ext": "1", "payload_bytes": "28", "form": "kv"}
    assert {name: os.getxattr(path, f"user.pfcache.{name}").decode() for name in expected} == expected
    assert os.listxattr(path) == []
    assert errno_of(os.getxattr, path, "user.pfcache.else") == errno.ENODATA


@pytest.mark.parametrize("rewrite", ["header", "payload"])
def test_the_checksum_stays_with_its_payload(served, store, rewrite):
    key, data = kvc("a text", b"p" * MIB)
    path = write(served.path / "prompt", key, data)
    real = store.path / "prompt" / path.name
    before = os.getxattr(real, "user.pfcache.payload")
    with open(path, "r+b", buffering=0) as file:
        file.seek(0 if rewrite == "header" else MIB // 2)
        file.write(data[:52] if rewrite == "header" else b"new")
        if rewrite == "payload":
            assert errno_of(os.getxattr, real, "user.pfcache.payload") == errno.ENODATA
    assert (os.getxattr(real, "user.pfcache.payload") == before) == (rewrite == "header")
    assert store.json("prompt", "get", key)["verified"]


def test_a_damaged_payload_is_an_error_and_its_header_is_read(served, store):
    key, data = kvc("a text" * 20_000, os.urandom(MIB))
    path = write(served.path / "prompt", key, data)
    assert path.read_bytes() == data
    flip(store.path / "prompt" / path.name, len(data) - 7)
    for _ in range(2):
        assert errno_of(path.read_bytes) == errno.EIO
        with open(path, "rb", buffering=0) as file:
            assert file.read(4096) == data[:4096]
            assert errno_of(os.pread, file.fileno(), 100, len(data) - 100) == errno.EIO
    # Counting a hit doesn't vouch for the damage.
    with open(path, "r+b") as file:
        file.write(data[:52])
    assert errno_of(path.read_bytes) == errno.EIO
    assert key in served.log()


def reads(mounted):
    """Requests to read that came to the daemon so far."""
    with open(mounted.path / ".pfcache" / "metrics", "rb", buffering=0) as file:
        text = file.read(MIB)
    return int(re.search(rb'^pfcache_operation_duration_seconds_count\{operation="read"\} (\d+)$', text, re.M)[1])


@pytest.mark.parametrize("form", ["kv", "kvd"])
def test_what_was_read_stays_with_the_kernel_until_the_file_is_touched(served, store, tmp_path, form):
    key, path = put_in_form(form, served, store, tmp_path, os.urandom(MIB))

    def read_twice(expected):
        def comes_from_the_kernel():
            before = reads(served)
            assert path.read_bytes() == expected
            # Those of the metrics, which may be counted a moment after the answer is there; of the file it were eight.
            return reads(served) <= before + 3

        # Not at once: what was touched just now may be touched again within a tick of the clock.
        assert wait_until(comes_from_the_kernel)

    data = path.read_bytes()
    read_twice(data)
    store.json("prompt", "get", key)  # counts a hit
    hits = bytearray(path.read_bytes())
    assert hits[12] == data[12] + 1 and hits[40:] == data[40:]
    read_twice(hits)
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(b"\x0a\0\0\0")
    hits[8:12] = b"\x0a\0\0\0"
    read_twice(hits)
    if form == "kvd":
        put_chunked(store, tmp_path, "text", b"n" * MIB)
    else:
        (tmp_path / "payload").write_bytes(b"n" * MIB)
        store.run("prompt", "put", "--text", tmp_path / "text", tmp_path / "payload")
    assert path.read_bytes().endswith(b"n" * MIB)


def test_what_is_not_what_its_name_says_keeps_its_own(served):
    prompt = served.path / "prompt"
    for data, expected in [(b"", errno.EBADMSG), (GOLDEN[:60], errno.EBADMSG), (GOLDEN[:-1], errno.EBADMSG),
                           (b"PNG" + GOLDEN[3:], errno.EBADMSG), (GOLDEN[:3] + b"\x02" + GOLDEN[4:], errno.EBADMSG),
                           (GOLDEN.replace(b"|hi", b"|ho").replace(b">hi", b">ho"), errno.EBADMSG)]:
        temp = prompt / f"{GOLDEN_KEY}.kv.tmp.1"
        temp.write_bytes(data)
        assert errno_of(os.rename, temp, prompt / f"{GOLDEN_KEY}.kv") == expected
        assert os.listdir(prompt) == [temp.name] and temp.read_bytes() == data
    assert GOLDEN_KEY in served.log()


def test_names_that_are_no_prompts_are_refused(served):
    prompt = served.path / "prompt"
    temp = prompt / "x.tmp.1"
    temp.write_bytes(GOLDEN)
    for name in ("x", GOLDEN_KEY, f"{GOLDEN_KEY[:-1]}.kv", f"0{GOLDEN_KEY}.kv", f"{GOLDEN_KEY.upper()}.kv", f"{GOLDEN_KEY}.kvd"):
        assert errno_of((prompt / name).write_bytes, b"x") == errno.EINVAL, name
        assert errno_of(os.rename, temp, prompt / name) == errno.EINVAL, name
    assert errno_of((prompt / f"{GOLDEN_KEY}.kv").write_bytes, GOLDEN) == errno.EPERM
    os.rename(temp, prompt / f"{GOLDEN_KEY}.kv")
    assert errno_of((prompt / f"{GOLDEN_KEY}.kv").write_bytes, GOLDEN) == errno.EPERM
    assert errno_of(os.rename, prompt / f"{GOLDEN_KEY}.kv", temp) == errno.EPERM
    assert errno_of(os.mkdir, prompt / f"{GOLDEN_KEY}.kv") in (errno.EPERM, errno.EEXIST)
    assert errno_of(os.symlink, "x", prompt / "y.tmp.1") == errno.EPERM
    assert (prompt / f"{GOLDEN_KEY}.kv").read_bytes() == GOLDEN


def test_the_budget_holds_for_writers_through_the_mount(store, tmp_path, mount):
    with Served(store, tmp_path / "mnt", "prompt_budget=64M", "prompt_policy=lru") as mounted:
        prompt = mounted.path / "prompt"
        paths = []
        for number in range(5):
            key, data = kvc(f"text {number}", bytes(20 * MIB), used=1700000000 + number)
            paths.append(write(prompt, key, data))
        assert [path.exists() for path in paths] == [False, False, True, True, True]
        with open(paths[4], "r+b") as file:  # a trailer makes it grow
            file.seek(0, os.SEEK_END)
            file.write(bytes(5 * MIB))
        assert [path.exists() for path in paths] == [False, False, False, True, True]
        key, data = kvc("large", bytes(65 * MIB))
        assert errno_of(write, prompt, key, data) == errno.EFBIG
        assert (prompt / f"{key}.kv.tmp.4242").exists()


def test_two_mounts_and_the_command_see_each_others_changes_at_once(store, tmp_path, mount):
    with Served(store, tmp_path / "one") as one, Served(store, tmp_path / "two") as two:
        key, data = kvc("shared", b"first" * 1000)
        write(one.path / "prompt", key, data)
        other = two.path / "prompt" / f"{key}.kv"
        assert other.read_bytes() == data
        newer = data[:-5] + b"newer"
        write(one.path / "prompt", key, newer)
        assert other.read_bytes() == newer
        (tmp_path / "text").write_text("by the command")
        second = store.run("prompt", "put", "--text", tmp_path / "text", input="payload").stdout.strip()
        assert sorted(os.listdir(two.path / "prompt")) == sorted([f"{key}.kv", f"{second}.kv"])
        os.unlink(other)
        assert os.listdir(one.path / "prompt") == [f"{second}.kv"]


def put_chunked(store, tmp_path, text, payload):
    """Saves an entry as chunks: its key, and the whole file but for the times."""
    key, data = kvc(text, payload)
    (tmp_path / "text").write_text(text)
    (tmp_path / "payload").write_bytes(payload)
    options = "--quant 2 --reason cold --tokens 100 --ctx 8192 --dedup on".split()
    assert store.run("prompt", "put", "--text", tmp_path / "text", *options, tmp_path / "payload").stdout.strip() == key
    return key, data


def put_in_form(form, served, store, tmp_path, payload):
    """An entry of `text`, as chunks that the command saved or as a whole file that came by the mount: key and path."""
    (tmp_path / "text").write_text("text")
    if form == "kvd":
        key, _ = put_chunked(store, tmp_path, "text", payload)
    else:
        key, data = kvc("text", payload)
        write(served.path / "prompt", key, data)
    return key, served.path / "prompt" / f"{key}.kv"


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_recipe_is_the_whole_file_it_stands_for(served, store, tmp_path):
    prompt = served.path / "prompt"
    key, data = put_chunked(store, tmp_path, "nested", os.urandom(2 * MIB) + bytes(MIB))
    path = prompt / f"{key}.kv"
    assert os.listdir(prompt) == [path.name] and names(store.path / "prompt") == [f"{key}.kvd"]
    whole = path.read_bytes()
    assert len(whole) == path.stat().st_size == len(data)
    assert whole[:24] == data[:24] and whole[40:] == data[40:]
    assert os.getxattr(path, "user.pfcache.form") == b"kvd"
    with open(path, "rb") as file:
        assert os.pread(file.fileno(), 5000, MIB - 77) == whole[MIB - 77:MIB - 77 + 5000]
    with open(path, "r+b") as file:  # a write to the payload makes it whole
        file.seek(MIB)
        file.write(b"new")
    assert names(store.path / "prompt") == [path.name]
    assert path.read_bytes() == whole[:MIB] + b"new" + whole[MIB + 3:]
    os.unlink(path)
    assert os.listdir(prompt) == [] and list((store.path / "prompt").iterdir()) == []


def test_hits_and_trailers_go_into_a_recipe_which_stays_one(served, store, tmp_path):
    key, data = put_chunked(store, tmp_path, "nested", os.urandom(2 * MIB))
    path = served.path / "prompt" / f"{key}.kv"
    before = path.read_bytes()
    blobs = store.blobs()
    for trailer in (b"KTM a trailer", b"KTM"):  # the second replaces the first, as ds4 does it
        subprocess.run([sys.executable, "-c", DS4_USE, str(path), str(len(data))], input=trailer, check=True, timeout=60)
        assert path.read_bytes() == before[:12] + struct.pack("<I", 7) + before[16:] + trailer
        assert path.stat().st_size == len(data) + len(trailer)
    assert names(store.path / "prompt") == [f"{key}.kvd"] and store.blobs() == blobs
    os.truncate(path, len(data))
    assert path.read_bytes() == before[:12] + struct.pack("<I", 7) + before[16:]
    entry = store.json("prompt", "list")["prompts"][0]
    assert (entry["hits"], entry["trailer_bytes"], entry["form"]) == (7, 0, "kvd")
    assert store.json("prompt", "get", key)["verified"]
    assert os.getxattr(path, "user.pfcache.hits") == b"8"


def test_what_a_recipe_cannot_take_makes_it_whole_with_all_that_was_written_before(served, store, tmp_path):
    key, data = put_chunked(store, tmp_path, "nested", os.urandom(MIB))
    path = served.path / "prompt" / f"{key}.kv"
    expected = bytearray(path.read_bytes())

    def write(fd, offset, data):
        assert os.pwrite(fd, data, offset) == len(data)
        expected[offset:offset + len(data)] = data

    with open(path, "rb", buffering=0) as early, open(path, "r+b", buffering=0) as one, open(path, "r+b", buffering=0) as other:
        assert os.pread(early.fileno(), 52, 0) == expected[:52]
        write(one.fileno(), 12, b"\x05\0\0\0")
        write(other.fileno(), len(data), b"KTM")
        os.fsync(other.fileno())
        assert names(store.path / "prompt") == [f"{key}.kvd"]
        assert os.pread(early.fileno(), 52, 0) == expected[:52]
        write(one.fileno(), 100, b"payload")
        assert names(store.path / "prompt") == [path.name]
        write(other.fileno(), 12, b"\x06\0\0\0")
        write(other.fileno(), len(data), b"ktm2")
        for file in (one, other):
            assert os.fstat(file.fileno()).st_size == len(expected)
            assert os.pread(file.fileno(), 2 * MIB, 0) == expected
    assert path.read_bytes() == expected
    assert store.json("prompt", "get", key)["verified"]


def test_writes_to_a_recipe_that_was_replaced_land_in_no_newer_entry(served, store, tmp_path):
    key, data = put_chunked(store, tmp_path, "nested", os.urandom(MIB))
    path = served.path / "prompt" / f"{key}.kv"
    with open(path, "r+b", buffering=0) as file:
        put_chunked(store, tmp_path, "nested", b"newer" * 1000)
        newer = (store.path / "prompt" / f"{key}.kvd").read_bytes()
        os.pwrite(file.fileno(), b"\x05\0\0\0", 12)
        assert os.pread(file.fileno(), 4, 12) == b"\x05\0\0\0"
        assert errno_of(os.pwrite, file.fileno(), b"payload", 100) == errno.ESTALE
        assert names(store.path / "prompt") == [f"{key}.kvd"] and (store.path / "prompt" / f"{key}.kvd").read_bytes() == newer
        os.unlink(path)
        assert os.fstat(file.fileno()).st_size == len(data)
    assert names(store.path / "prompt") == []


def test_a_trailer_makes_a_recipe_grow_in_the_budget(store, tmp_path, mount):
    with Served(store, tmp_path / "mnt", "prompt_budget=64M", "prompt_policy=lru") as mounted:
        paths = []
        for number in range(2):
            key, data = put_chunked(store, tmp_path, f"text {number}", bytes(30 * MIB))
            paths.append(mounted.path / "prompt" / f"{key}.kv")
        with open(paths[1], "r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(bytes(3 * MIB))
        assert [path.exists() for path in paths] == [True, True]
        with open(paths[1], "r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(bytes(3 * MIB))
        assert [path.exists() for path in paths] == [False, True]


@pytest.mark.parametrize("form", ["kv", "kvd"])
def test_an_entry_can_be_cut_behind_its_payload_only(served, store, tmp_path, form):
    key, path = put_in_form(form, served, store, tmp_path, os.urandom(MIB))
    data = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"KTM trailer", len(data))
        for size in (len(data) - 1, 60, 52, 10, 1, 0):
            assert errno_of(os.ftruncate, file.fileno(), size) == errno.EPERM
            assert errno_of(os.truncate, path, size) == errno.EPERM
        assert path.read_bytes() == data + b"KTM trailer"
        os.ftruncate(file.fileno(), len(data) + 3)
        assert path.read_bytes() == data + b"KTM"
        os.ftruncate(file.fileno(), len(data) + 5)
        assert path.read_bytes() == data + b"KTM\0\0"
        os.truncate(path, len(data))
        assert path.read_bytes() == data
        assert errno_of(path.write_bytes, b"") == errno.EPERM
    os.unlink(path)
    (store.path / "prompt" / path.name).write_bytes(data[:100])  # by somebody else
    assert errno_of(os.truncate, path, 200) == errno.EPERM
    assert path.read_bytes() == data[:100]


def test_an_entry_cannot_grow_above_the_budget(store, tmp_path, mount):
    with Served(store, tmp_path / "mnt", "prompt_budget=64M", "prompt_policy=lru") as mounted:
        others = [write(mounted.path / "prompt", *kvc(f"other {number}", b"p", used=number)) for number in range(5)]
        key, data = kvc("text", os.urandom(MIB))
        path = write(mounted.path / "prompt", key, data)
        with open(path, "r+b", buffering=0) as file:
            for size in (64 * MIB + 1, 1 << 30, 1 << 60):
                assert errno_of(os.ftruncate, file.fileno(), size) == errno.EFBIG
                assert errno_of(os.pwrite, file.fileno(), b"x", size) == errno.EFBIG
                assert errno_of(os.posix_fallocate, file.fileno(), 0, size) == errno.EFBIG
        assert path.read_bytes() == data
        # Past the mount it can, and then it goes alone.
        os.truncate(store.path / "prompt" / path.name, 1 << 30)
        write(mounted.path / "prompt", *kvc("new", b"p"))
        assert [path.exists() for path in (*others, path)] == [True] * 5 + [False]


@pytest.mark.parametrize("form", ["kv", "kvd"])
def test_a_write_into_the_text_is_told_of_at_the_close(served, store, tmp_path, form):
    key, path = put_in_form(form, served, store, tmp_path, os.urandom(MIB))
    fd = os.open(path, os.O_WRONLY)
    assert os.pwrite(fd, b"text", 52) == 4  # the same again
    os.close(fd)
    fd = os.open(path, os.O_WRONLY)
    assert os.pwrite(fd, b"x", 53) == 1
    assert errno_of(os.close, fd) == errno.EBADMSG
    assert key in served.log()


def test_a_damaged_recipe_is_seen_and_can_be_removed(served, store, tmp_path):
    key, _ = put_chunked(store, tmp_path, "text", os.urandom(MIB))
    path = served.path / "prompt" / f"{key}.kv"
    flip(store.path / "prompt" / f"{key}.kvd", 0)
    assert os.listdir(path.parent) == [path.name]
    assert path.stat().st_size > 52
    for flags in (os.O_RDONLY, os.O_RDWR):
        assert errno_of(os.open, path, flags) == errno.EIO
    assert key in served.log()
    os.unlink(path)
    assert os.listdir(path.parent) == [] == os.listdir(store.path / "prompt")


@pytest.mark.parametrize("form", ["kv", "kvd"])
@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_who_opens_an_entry_gets_the_one_that_is_there_now(served, store, tmp_path, form, mode):
    key, path = put_in_form(form, served, store, tmp_path, b"old" * 100_000)
    with open(path, mode, buffering=0) as early:
        assert os.pread(early.fileno(), 3, 56) == b"old"
        for number, dedup in enumerate(["on", "off", "off", "on"]):
            payload = f"new{number}" * 100_000
            store.run("prompt", "put", "--text", tmp_path / "text", "--dedup", dedup, input=payload)
            assert path.read_bytes().endswith(payload.encode())
            assert os.pread(early.fileno(), 6, 60_002) == b"oldold"
            assert path.read_bytes().endswith(payload.encode())
            with open(path, "r+b", buffering=0) as writer:
                os.pwrite(writer.fileno(), b"KTM", path.stat().st_size)
            assert path.read_bytes().endswith(b"KTM")
        assert os.fstat(early.fileno()).st_size == 56 + 300_000
    assert store.json("prompt", "get", key)["verified"]


def test_rsync_copies_out_and_in(served, store, tmp_path):
    prompt = served.path / "prompt"
    files = dict(kvc(f"text {number}", os.urandom(100_000)) for number in range(3))
    for key, data in files.items():
        write(prompt, key, data)
    subprocess.run(["rsync", "-a", f"{prompt}/", f"{tmp_path}/copy/"], check=True, timeout=60)
    for path in prompt.iterdir():
        path.unlink()
    subprocess.run(["rsync", "-a", f"{tmp_path}/copy/", f"{prompt}/"], check=True, timeout=60)
    assert {path.stem: path.read_bytes() for path in prompt.iterdir()} == files
    assert len(store.json("prompt", "list")["prompts"]) == 3


def test_a_killed_mount_leaves_no_entry_that_is_not_whole(store, tmp_path, mount):
    mounted = Served(store, tmp_path / "mnt")
    key, data = kvc("text", bytes(MIB))
    fd = os.open(mounted.path / "prompt" / f"{key}.kv.tmp.77", os.O_CREAT | os.O_WRONLY)
    os.write(fd, data[:1000])
    mounted.kill_lazily()
    os.closerange(fd, fd + 1)
    with Served(store, tmp_path / "mnt2") as again:
        assert os.listdir(again.path / "prompt") == [f"{key}.kv.tmp.77"]
        assert store.json("prompt", "list")["prompts"] == []
        write(again.path / "prompt", key, data, pid=77)
        assert (again.path / "prompt" / f"{key}.kv").read_bytes() == data


def test_a_full_disk_fails_the_write_and_no_entry_is_lost(tmp_path, mount):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", str(disk)], check=True, timeout=60)
    try:
        small = Store(disk / "store")
        small.run("init")
        with Served(small, tmp_path / "mnt") as mounted:
            key, data = kvc("kept", bytes(MIB))
            path = write(mounted.path / "prompt", key, data)
            other, large = kvc("large", os.urandom(9 * MIB))
            assert errno_of(write, mounted.path / "prompt", other, large) == errno.ENOSPC
            assert path.read_bytes() == data
            os.unlink(mounted.path / "prompt" / f"{other}.kv.tmp.4242")
            write(mounted.path / "prompt", *kvc("small", b"fits"))
    finally:
        subprocess.run(["umount", str(disk)], check=True, timeout=60)


def test_a_read_only_mount_shows_it_and_changes_nothing(store, tmp_path, mount):
    (tmp_path / "text").write_text("text")
    for dedup in ("on", "off"):
        key = store.run("prompt", "put", "--text", tmp_path / "text", "--dedup", dedup, input="payload").stdout.strip()
        with Served(store, tmp_path / "ro", "ro") as mounted:
            path = mounted.path / "prompt" / f"{key}.kv"
            assert path.read_bytes().endswith(b"textpayload")
            assert errno_of((mounted.path / "prompt/x.tmp.1").write_bytes, b"x") == errno.EROFS
            assert errno_of(os.unlink, path) == errno.EROFS
            assert errno_of(open, path, "r+b") == errno.EROFS
