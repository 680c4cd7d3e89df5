"""libpfcache.so exports what the public headers declare, and nothing of the libraries it is made with."""

import json
import shutil
import subprocess

import pytest

from conftest import BUILD, REPO, build_option

HEADERS = sorted((REPO / "include" / "pfcache").glob("*.hpp"))
FUNCTIONS = {"FunctionDecl", "CXXMethodDecl", "CXXConstructorDecl", "CXXDestructorDecl", "CXXConversionDecl"}


def exported():
    """Mangled name → the name as people read it."""
    names = [[], []]
    for found, demangle in zip(names, ([], ["-C"])):
        command = ["nm", "-D", "--defined-only", "-p", "--format=posix", *demangle, str(BUILD / "src" / "libpfcache.so")]
        listing = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
        # NAME TYPE VALUE SIZE, and a readable name may have spaces
        found += [line.rsplit(" ", 3)[0] for line in listing.splitlines()]
    return dict(zip(*names))


def declarations(node, inside_template=False):
    """Every function below a node of clang's tree that some source must define."""
    inside_template |= "Template" in node.get("kind", "")
    inner = node.get("inner", [])
    if node.get("kind") in FUNCTIONS and not inside_template:
        is_defined = any(part.get("kind") == "CompoundStmt" for part in inner)
        needs_none = node.get("pure") or node.get("explicitlyDefaulted") or node.get("explicitlyDeleted") or node.get("isImplicit")
        if not is_defined and not needs_none:
            yield node["mangledName"]
    for part in inner:
        yield from declarations(part, inside_template)


def declared(tmp_path):
    source = tmp_path / "all.cpp"
    source.write_text("".join(f"#include <pfcache/{header.name}>\n" for header in HEADERS))
    command = ["clang++", "-std=c++20", f"-I{REPO / 'include'}", "-fsyntax-only", "-Xclang", "-ast-dump=json", "-Xclang",
               "-ast-dump-filter=pfcache::", str(source)]
    dump = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    names, at, decoder = set(), 0, json.JSONDecoder()
    while (at := dump.find("{", at)) >= 0:  # one JSON text after another
        node, at = decoder.raw_decode(dump, at)
        names.update(declarations(node))
    return names


@pytest.mark.skipif(not shutil.which("clang++"), reason="needs clang++")
def test_every_function_that_a_header_declares_is_exported(tmp_path):
    names = declared(tmp_path)
    assert len(names) > len(HEADERS)
    assert not names - set(exported())


@pytest.mark.skipif(build_option("b_sanitize") != "none", reason="sanitizers add symbols of their own")
def test_nothing_but_the_namespace_is_exported():
    ours = ("pfcache::", "vtable for pfcache::", "typeinfo for pfcache::", "typeinfo name for pfcache::")
    assert not [name for name in exported().values() if not name.startswith(ours)]
