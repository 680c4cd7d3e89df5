"""The library and the tools work from where `meson install` puts them."""

import os
import subprocess

import pytest

from conftest import BUILD, DATA, build_option

PROGRAM = r"""
#include <pfcache/error.hpp>
#include <pfcache/mem_blob_store.hpp>
#include <pfcache/restore.hpp>
#include <pfcache/capture.hpp>
#include <pfcache/synthetic_pager.hpp>
#include <pfcache/version.hpp>

#include <cstdio>

int main() {
  using namespace pfcache;
  const CacheMeta meta{4, 2, 2, 4, DType::bf16};
  SyntheticCachePager pager(meta);
  pager.populate_synthetic(2, 0);
  MemBlobStore store;
  const CaptureResult captured = capture_cache(pager, store);
  SyntheticCachePager fresh(meta);
  restore_cache(fresh, store, captured.digest);
  try {
    restore_cache(fresh, store, captured.digest);  // not empty any more
  } catch (const Error& error) {
    if (error.code() == Errc::mismatch) std::puts(captured.digest.hex().c_str());
  }
}
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A directory with what the build installs, as if it were the root of a system."""
    root = tmp_path_factory.mktemp("root")
    command = ["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(root)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (found,) = root.rglob("bin/pfcache")
    return found.parent.parent


def test_the_tools_run_from_there(prefix, tmp_path):
    pfcache = prefix / "bin" / "pfcache"
    env = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    run = lambda *args: subprocess.run([*map(str, args)], env=env, capture_output=True, text=True, timeout=60)
    assert run(pfcache, "--store", tmp_path / "store", "init").returncode == 0
    captured = run(pfcache, "--store", tmp_path / "store", "capture", DATA / "llama-session-399.bin")
    assert captured.returncode == 0, captured.stderr
    version = run(prefix / "sbin" / "mount.pfcache", "--version")
    assert version.returncode == 0 and "0.1.0" in version.stdout + version.stderr


def test_a_program_builds_against_it_by_pkg_config_and_catches_its_errors(prefix, tmp_path):
    sanitize = build_option("b_sanitize")
    # A sanitizer's library needs it in the program too, from the same compiler.
    compiler = ["g++"] if sanitize == "none" else ["clang++", f"-fsanitize={sanitize}"]
    (pc,) = prefix.rglob("pfcache.pc")
    root = str(prefix).removesuffix("/usr/local")
    env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR=root)
    ask = ["pkg-config", "--cflags", "--libs", "pfcache"]
    flags = subprocess.run(ask, env=env, check=True, capture_output=True, text=True)
    source = tmp_path / "program.cpp"
    source.write_text(PROGRAM)
    program = tmp_path / "program"
    command = [*compiler, "-std=c++20", "-Wall", "-Werror", str(source), "-o", str(program), *flags.stdout.split()]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    env = dict(os.environ, LD_LIBRARY_PATH=str(pc.parent.parent))
    ran = subprocess.run([str(program)], env=env, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "a7e58d925525c51b33013cd01f18f139c5cbdad3e0599a97df67fc9191a8005d"
