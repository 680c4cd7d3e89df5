"""Pages that the kernel reads without the daemon: right bytes in every order of opening, mapping, evicting and closing."""

import concurrent.futures
import contextlib
import errno
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest
from handmade import blob_file
from served import Mapping, Served, wait_until

GEOMETRY = "--page-tokens 16 --layers 4 --heads 4 --head-dim 64 --dtype bf16".split()  # pages of 64 KiB
PAGES = 24


@pytest.fixture
def captured(store, tmp_path):
    """A snapshot's name and the directory of its pages as plain files."""
    digest = store.capture(f"synthetic:{PAGES}:3", *GEOMETRY, "--content", "kv-like")
    store.run("restore", digest, tmp_path / "right")
    return digest, tmp_path / "right" / "pages"


@pytest.fixture
def serve(store, tmp_path, mount):  # `mount` skips where there can be none
    """A function that mounts the store with a daemon in the foreground."""
    served = []

    def make(*options, **kwargs):
        served.append(Served(store, tmp_path / f"served{len(served)}", *options, **kwargs))
        return served[-1]

    yield make
    for one in served:
        one.__exit__()


@pytest.fixture
def passing(serve):
    """As `serve`, for mounts that pass pages through."""

    def make(*options, **kwargs):
        made = serve(*options, **kwargs)
        if "passthrough on" not in made.log():
            pytest.skip("THE KERNEL HAS NO PASSTHROUGH: " + made.log())
        return made

    return make


def names_of(right):
    return sorted(os.listdir(right))


def test_the_log_says_what_is_used_and_why(passing, serve, tmp_path):
    release = ".".join(os.uname().release.split(".")[:2])
    line = passing().log()
    assert line.count("\n") == 1
    assert f"passthrough on: kernel {release}" in line and "stack depth 1, hot pages in memory" in line
    assert f"hot pages in {tmp_path}/hot" in passing(f"hot={tmp_path}/hot").log()
    assert "passthrough off: passthrough=off" in serve("passthrough=off").log()
    assert "passthrough off: hot=none" in serve("hot=none").log()


def test_required_passthrough_that_can_not_be_fails(store, captured, serve):
    refused = serve("passthrough=require,hot=none")
    assert refused.process.wait(20) == 32
    assert "passthrough=require: hot=none" in refused.log()
    assert not os.path.ismount(refused.path)


REFUSE = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=ioctl", "-e", "inject=ioctl:error=EPERM"]


@pytest.fixture
def strace(monkeypatch):
    if not shutil.which("strace"):
        pytest.skip("NO strace HERE: what happens when the kernel refuses is not tested")
    # LeakSanitizer fails a program that is traced.
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


@contextlib.contextmanager
def refusing(served):
    """The kernel refuses to pass files through to this daemon meanwhile."""
    tracer = subprocess.Popen([*REFUSE, "-p", str(served.daemon())])
    status = pathlib.Path(f"/proc/{served.daemon()}/status")
    assert wait_until(lambda: f"TracerPid:\t{tracer.pid}\n" in status.read_text())
    time.sleep(0.2)  # the threads follow
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(20)


def test_required_passthrough_that_the_kernel_refuses_fails(captured, serve, strace):
    refused = serve("passthrough=require", wrapper=REFUSE)
    if "doesn't offer" in refused.log():
        pytest.skip("THE KERNEL HAS NO PASSTHROUGH")
    assert refused.process.wait(20) == 32
    assert "CAP_SYS_ADMIN" in refused.log()
    assert not os.path.ismount(refused.path)


def test_a_kernel_that_refuses_is_told_of_once_and_costs_no_read(captured, serve, strace):
    digest, right = captured
    with serve(wrapper=REFUSE) as served:
        assert "passthrough off" in served.log()
        for name in names_of(right):
            assert (served.path / "snap" / digest / "pages" / name).read_bytes() == (right / name).read_bytes()
        assert served.log().count("\n") == 1


