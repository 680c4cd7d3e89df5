"""Snapshots made by hand in plain directories, and what a mount does to them."""

import hashlib
import json
import os
import pathlib
import subprocess

import numpy

GEOMETRY = {"layout": "paged-batchinvariant-v1", "page_size_tokens": 4, "n_layers": 2, "n_heads": 2, "head_dim": 16,
            "dtype": "bf16"}


def half_bytes(geometry):
    return (geometry["n_layers"] * geometry["page_size_tokens"] * geometry["n_heads"] * geometry["head_dim"] *
            {"bf16": 2, "f16": 2, "f32": 4, "fp8e4m3": 1}[geometry["dtype"]])


def geometry_of(page_bytes):
    """A geometry whose pages have so many bytes, K and V together."""
    return {**GEOMETRY, "n_layers": 1, "page_size_tokens": 1, "n_heads": 1, "head_dim": page_bytes // 4}


def page(seed, size):
    """Bytes like those of a real cache: bf16 numbers that are nearly normal."""
    values = numpy.random.default_rng(seed).standard_normal(size // 2).astype(numpy.float32)
    return (values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes()


def draft(geometry=GEOMETRY, **more):
    return json.dumps({**geometry, **more}).encode()


def manifest_of(pages, geometry=GEOMETRY, seqs=()):
    """The canonical manifest of `pages`, {ix: bytes}."""
    half = half_bytes(geometry)
    entries = [{"ix": ix, "k": "sha256:" + hashlib.sha256(data[:half]).hexdigest(),
                "v": "sha256:" + hashlib.sha256(data[half:]).hexdigest()} for ix, data in sorted(pages.items())]
    listed = [{"id": name, "page_ixs": list(ixs), "fill_in_last_page": 0} for name, ixs in seqs]
    return json.dumps({**geometry, "pages": entries, "logical_seqs": listed}, separators=(",", ":")).encode()


def digest_of(manifest):
    return hashlib.sha256(manifest).hexdigest()


def write_plain(directory, pages, geometry=GEOMETRY, seqs=()):
    """A snapshot as plain files in `directory`/<digest>; the digest."""
    manifest = manifest_of(pages, geometry, seqs)
    root = pathlib.Path(directory) / digest_of(manifest)
    (root / "pages").mkdir(parents=True)
    (root / "manifest.json").write_bytes(manifest)
    for ix, data in pages.items():
        (root / "pages" / f"{ix:04}").write_bytes(data)
    return root.name


def some_pages(count, seed=0, geometry=GEOMETRY):
    return {ix: page(1000 * seed + ix, 2 * half_bytes(geometry)) for ix in range(count)}


def write_new(mounted, name, contents, geometry=GEOMETRY, **more):
    """A snapshot below /new, not committed."""
    root = mounted / "new" / name
    root.mkdir()
    (root / "manifest.json").write_bytes(draft(geometry, **more))
    (root / "pages").mkdir()
    for ix, data in contents.items():
        (root / "pages" / f"{ix:04}").write_bytes(data)
    return root


def fsync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def staged(store):
    """Paths of what is still in staging, without what is only waiting to be removed."""
    root = store.path / "staging"
    return sorted(str(p.relative_to(root)) for area in ("new", "snap") for p in (root / area).glob("*"))


def read_all(directory):
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in sorted(pathlib.Path(directory).rglob("*"))
            if p.is_file() and not p.is_symlink()}


def run(*command, check=True, **kwargs):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **kwargs)
    assert not check or result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result
