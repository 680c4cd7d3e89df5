"""rsync as a test starts it, and a daemon of its own on the loopback."""

import dataclasses
import os
import re
import socket
import subprocess
import time

from served import wait_until


@dataclasses.dataclass
class Outcome:
    status: int
    said: str

    def sent(self):
        """Paths of the files that were transferred, by `-i`: `<` or `>` and f, also those that are only updated."""
        return sorted(line.split(" ", 1)[1] for line in self.said.splitlines() if re.match(r"^[<>]f", line))


def start(*arguments):
    return subprocess.Popen(["rsync", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def rsync(*arguments, check=True):
    process = start(*arguments)
    said, _ = process.communicate(timeout=120)
    if check:
        assert process.returncode == 0, f"{arguments}\n{said}"
    return Outcome(process.returncode, said)


def interrupted(signum, seconds, *arguments):
    """Runs it until the signal comes, unless it is done before; all its processes have then ended."""
    process = subprocess.Popen(["rsync", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, start_new_session=True)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signum)
    said, _ = process.communicate(timeout=60)
    return Outcome(process.returncode, said)


class Daemon:
    """`rsync --daemon` with one module for each directory; a context manager."""

    def __init__(self, tmp_path, **modules):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = tmp_path / "rsyncd.log"
        text = f"use chroot = no\nuid = root\ngid = root\nread only = no\nlog file = {self.log}\n"
        text += "".join(f"[{name}]\npath = {path}\n" for name, path in modules.items())
        config = tmp_path / "rsyncd.conf"
        config.write_text(text)
        command = ["rsync", "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={self.port}", f"--config={config}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        assert wait_until(self._answers), self.process.poll()

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            time.sleep(0.02)
            return False

    def url(self, module, path=""):
        return f"rsync://127.0.0.1:{self.port}/{module}/{path}"

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        self.process.wait(20)
