"""Snapshots made in Python, an oracle of its own: bytes of pages, the manifest they must get, and ways to write them."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import random

from served import wait_until


@dataclasses.dataclass(frozen=True)
class Geometry:
    page_size_tokens: int = 4
    n_layers: int = 2
    n_heads: int = 2
    head_dim: int = 4
    dtype: str = "bf16"

    @property
    def half_bytes(self):
        element = {"bf16": 2, "f16": 2, "f32": 4, "fp8e4m3": 1}[self.dtype]
        return self.n_layers * self.page_size_tokens * self.n_heads * self.head_dim * element


TINY = Geometry()  # pages of 256 bytes
SMALL = Geometry(head_dim=256)  # 16 KiB
LARGE = Geometry(page_size_tokens=16, n_layers=8, n_heads=8, head_dim=128)  # 512 KiB


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def file_name_of(sequence):
    """The name of a sequence's directory: what isn't safe is percent-encoded, and so is a dot in front."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "".join(f"%{b:02X}" for b in c.encode()) for c in sequence)
    return "%2E" + safe[1:] if safe.startswith(".") else safe or "%"


def sha(data):
    return hashlib.sha256(data).hexdigest()


class PageTree:
    """`pages`: {ix: K followed by V}; `seqs`: {id: [ix, …]}."""

    def __init__(self, pages, geometry=TINY, seqs=None):
        self.pages = dict(sorted(pages.items()))
        self.geometry = geometry
        self.seqs = {"main": list(self.pages)} if seqs is None else seqs

    @classmethod
    def of_seed(cls, count, seed, geometry=TINY):
        """Half of each page compresses, so that blobs of all encodings are made."""
        pages = {}
        for ix in range(count):
            source = random.Random(f"{seed} {ix}")
            half = geometry.half_bytes
            pages[ix] = source.randbytes(half) + bytes(source.randrange(3) for _ in range(64)) * (half // 64)
        return cls(pages, geometry)

    def halves(self, ix):
        middle = self.geometry.half_bytes
        return self.pages[ix][:middle], self.pages[ix][middle:]

    def draft(self, *, listed=False):
        """The manifest as whoever writes a snapshot knows it: without digests, and without or with a list of pages."""
        fields = {"layout": "paged-batchinvariant-v1", **dataclasses.asdict(self.geometry)}
        if listed:
            fields["pages"] = [{"ix": ix} for ix in self.pages]
        fields["logical_seqs"] = self._seqs()
        return compact(fields)

    def _seqs(self):
        return [{"id": name, "page_ixs": ixs, "fill_in_last_page": 0} for name, ixs in sorted(self.seqs.items())]

    @functools.cached_property
    def manifest(self):
        entries = []
        for ix in self.pages:
            k, v = self.halves(ix)
            entries.append({"ix": ix, "k": f"sha256:{sha(k)}", "v": f"sha256:{sha(v)}"})
        fields = {"layout": "paged-batchinvariant-v1", **dataclasses.asdict(self.geometry)}
        return compact({**fields, "pages": entries, "logical_seqs": self._seqs()})

    @property
    def digest(self):
        return sha(self.manifest)

    def files(self, parts=("pages",), manifest=None):
        """{path: bytes} of a directory that holds it."""
        found = {"manifest.json": self.manifest if manifest is None else manifest}
        for ix, page in self.pages.items():
            k, v = self.halves(ix)
            found |= {f"{part}/{ix:04}": {"pages": page, "k": k, "v": v}[part] for part in parts}
        return found

    def write(self, directory, parts=("pages",), manifest=None):
        """As plain files; the directory."""
        directory = pathlib.Path(directory)
        for path, data in self.files(parts, manifest).items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(data)
        return directory

    def write_new(self, mount, name, parts=("pages",), listed=False):
        """Under /new of a mount, ready for commit()."""
        return self.write(mount.path / "new" / name, parts, self.draft(listed=listed))

    def assert_at(self, snapshot):
        """Every file of a directory under /snap is right, as a thread sees it that had no part in bringing it."""
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            other.submit(self._assert_at, snapshot).result()

    def _assert_at(self, snapshot):
        snapshot = pathlib.Path(snapshot)
        expected = self.files(("pages", "k", "v"))
        assert sorted(os.listdir(snapshot)) == ["k", "manifest.json", "pages", "seqs", "v"]
        for part in ("pages", "k", "v"):
            assert sorted(os.listdir(snapshot / part)) == [f"{ix:04}" for ix in self.pages]
        for path, data in expected.items():
            assert (snapshot / path).read_bytes() == data, path
        for name, ixs in self.seqs.items():
            directory = snapshot / "seqs" / file_name_of(name)
            links = [os.readlink(directory / f"{i:04}") for i in range(len(ixs))]
            assert links == [f"../../pages/{ix:04}" for ix in ixs]


def tree_with_twins(geometry=SMALL):
    """Pages 1 and 3 are the same, and the halves of page 2: hard links to `rsync -H`."""
    tree = PageTree.of_seed(6, "twins", geometry)
    k, _ = tree.halves(2)
    return PageTree({**tree.pages, 3: tree.pages[1], 2: k + k}, geometry, {"a/b": [0, 1, 2, 3], "": [5, 4]})


def commit(mount, name, to=None):
    """`mv /new/NAME /snap/TO`, as rename(2); the digest of what /snap/TO then is."""
    target = mount.path / "snap" / (to or name)
    os.rename(mount.path / "new" / name, target)
    return os.readlink(target) if os.path.islink(target) else target.name


def wait_for_seal(store, tree):
    """At once where pages/ was brought; else, as nobody knows what more is to come, when it has been quiet for a while."""
    assert wait_until(lambda: tree.digest in sealed(store), seconds=15), f"{tree.digest} is not sealed"


def sealed(store):
    """Digests of the snapshots that others see."""
    return {record["snapshot"] for record in store.json("list")["snapshots"]}
