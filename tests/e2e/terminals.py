"""Programs on a terminal of their own."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

ERASE = "\r\x1b[K"


class Terminal:
    """Runs a command whose standard error is a terminal, which controls it: ^C reaches it. So is its standard output, if
    asked for."""

    def __init__(self, command, columns=80, rows=24, has_output=False, **environment):
        self._ours, theirs = pty.openpty()
        self.resize(columns, rows)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=theirs,
            stdout=theirs if has_output else subprocess.DEVNULL, stderr=theirs,
            env={**os.environ, "TERM": "xterm", **environment}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.text = ""

    def resize(self, columns, rows=24):
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self._ours, keys)

    def read_until(self, pattern, timeout=60):
        """Reads on until the pattern is in what is new since the last call; the match."""
        start, deadline = len(self.text), time.monotonic() + timeout
        while not (found := re.search(pattern, self.text[start:])):
            assert self._read_some(deadline), f"{pattern} did not come:\n{self.text}"
        return found

    def finish(self, timeout=60):
        """All that was written, once the program has ended."""
        deadline = time.monotonic() + timeout
        while self._read_some(deadline):
            pass
        os.close(self._ours)
        self.status = self.process.wait(timeout)
        self.seconds = time.monotonic() - self.began
        return self.text

    def _read_some(self, deadline):
        ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came:\n{self.text}"
        try:
            part = os.read(self._ours, 1 << 16)
        except OSError:  # EIO: nobody has the other end open
            return False
        self.text += part.decode()
        return True


def lines_drawn(text):
    """What was drawn between two erasures, without colors."""
    parts = re.split(r"(?:\x1b\[\d+A)?\r\x1b\[[KJ]", re.sub(r"\x1b\[\d+m", "", text))
    return [part for part in parts[1:] if part and "\n" not in part]
