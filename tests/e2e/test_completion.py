"""Completions of the shells: lines are typed into bash and zsh and completed there, and asked of fish."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import MOUNT, PFCACHE, REPO
from terminals import Terminal

OF_PFCACHE = REPO / "src" / "cli" / "completions"
OF_MOUNT = REPO / "fuse" / "completions"

# ^G shows the line as it is and takes it away, so that nothing that is typed is run.
BASH_SETUP = """
PS1='> '
bind 'set show-all-if-ambiguous on' 'set completion-query-items 0' 'set page-completions off' 'set bell-style none'
bind 'set enable-bracketed-paste off' 'set completion-display-width 0'
bind -x '"\\C-g": printf "\\n[line:%s]\\n" "$READLINE_LINE"; READLINE_LINE='
source {pfcache}/pfcache.bash
source {mount}/mount.pfcache.bash
echo is ready
"""
ZSH_SETUP = """
PS1='> '
BAUD=0  # so that lists are shown even when keys wait
fpath=({pfcache} {mount} $fpath)
autoload -Uz compinit
compinit -u -D
zstyle ':completion:*' list-grouped false
show() {{ zle -R -c; zle -I; print -r -- "[line:$BUFFER]"; BUFFER= }}
zle -N show
bindkey '^G' show
print is ready
"""


@pytest.fixture
def programs(tmp_path):
    """A directory with the programs under all their names."""
    directory = tmp_path / "programs"
    directory.mkdir()
    (directory / "pfcache").symlink_to(PFCACHE)
    for name in ("mount.pfcache", "mount.fuse.pfcache"):
        (directory / name).symlink_to(MOUNT)
    return directory


class Shell:
    """One in which lines are typed."""

    def __init__(self, name, programs, directory):
        self.name = name
        setup = (BASH_SETUP if name == "bash" else ZSH_SETUP).format(pfcache=OF_PFCACHE, mount=OF_MOUNT)
        (directory / ".zshrc").write_text(setup)
        command = ["bash", "--noprofile", "--rcfile", directory / ".zshrc", "-i"] if name == "bash" else ["zsh", "-d", "-i"]
        self._terminal = Terminal(command, columns=250, rows=100, has_output=True, ZDOTDIR=str(directory),
                                  PATH=f"{programs}:{os.environ['PATH']}", PFCACHE_STORE="")
        self._terminal.read_until("is ready\r\n(?s:.*?)> ")

    def complete(self, line):
        """What a tab makes of it."""
        return self._press(line + "\t")[1]

    def offers(self, line):
        """The words that a tab lists."""
        before = len(self._terminal.text)
        end = self._press(line + "\t").start()
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._terminal.text[before:][:end])
        return set(re.findall(r"^(\S+) +-- " if self.name == "zsh" else r"^([^\s>]+)\s*$", shown, flags=re.M))

    def _press(self, keys):
        self._terminal.press(keys.encode() + b"\x07")
        return self._terminal.read_until(r"\[line:(.*?)\]\r*\n(?s:.*?)> ")  # until it takes keys again

    def close(self):
        self._terminal.process.kill()
        self._terminal.finish()


@pytest.fixture(params=["bash", "zsh"])
def shell(request, programs, tmp_path):
    if shutil.which(request.param) is None:
        pytest.skip(f"NEEDS {request.param}")
    made = Shell(request.param, programs, tmp_path)
    yield made
    made.close()


@pytest.fixture
def chat(store):
    """The digest of a snapshot with that name."""
    return store.capture("synthetic:2:0", "--name", "chat")


def test_lines_of_pfcache_are_completed(shell, store, chat, tmp_path):
    (tmp_path / "long-file").write_text("")
    (tmp_path / "long-directory").mkdir()
    for typed, completed in [
        ("rest", "restore "),
        ("gc --dry", "gc --dry-run "),
        ("prompt pu", "prompt put "),
        ("init --profile p", "init --profile pf-core "),
        ("config warm.t", "config warm.ttl "),
        (f"--store {store.path} restore ch", f"--store {store.path} restore chat "),
        (f"--store={store.path} unname c", f"--store={store.path} unname chat "),
        (f"--store {store.path} show {chat[:8]}", f"--store {store.path} show {chat} "),
        (f"capture {tmp_path}/long-f", f"capture {tmp_path}/long-file "),
        (f"--store {tmp_path}/long-", f"--store {tmp_path}/long-directory/"),
    ]:
        assert shell.complete(f"pfcache {typed}") == f"pfcache {completed}"


def test_what_a_line_of_pfcache_may_be_is_listed(shell, store, chat):
    assert shell.offers("pfcache re") == {"remove", "repack", "restore"}
    assert {"--dry-run", "--grace", "--store"} <= shell.offers("pfcache gc --")
    assert shell.offers("pfcache init --profile ") == {"auto", "pf-core"}
    assert shell.offers(f"pfcache --store {store.path} show ") == {"chat", chat}


@pytest.mark.parametrize("command", ["mount.pfcache", "mount.fuse.pfcache"])
def test_lines_of_the_mount_helper_are_completed(shell, command, tmp_path):
    (tmp_path / "long-directory").mkdir()
    (tmp_path / "long-file").write_text("")
    after = "," if shell.name == "zsh" else ""  # which zsh takes away when a blank is typed
    for typed, completed in [
        ("-o passt", "-o passthrough="),
        ("-o ro,passthrough=r", f"-o ro,passthrough=require{after}"),
        ("-o ro,uid=5,hot_s", "-o ro,uid=5,hot_size="),
        ("-o allow", f"-o allow_other{after}"),
        ("-o hot=mem", f"-o hot=memory{after}"),
        (f"-o ro,hot={tmp_path}/long-", f"-o ro,hot={tmp_path}/long-directory/"),
        ("-t fu", "-t fuse.pfcache "),
        (f"-o ro {tmp_path}/long-", f"-o ro {tmp_path}/long-directory/"),
    ]:
        assert shell.complete(f"{command} {typed}") == f"{command} {completed}"


def known_mount_options():
    """As the program itself offers them, which its own tests compare with the table."""
    lines = subprocess.run([MOUNT, "--complete", "-o", ""], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[0] == "list" and len(lines) > 20
    return {line.split("\t")[0] for line in lines[1:]}


def test_all_mount_options_are_listed(shell):
    assert shell.offers("mount.pfcache -o ") == known_mount_options()
    known = "verify=" if shell.name == "zsh" else ""
    assert shell.offers("mount.pfcache -o verify=") == {f"{known}always", f"{known}once"}


@pytest.fixture
def fish(programs):
    if shutil.which("fish") is None:
        pytest.skip("NEEDS fish")

    def offers(line):
        sources = "".join(f"source {file}; " for file in (OF_PFCACHE / "pfcache.fish", OF_MOUNT / "mount.pfcache.fish"))
        script = f"set -x PATH {programs} $PATH; {sources} complete -C $argv[1]"
        ran = subprocess.run(["fish", "-N", "-c", script, line], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return [line.split("\t")[0] for line in ran.stdout.splitlines()]

    return offers


def test_fish_is_told_the_same(fish, store, chat, tmp_path):
    (tmp_path / "long-directory").mkdir()
    assert fish("pfcache resto") == ["restore"]
    assert fish(f"pfcache --store {store.path} show ch") == ["chat"]
    assert set(fish("mount.pfcache -o ")) == known_mount_options()
    assert fish("mount.fuse.pfcache -o ro,passthrough=r") == ["ro,passthrough=require"]
    assert fish(f"mount.pfcache -o ro,hot={tmp_path}/long-") == [f"ro,hot={tmp_path}/long-directory/"]
    assert fish(f"mount.pfcache {tmp_path}/long-") == [f"{tmp_path}/long-directory/"]