def test_cached_and_passthrough_opens_of_one_page_in_all_orders(captured, passing, strace):
    digest, right = captured
    with passing() as served:
        page = served.path / "snap" / digest / "pages/0005"
        expected = (right / "0005").read_bytes()
        assert page.read_bytes() == expected  # it is hot now

        def is_read_by_the_daemon():
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")
            before = served.io()["wchar"]
            assert page.read_bytes() == expected
            return served.io()["wchar"] - before >= len(expected)

        assert not is_read_by_the_daemon()
        with refusing(served):
            first = os.open(page, os.O_RDONLY)  # cached
        assert served.log().count("a page is not passed through") == 1
        # While it is open, and while it is mapped after that, others must be cached, too.
        assert is_read_by_the_daemon()
        mapped = Mapping(page)
        os.close(first)
        assert is_read_by_the_daemon()
        assert mapped.bytes() == expected
        mapped.close()
        assert wait_until(lambda: not is_read_by_the_daemon())
        # By passthrough others must be so too, whatever the kernel would say to a new one.
        second = os.open(page, os.O_RDONLY)
        with refusing(served):
            assert not is_read_by_the_daemon()
            mapped = Mapping(page)
            os.close(second)
            # But a mapping by passthrough leaves the inode free to be opened in any way.
            assert wait_until(is_read_by_the_daemon)
        assert wait_until(lambda: not is_read_by_the_daemon())
        assert mapped.bytes() == expected
        mapped.close()


def test_a_mapping_outlives_its_file_and_its_eviction(captured, passing):
    digest, right = captured
    with passing("hot_size=200K") as served:  # three pages
        pages = served.path / "snap" / digest / "pages"
        mapped = [(name, Mapping(pages / name)) for _ in range(4) for name in names_of(right)]
        for name, page in mapped:
            assert page.bytes() == (right / name).read_bytes()
            assert (pages / name).read_bytes() == page.bytes()
            page.close()


def test_an_open_page_survives_its_eviction(captured, passing):
    digest, right = captured
    with passing("hot_size=100K") as served:
        pages = served.path / "snap" / digest / "pages"
        held = os.open(pages / "0000", os.O_RDONLY)
        for name in names_of(right):
            assert (pages / name).read_bytes() == (right / name).read_bytes()
        expected = (right / "0000").read_bytes()
        assert os.pread(held, len(expected), 0) == expected
        assert (pages / "0000").read_bytes() == expected  # beside the one that is open
        os.close(held)


def test_pages_larger_than_the_hot_store_are_served(captured, passing, serve):
    digest, right = captured
    for mounted in (passing("hot_size=0"), serve("hot_size=0,passthrough=off"), serve("hot_size=0,hot=none")):
        for name in names_of(right):
            assert (mounted.path / "snap" / digest / "pages" / name).read_bytes() == (right / name).read_bytes()


@pytest.mark.parametrize("options", ["passthrough=off", "hot=none", "passthrough=auto"])
def test_all_ways_give_the_same_bytes(captured, serve, tmp_path, options):
    digest, _ = captured
    served = serve(options)
    subprocess.run(["diff", "-r", served.path / "snap" / digest / "pages", tmp_path / "right" / "pages"], check=True)
    half = os.path.getsize(tmp_path / "right" / "pages" / "0000") // 2
    for name in names_of(tmp_path / "right" / "pages"):
        whole = (tmp_path / "right" / "pages" / name).read_bytes()
        assert (served.path / "snap" / digest / "k" / name).read_bytes() == whole[:half]
        assert (served.path / "snap" / digest / "v" / name).read_bytes() == whole[half:]


def test_direct_reads_are_right(captured, passing, tmp_path):
    digest, right = captured
    for served in (passing(), passing(f"hot={tmp_path}/hot")):
        page = served.path / "snap" / digest / "pages/0001"
        subprocess.run(["dd", f"if={page}", f"of={tmp_path}/direct", "iflag=direct", "bs=64K"], check=True, capture_output=True)
        assert (tmp_path / "direct").read_bytes() == (right / "0001").read_bytes()


def test_other_users_read_what_they_may(captured, passing):
    digest, right = captured
    page = passing("allow_other").path / "snap" / digest / "pages/0001"
    read = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", str(page)]
    above = page.parents[3]
    while above != pathlib.Path("/"):  # pytest's directories are for their owner only
        if above.stat().st_uid == 0 and not above.is_mount():
            above.chmod(above.stat().st_mode | 0o011)
        above = above.parent
    result = subprocess.run(read, capture_output=True, timeout=60)
    assert result.stdout == (right / "0001").read_bytes(), result.stderr


