"""Completions of the shells themselves: bash and fish complete a line for real, zsh at least reads its file."""

import os
import shutil
import subprocess

import pytest

from conftest import PFCACHE, REPO

COMPLETIONS = REPO / "src" / "cli" / "completions"


def shell(*command, **variables):
    env = dict(os.environ, PATH=f"{PFCACHE.parent}:{os.environ['PATH']}", **{k: str(v) for k, v in variables.items()})
    ran = subprocess.run([*map(str, command)], env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def in_bash(*words, **variables):
    """What bash's completion offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in ("pfcache", *words))
    script = f"compopt() {{ echo \"compopt $*\"; }}; source {COMPLETIONS}/pfcache.bash; COMP_WORDS=({quoted}); " \
             f"COMP_CWORD={len(words)}; _pfcache pfcache; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return shell("bash", "-c", script, **variables).split()


def test_bash_completes_commands_options_and_names(store):
    store.capture("synthetic:2:0", "--name", "chat")
    assert in_bash("rest") == ["restore"]
    assert in_bash("gc", "--dry") == ["--dry-run"]
    assert in_bash("restore", "ch", PFCACHE_STORE=store.path) == ["chat"]
    assert in_bash("--store", "=", store.path, "restore", "ch") == ["chat"]
    assert in_bash("init", "--profile", "") == ["auto", "pf-core"]


def test_bash_leaves_files_to_itself():
    assert in_bash("capture", "") == ["compopt", "-o", "default"]
    assert in_bash("--store", "") == ["compopt", "-o", "dirnames"]


def test_fish_completes_commands_and_names(store):
    if shutil.which("fish") is None:
        pytest.skip("needs fish")
    store.capture("synthetic:2:0", "--name", "chat")
    source = f"source {COMPLETIONS}/pfcache.fish; complete -C "
    assert shell("fish", "-N", "-c", source + "'pfcache resto'").startswith("restore\t")
    found = shell("fish", "-N", "-c", source + "'pfcache show ch'", PFCACHE_STORE=store.path)
    assert found.startswith("chat\tsnapshot ")


def test_zsh_and_fish_read_their_files():
    for name, program in (("_pfcache", "zsh"), ("pfcache.fish", "fish"), ("pfcache.bash", "bash")):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
        shell(program, "-n", COMPLETIONS / name)
