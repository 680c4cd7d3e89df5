"""pfcache top: what a mount does, told once or drawn on a terminal that is given back as it was."""

import fcntl
import json
import os
import pty
import re
import subprocess
import termios

import pytest

from conftest import PFCACHE
from terminals import Terminal


class Screen(Terminal):
    """As Terminal, with standard output on it, too, and both ends held open, so that its modes can be asked for."""

    def __init__(self, command):
        self._ours, self._theirs = pty.openpty()
        self.resize(80)
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
            env={**os.environ, "TERM": "xterm"}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.text = ""

    def rows_drawn(self, rows):
        """The lines of the next picture that is drawn on that many rows."""
        start = len(self.text)
        self.resize(80, rows)
        self.read_until(r"\x1b\[H(?s:.*?)\x1b\[J")
        return re.search(r"\x1b\[H(.*?)\x1b\[J", self.text[start:], re.S)[1].split("\r\n")

    def modes(self):
        return termios.tcgetattr(self._theirs)

    def end(self):
        """The exit status, once the terminal was given back."""
        self.read_until(r"\x1b\[\?7h\x1b\[\?25h\x1b\[\?1049l")
        return self.process.wait(60)

    def close(self):
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def mounted(store, mount):
    digest = store.capture("synthetic:6:1")
    mounted = mount(store)
    for page in sorted((mounted.path / "snap" / digest / "pages").iterdir()):
        page.read_bytes()
    return mounted


def test_it_is_told_once_where_there_is_no_terminal(store, mounted):
    for arguments in (["top"], ["top", mounted.path, "--once"]):
        text = store.run(*arguments).stdout
        assert text.startswith("up 0:0") and "since it was mounted  /" in text
        assert "hot store" in text and "p99" in text
        assert "\x1b" not in text and all(len(line) <= 80 for line in text.splitlines())


def test_the_record_has_rates_and_latencies(store, mounted):
    record = store.json("top", mounted.path)
    assert record["directory"] == str(mounted.path)
    assert record["hot_held_bytes"] > 0
    assert record["operations"]["open"]["p99_seconds"] >= record["operations"]["open"]["p50_seconds"] > 0


def test_a_directory_without_a_mount_is_told(store, tmp_path):
    result = store.run("top", tmp_path, check=False)
    assert result.returncode == 10 and "mount.pfcache" in result.stderr


@pytest.mark.parametrize("key, status", [(b"q", 0), (b"\x03", 130)])
def test_the_terminal_is_given_back(store, mounted, key, status):
    screen = Screen([PFCACHE, "--store", store.path, "top"])
    screen.read_until("since it was mounted")
    assert screen.modes() != screen.before
    screen.read_until(r"last [\d.]+ s")
    screen.press(key)
    assert screen.end() == status
    assert screen.modes() == screen.before
    screen.close()


def test_another_size_of_the_terminal_is_another_picture(store, mounted):
    screen = Screen([PFCACHE, "--store", store.path, "top", "--interval", "1h"])
    screen.read_until("since it was mounted(?s:.*)\x1b\\[J")
    for rows, lines in [(12, 12), (3, 3), (40, 24), (10, 10)]:
        drawn = screen.rows_drawn(rows)
        assert len(drawn) == lines, drawn
        assert drawn[0].startswith("up 0:0") and drawn[1 if lines < 24 else 2].startswith("opens")
    screen.press(b"q")
    assert screen.end() == 0
    screen.close()


def test_it_ends_when_the_mount_does(store, mounted):
    screen = Screen([PFCACHE, "top", mounted.path])
    screen.read_until("since it was mounted")
    mounted.unmount()
    screen.read_until("the mount on .* has ended")
    assert screen.process.wait(60) == 10
    assert screen.modes() == screen.before
    screen.close()
