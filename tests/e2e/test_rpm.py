"""The spec of the RPM packages: as rpmlint and rpmbuild read it, and at work, by macros such as Fedora has them.

The packages are made of the objects that the other tests try, as those for Debian are. Debian's rpm brings no macros for
meson, and does not know Debian's packages as what is required to build.
"""

import os
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, REPO

SPEC = REPO / "packaging" / "pfcache.spec"
PACKAGES = ["pfcache", "pfcache-devel", "pfcache-libs"]

# Meson's own, with the directories that Fedora gives it; what is left out has no part in pfcache.
MACROS = """
%_topdir {top}
%debug_package %{{nil}}
%_vpath_builddir redhat-linux-build
%ldconfig_scriptlets() %{{nil}}
%meson cp -a {reuse} %{{_vpath_builddir}} && %{{shrink:meson setup --reconfigure %{{_vpath_builddir}} \\
  --prefix=%{{_prefix}} --libdir=%{{_libdir}} --bindir=%{{_bindir}} --sbindir=%{{_sbindir}} --includedir=%{{_includedir}} \\
  --datadir=%{{_datadir}} --mandir=%{{_mandir}} --sysconfdir=%{{_sysconfdir}} --wrap-mode=nodownload}}
%meson_build ninja -C %{{_vpath_builddir}}
%meson_install DESTDIR=%{{buildroot}} meson install -C %{{_vpath_builddir}} --no-rebuild
"""


def run(*command, **kwargs):
    ran = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=500, **kwargs)
    assert ran.returncode == 0, ran.stdout[-5000:]
    return ran.stdout


@pytest.fixture(scope="module", autouse=True)
def rpm():
    for program in ("rpmbuild", "rpmlint"):
        if not shutil.which(program):
            pytest.skip(f"NEEDS {program}")


def test_the_spec_is_accepted():
    run("rpmspec", "--parse", SPEC)
    assert " 0 errors" in run("rpmlint", "-r", REPO / "packaging" / "pfcache.rpmlintrc", SPEC)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Name → file. rpmbuild fails when the build installs a file that none of them lists, or lacks one that is listed."""
    top = tmp_path_factory.mktemp("rpm")
    version = re.search(r"^Version: *(\S+)$", SPEC.read_text(), re.M)[1]
    (top / "SOURCES").mkdir()
    run("tar", "-cJf", top / "SOURCES" / f"pfcache-{version}.tar.xz", "-C", REPO, "--exclude-vcs", "--exclude=./build*",
        "--exclude=__pycache__", f"--transform=s,^[.],pfcache-{version},", ".", env={**os.environ, "XZ_OPT": "-0"})
    shutil.copytree(BUILD, top / "reuse", symlinks=True, ignore=shutil.ignore_patterns("tests"))
    (top / "macros").write_text(MACROS.format(top=top, reuse=top / "reuse"))
    # An option of the compiler less would have everything compiled again.
    spec = SPEC.read_text().replace(" -Dwerror=false", "")
    assert spec != SPEC.read_text()
    (top / "pfcache.spec").write_text(spec)
    run("rpmbuild", "-bb", "--nodeps", f"--load={top / 'macros'}", top / "pfcache.spec")
    return {"-".join(file.name.split("-")[:-2]): file for file in (top / "RPMS").rglob("*.rpm")}


def test_there_are_three_which_have_what_their_names_say(packages):
    assert sorted(packages) == PACKAGES
    files = {name: run("rpm", "-qp", "--list", package).splitlines() for name, package in packages.items()}
    assert {"/usr/bin/pfcache", "/usr/sbin/mount.pfcache", "/usr/sbin/mount.fuse.pfcache"} <= set(files["pfcache"])
    assert "/usr/lib/systemd/system/pfcache@.service" in files["pfcache"]
    assert "/usr/share/bash-completion/completions/mount.fuse.pfcache" in files["pfcache"]
    assert "/usr/lib64/libpfcache.so.0" in files["pfcache-libs"]
    assert {"/usr/lib64/libpfcache.so", "/usr/include/pfcache/store.hpp"} <= set(files["pfcache-devel"])
    assert not [path for path in files["pfcache"] + files["pfcache-libs"] if "/include/" in path or "/man3/" in path]
    assert {"/usr/share/doc/pfcache", "/usr/share/doc/pfcache/README.md"} <= set(files["pfcache"])


def test_they_need_each_other(packages):
    for name in ("pfcache", "pfcache-devel"):
        assert re.search(r"^pfcache-libs\S* = \d", run("rpm", "-qp", "--requires", packages[name]), re.M)


def test_they_are_installed_and_run(packages, tmp_path):
    run("rpm", "--root", tmp_path, "--install", "--nodeps", *packages.values())
    tool = tmp_path / "usr/bin/pfcache"
    assert "PATH" not in run("readelf", "-d", tool)
    env = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path / "usr/lib64")}
    assert run(tool, "--version", env=env).startswith("pfcache ")
    assert (tmp_path / "usr/sbin/mount.fuse.pfcache").resolve() == tmp_path / "usr/sbin/mount.pfcache"
    run("rpm", "--root", tmp_path, "--erase", "--nodeps", *packages)
    assert not [path for path in tmp_path.rglob("*pfcache*") if not path.is_relative_to(tmp_path / "var")]
