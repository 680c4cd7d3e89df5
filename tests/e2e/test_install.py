"""The tools, the library and what the manual and the headers show of it work from where `meson install` puts them."""

import concurrent.futures
import os
import re
import subprocess
from dataclasses import dataclass

import pytest

import examples
from conftest import BUILD, DATA, REPO, build_option
from manual import literals, rendered, section

HEADERS = sorted((REPO / "include" / "pfcache").glob("*.hpp"))


@dataclass
class Installed:
    """What the build installs, as if `root` were the root of a system."""

    root: object
    prefix: object

    def pkg_config(self, *question):
        (pc,) = self.prefix.rglob("pfcache.pc")
        env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR=str(self.root))
        asked = subprocess.run(["pkg-config", *question, "pfcache"], env=env, check=True, capture_output=True, text=True)
        return asked.stdout.split()

    def library(self):
        (link,) = self.prefix.rglob("libpfcache.so")
        return link.parent

    def build(self, example, directory):
        sanitize = build_option("b_sanitize")
        # A sanitizer's library needs it in the program too, from the same compiler.
        compiler = ["g++"] if sanitize == "none" else ["clang++", f"-fsanitize={sanitize}"]
        return examples.build(example, compiler, self.pkg_config("--cflags", "--libs"), directory)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    command = ["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(root)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (found,) = root.rglob("bin/pfcache")
    return Installed(root, found.parent.parent)


def test_the_tools_run_from_there(installed, tmp_path):
    env = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    if build_option("prefix") == "/usr":  # where the loader looks by itself, were it the real one
        env["LD_LIBRARY_PATH"] = str(installed.library())
    run = lambda *args: subprocess.run([*map(str, args)], env=env, capture_output=True, text=True, timeout=60)
    pfcache = installed.prefix / "bin" / "pfcache"
    assert run(pfcache, "--store", tmp_path / "store", "init").returncode == 0
    captured = run(pfcache, "--store", tmp_path / "store", "capture", DATA / "llama-session-399.bin")
    assert captured.returncode == 0, captured.stderr
    version = run(installed.prefix / "sbin" / "mount.pfcache", "--version")
    assert version.returncode == 0 and "0.1.0" in version.stdout + version.stderr


def test_completions_are_where_shells_look_for_them(installed):
    share = installed.prefix / "share"
    for command in ("pfcache", "mount.pfcache", "mount.fuse.pfcache"):
        for file in (share / "bash-completion/completions" / command, share / "fish/vendor_completions.d" / f"{command}.fish"):
            assert re.search(rf"^complete .*{command}", file.read_text(), re.M), file
    named = [line for file in (share / "zsh/site-functions").iterdir() for line in file.read_text().splitlines()[:1]]
    assert sorted(named) == ["#compdef mount.pfcache mount.fuse.pfcache", "#compdef pfcache"]


def test_pkg_config_tells_the_version_and_asks_for_nothing_else(installed):
    assert installed.pkg_config("--modversion") == ["0.1.0"]
    assert installed.pkg_config("--print-requires", "--print-requires-private") == []
    assert installed.pkg_config("--libs-only-l") == ["-lpfcache"]


@pytest.fixture(scope="module")
def programs(installed, tmp_path_factory):
    """Header → a call that gives its example's program, or fails as its compilation did."""
    directory = tmp_path_factory.mktemp("examples")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {header: pool.submit(installed.build, examples.of_header(header), directory / header.stem) for header in HEADERS}
    return {header: job.result for header, job in jobs.items()}


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.stem)
def test_the_example_of_a_header(header, installed, programs):
    """It includes its header first, so that a header which needs another before it fails here."""
    example = examples.of_header(header)
    assert example.text.startswith(f"#include <pfcache/{header.name}>\n"), f"{header} shows no example that begins with it"
    ran = examples.run(programs[header](), installed.library())
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout == example.expected()


def test_the_example_of_the_manual(installed, tmp_path):
    """The program is taken from the page as a reader sees it."""
    text = rendered("libpfcache.3").stdout
    lines = text[text.index("EXAMPLE\n"):].splitlines()
    first = next(i for i, line in enumerate(lines) if "#include" in line)
    last = next(i for i in range(first, len(lines)) if "It prints" in lines[i])
    indent = len(lines[first]) - len(lines[first].lstrip())
    example = examples.Example("manual", "\n".join(line[indent:] for line in lines[first:last]))
    ran = examples.run(installed.build(example, tmp_path / "program"), installed.library(), "store")
    assert ran.stdout == literals(section("libpfcache.3", "EXAMPLE"))[1] and ran.returncode == 10, ran.stderr
