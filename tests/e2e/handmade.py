"""Stores changed behind pfcache's back: snapshots that it would not make itself, and damage."""

import hashlib
import json


def add_blob(store, data):
    """Writes a raw blob; the 64 hex digits of its name."""
    name = hashlib.sha256(data).hexdigest()
    directory = store.path / "blobs" / "sha256" / name[:2]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.raw").write_bytes(data)
    return name


def add_snapshot(store, pages, seqs=(), head_dim=4, **more):
    """Seals a manifest with `pages`, a list of (ix, K, V), and `seqs`, one of (id, ixs). Bytes are put as they are."""
    manifest = {
        "layout": "paged-batchinvariant-v1",
        "page_size_tokens": 4,
        "n_layers": 2,
        "n_heads": 2,
        "head_dim": head_dim,
        "dtype": "bf16",
        "pages": [
            {"ix": ix, "k": "sha256:" + add_blob(store, k), "v": "sha256:" + add_blob(store, v)} for ix, k, v in pages
        ],
        "logical_seqs": [{"id": name, "page_ixs": list(ixs), "fill_in_last_page": 0} for name, ixs in seqs],
        **more,
    }
    digest = add_blob(store, json.dumps(manifest).encode())
    seal(store, digest)
    return digest


def seal(store, digest):
    snapshots = store.path / "snapshots"
    snapshots.mkdir(exist_ok=True)
    (snapshots / digest).write_text("{}")


def blob_file(store, digest):
    (found,) = store.path.glob(f"blobs/sha256/{digest[:2]}/{digest}.*")
    return found
