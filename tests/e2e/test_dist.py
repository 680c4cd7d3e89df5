"""The archive of the sources that `meson dist` makes: complete, and enough to build from, without git."""

import json
import os
import re
import subprocess
import tarfile

import pytest
from conftest import REPO

VERSION = re.search(r"version: '(.*)'", (REPO / "meson.build").read_text())[1]
NAME = f"pfcache-{VERSION}"


def run(*command, **kwargs):
    ran = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=300, **kwargs)
    assert ran.returncode == 0, ran.stdout[-5000:]
    return ran.stdout


def git(*command):
    return run("git", "-C", REPO, *command)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Of what is committed."""
    if not (REPO / ".git").exists():
        pytest.skip("NEEDS a git checkout of the sources")
    clone = tmp_path_factory.mktemp("dist") / "clone"
    git("clone", "--quiet", REPO, clone)
    run("meson", "setup", clone / "build", clone)
    run("meson", "dist", "-C", clone / "build", "--no-tests")
    return clone / "build" / "meson-dist" / f"{NAME}.tar.xz"


def test_it_has_every_file_of_the_repository(archive):
    with tarfile.open(archive) as files:
        found = {member.name: member.mode for member in files.getmembers() if not member.isdir()}
    listed = [line.split(maxsplit=3) for line in git("ls-tree", "-r", "HEAD").splitlines()]
    expected = {f"{NAME}/{path}": int(mode, 8) & 0o100 for mode, _, _, path in listed}
    assert {name: mode & 0o100 for name, mode in found.items()} == expected


def test_it_is_built_without_git(archive, tmp_path):
    with tarfile.open(archive) as files:
        files.extractall(tmp_path)
    (tmp_path / "git").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "git").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    build = tmp_path / "build"
    run("meson", "setup", build, tmp_path / NAME, env=env)
    assert json.loads(run("meson", "introspect", "--projectinfo", build))["version"] == VERSION
    version = "src/base/libbase.a.p/version.cpp.o"
    run("ninja", "-C", build, version, "man/pfcache.1", env=env)
    assert VERSION.encode() in (build / version).read_bytes()