def test_damage_is_eio_and_nothing_becomes_hot(store, captured, passing, tmp_path):
    digest, right = captured
    pages = json.loads((right.parent / "manifest.json").read_bytes())["pages"]
    file = blob_file(store, pages[3]["v"].removeprefix("sha256:"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    for options in ((), (f"hot={tmp_path}/hot",)):
        with passing(*options) as served:
            for _ in range(3):
                with pytest.raises(OSError) as failure:
                    (served.path / "snap" / digest / "pages/0003").read_bytes()
                assert failure.value.errno == errno.EIO
            assert (served.path / "snap" / digest / "pages/0002").read_bytes() == (right / "0002").read_bytes()
    assert len(os.listdir(tmp_path / "hot")) == 1


def read_all(pages, names):
    digest = hashlib.sha256()
    for name in names:
        page = Mapping(pages / name)
        digest.update(page.bytes())
        page.close()
    return digest.digest()


def test_a_warm_restore_leaves_the_daemon_alone(captured, passing):
    digest, right = captured
    with passing() as served:
        pages = served.path / "snap" / digest / "pages"
        first = read_all(pages, names_of(right))
        before = served.io()
        assert read_all(pages, names_of(right)) == first
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")
        assert read_all(pages, names_of(right)) == first
        after = served.io()
        # Opens and releases, a hundred bytes each, and the time of the last access; the pages are 64 KiB.
        assert after["wchar"] - before["wchar"] < 2 * PAGES * 350
        assert after["rchar"] - before["rchar"] < 2 * PAGES * 500


def test_nothing_is_left_open(captured, passing):
    digest, right = captured
    with passing("hot_size=0") as served:
        pages = served.path / "snap" / digest / "pages"
        read_all(pages, names_of(right))
        time.sleep(0.5)
        before = served.open_files()
        for _ in range(20):
            read_all(pages, names_of(right))
        # RELEASE comes when the kernel gets to it.
        assert wait_until(lambda: served.open_files() <= before)
    with passing("hot_size=600K") as served:  # nine pages
        pages = served.path / "snap" / digest / "pages"
        read_all(pages, names_of(right))  # opens directories of the store, too
        base = served.open_files()
        for _ in range(20):
            read_all(pages, names_of(right))
        assert wait_until(lambda: served.open_files() <= base + 12)


def open_close_and_map(pages, right, seed, stop):
    """Opens, maps, closes and compares at random until `stop`. Run in a process of its own; the number of wrong ones."""
    chosen = random.Random(seed)
    expected = {name: (pathlib.Path(right) / name).read_bytes() for name in os.listdir(right)}
    names = sorted(expected)[: chosen.choice([2, 6, PAGES])]
    held, wrong, rounds = [], 0, 0
    while time.time() < stop:
        rounds += 1
        name = chosen.choice(names)
        try:
            action = chosen.randrange(4)
            if action == 0:
                held.append((name, os.open(os.path.join(pages, name), os.O_RDONLY)))
            elif action == 1:
                held.append((name, Mapping(os.path.join(pages, name))))
            elif action == 2 and held:
                name, what = held.pop(chosen.randrange(len(held)))
                data = os.pread(what, 1 << 20, 0) if isinstance(what, int) else what.bytes()
                wrong += data != expected[name]
                os.close(what) if isinstance(what, int) else what.close()
            else:
                wrong += (pathlib.Path(pages) / name).read_bytes() != expected[name]
        except OSError:
            wrong += 1
        if len(held) > 12:
            _, what = held.pop(0)
            os.close(what) if isinstance(what, int) else what.close()
    return wrong, rounds


@pytest.mark.parametrize("options", [["hot_size=600K"], []], ids=["evicting", "hot"])
def test_64_processes_at_random(captured, passing, options):
    digest, right = captured
    with passing(*options) as served:
        pages = served.path / "snap" / digest / "pages"
        stop = time.time() + 8
        with concurrent.futures.ProcessPoolExecutor(64) as pool:
            jobs = [pool.submit(open_close_and_map, str(pages), str(right), seed, stop) for seed in range(64)]
            results = [job.result() for job in jobs]
        assert sum(wrong for wrong, _ in results) == 0
        assert sum(rounds for _, rounds in results) > 1000
        assert served.process.poll() is None
        assert served.log().count("\n") == 1


def test_a_reader_that_is_killed_leaves_the_page_usable(captured, passing):
    digest, right = captured
    with passing("hot_size=0") as served:
        page = served.path / "snap" / digest / "pages/0000"
        for _ in range(20):
            reader = subprocess.Popen(["cat", *[str(page)] * 50], stdout=subprocess.DEVNULL)
            time.sleep(0.005)
            reader.send_signal(signal.SIGKILL)
            reader.wait()
            assert page.read_bytes() == (right / "0000").read_bytes()
