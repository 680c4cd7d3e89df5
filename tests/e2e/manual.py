"""The man pages' sources, taken apart: sections, terms, literal blocks, sessions."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, MOUNT, PFCACHE, REPO

SOURCES = {path.name.removesuffix(".scd"): path for path in sorted((REPO / "man").glob("*.scd"))}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
ELISION = "[...]"  # a line of a session that stands for any lines


def needs(program):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")


def rendered(page, *options):
    """A page as its readers see it."""
    needs("man")
    env = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="240")
    return subprocess.run(["man", *options, "-P", "cat", "-l", str(BUILD / "man" / page)], env=env, capture_output=True,
                          text=True, timeout=60)


def source(page):
    return SOURCES[page].read_text()


def plain(text):
    """Without the marks of bold, underlined and escaped text."""
    text = re.sub(r"(?<!\w)_|_(?!\w)", "", text.replace("*", "").replace("\\_", "\0"))
    return re.sub(r"\\(.)", r"\1", text).replace("\0", "_")


def without_literals(text):
    return re.sub(r"^```\n.*?^```$", "", text, flags=re.M | re.S)


def literals(text):
    """Backslashes escape in these, too."""
    return [re.sub(r"\\(.)", r"\1", block) for block in re.findall(r"^```\n(.*?)^```$", text, flags=re.M | re.S)]


def sections(text, mark="#"):
    """Heading → text, of the headings with this mark."""
    parts = re.split(rf"^{mark} (.*)\n", text, flags=re.M)
    return dict(zip((plain(title) for title in parts[1::2]), parts[2::2]))


def section(page, title):
    return sections(source(page))[title]


def terms(text):
    """The lines that begin a definition: what stands before an indented line."""
    return re.findall(r"^([*_].*)\n\t", text, flags=re.M)


def references(text):
    """(name, section) of other pages."""
    return set(re.findall(r"\*([\w.+-]+)\*\((\d)\)", text))


def commands_in(session):
    """(command, what it prints) of a block of `$ command` lines."""
    for part in re.split(r"^\$ ", session, flags=re.M)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


def replay(session, cwd):
    """Runs a session in one shell and compares what each command prints; of times their form only."""
    steps = list(commands_in(session))
    assert steps
    script = "".join(f"status=$?; printf '\\001\\n'; (exit $status)\n{command}\n" for command, _ in steps)
    path = f"{PFCACHE.parent}:{MOUNT.parent}:{os.environ['PATH']}"
    env = dict(os.environ, PATH=path, LC_ALL="C.UTF-8", TZ="UTC")
    ran = subprocess.run(["bash", "-c", "exec 2>&1\n" + script], cwd=cwd, env=env, capture_output=True, text=True,
                         timeout=300)
    found = ran.stdout.split("\001\n")[1:]
    assert len(found) == len(steps), ran.stdout
    for (command, expected), printed in zip(steps, found):
        assert re.fullmatch(pattern_of(expected), printed, re.S), f"$ {command}\nin the page:\n{expected}\nfound:\n{printed}"


def pattern_of(expected):
    pattern = re.escape(expected).replace(re.escape(ELISION) + "\\\n", ".*")
    return re.sub(r"\d{4}\\-\d\d\\-\d\dT\d\d:\d\d:\d\dZ", r"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ", pattern)


def help_of(program, *command):
    ran = subprocess.run([str(program), *command, "--help"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def options_in(help_text):
    """The options that are declared in a help text, each at the beginning of its line."""
    return set(re.findall(r"^  (?:-\w, ?)?(--[a-z][a-z-]*)", help_text, flags=re.M))


def subcommands_in(help_text):
    block = re.search(r"^Commands:\n((?:  .*\n)+)", help_text, flags=re.M)
    return re.findall(r"^  (\w+)", block.group(1), flags=re.M) if block else []
