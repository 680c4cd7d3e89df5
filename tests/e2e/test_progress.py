"""Progress as people see it on a terminal, and as programs read it."""

import json
import re
import subprocess
import time

import pytest
from conftest import PFCACHE, Store
from terminals import ERASE, Terminal, lines_drawn

# 384 MiB: too much for a tenth of a second.
BIG = ["synthetic:192:5", "--content=kv-like", "--page-tokens=16", "--layers=16", "--heads=16", "--head-dim=128"]


class Waiting:
    """A gc that sweeps once the lock on the store is given back: as slow as a test wants it to be."""

    def __init__(self, store):
        store.run("capture", "synthetic:8:99", "--name", "doomed")
        store.run("remove", "doomed")
        self._lock = subprocess.Popen(["flock", "--shared", store.path / "lock", "sh", "-c", "echo held; read line"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._lock.stdout.readline() == "held\n"
        self.command = [PFCACHE, "--store", store.path, "gc", "--grace", "0", "--wait", "60s"]

    def end(self):
        if self._lock.poll() is None:
            self._lock.communicate("\n", timeout=20)


@pytest.fixture
def waiting(store):
    made = Waiting(store)
    yield made
    made.end()


def test_a_line_is_drawn_at_most_ten_times_a_second_and_is_gone_in_the_end(waiting):
    terminal = Terminal(waiting.command)
    terminal.read_until(r"gc: sweep \[\x1b\[32m\x1b\[0m-+\]   0 %  0 of 17 files(.|\n)*sweep(.|\n)*sweep")
    waiting.end()
    text = terminal.finish()
    assert terminal.status == 0
    drawn = lines_drawn(text)
    assert 3 <= len(drawn) <= 10 * terminal.seconds
    assert all(len(line) < 80 for line in drawn)
    # Behind the last line it is erased, and what is said then is whole.
    assert re.search(rf"files{re.escape(ERASE)}pfcache: 0 blobs needed by .*\r\n$", text)


def test_no_color_is_honoured(waiting):
    terminal = Terminal(waiting.command, NO_COLOR="1")
    terminal.read_until(r"gc: sweep \[-+\]")
    waiting.end()
    assert "\x1b[32m" not in terminal.finish()


@pytest.mark.parametrize("how", ["quiet", "dumb", "piped"])
def test_nothing_is_drawn_where_nobody_wants_it(waiting, how):
    if how == "piped":
        process = subprocess.Popen(waiting.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        waiting.end()
        _, said = process.communicate(timeout=60)
    else:
        terminal = Terminal([*waiting.command, *(["--quiet"] if how == "quiet" else [])],
                            TERM="dumb" if how == "dumb" else "xterm")
        time.sleep(0.5)
        waiting.end()
        said = terminal.finish()
    assert "sweep" not in said and "\x1b" not in said
    assert (said == "") == (how == "quiet")


@pytest.mark.parametrize("on_terminal", [True, False])
def test_programs_get_a_line_of_json_a_second(waiting, on_terminal, tmp_path):
    command = [*waiting.command, "--json"]
    began = time.monotonic()
    if on_terminal:
        terminal = Terminal(command)
        terminal.read_until(r"progress(.|\n)*progress")
        waiting.end()
        said = terminal.finish()
    else:
        with open(tmp_path / "err", "w") as err:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)
            while (tmp_path / "err").read_text().count("\n") < 2:
                assert process.poll() is None
                time.sleep(0.05)
        waiting.end()
        out, _ = process.communicate(timeout=60)
        assert out.count("\n") == 1 and json.loads(out)["blobs_removed"] == 17
        said = (tmp_path / "err").read_text()
    seconds = time.monotonic() - began
    records = [json.loads(line)["progress"] for line in said.splitlines() if line.startswith('{"progress"')]
    assert 2 <= len(records) <= seconds
    assert records[0] == {"command": "gc", "phase": "sweep", "unit": "file", "done": 0, "total": 17, "per_second": 0,
                          "eta_seconds": None}
    assert "\x1b" not in said


def test_quiet_programs_get_none(waiting):
    process = subprocess.Popen([*waiting.command, "--json", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.3)
    waiting.end()
    assert process.communicate(timeout=60)[1] == b""


def test_control_c_takes_the_line_away(waiting):
    terminal = Terminal(waiting.command)
    terminal.read_until("sweep")
    terminal.press(b"\x03")
    text = terminal.finish()
    assert terminal.status == 130
    after = text[text.rindex("files"):]
    assert ERASE in after and after.endswith("pfcache: interrupted\r\n")
    assert not lines_drawn(after[after.index(ERASE):])


def test_a_terminal_may_become_narrower_and_wider(waiting):
    terminal = Terminal(waiting.command, columns=120)
    terminal.read_until("sweep .* of 17 files")
    terminal.resize(20)
    found = terminal.read_until("\x1b\\[(\\d)A\r\x1b\\[J[^\r]*")
    assert found.group(1) == "2"  # the line was 50 wide, and the terminal made three of it
    terminal.read_until(re.escape(ERASE) + "gc: sweep   0 %" + re.escape(ERASE))
    terminal.resize(100)
    terminal.read_until("sweep .* of 17 files")
    waiting.end()
    terminal.finish()
    assert terminal.status == 0


def test_capture_restore_verify_and_repack_have_it(store, tmp_path):
    def shown(*args):
        terminal = Terminal([PFCACHE, "--store", store.path, *args], NO_COLOR="1")
        text = terminal.finish()
        assert terminal.status == 0, text
        said = text.rsplit(ERASE, 1)[-1]
        assert said.startswith("pfcache: ") and said.count("\n") == 1
        return "\n".join(lines_drawn(text))

    assert re.search(r"capture: (make|store) \[#*-*\] +\d+ %", shown("capture", *BIG, "--name", "big"))
    assert re.search(r"restore \[#+-*\] +\d+ %  .* of 384.0 MiB", shown("restore", "big", tmp_path / "d", "--threads=1"))
    assert re.search(r"verify: read \[#+-*\] +\d+ %  .* of 384.0 MiB", shown("verify", "--threads=1"))
    assert re.search(r"repack: convert \[#*-*\] +\d+ %", shown("repack", "--encoding=raw", "--threads=1"))
