"""fio writes page files below /new and reads them back by its own checksums, there and once they are sealed."""

import subprocess

import pytest
from page_trees import Geometry, PageTree, commit

GEOMETRY = Geometry(page_size_tokens=16, n_layers=4, n_heads=8, head_dim=128)  # pages of 256 KiB
PAGE_BYTES = 2 * GEOMETRY.half_bytes
PAGES = 12


def fio(directory, rw, ioengine, direct, block_bytes, *more):
    """Runs fio on PAGES page files of the directory at once; every block carries its checksum."""
    command = ["fio", "--name=pages", f"--directory={directory}", "--filename_format=.$filenum", "--thread",
               f"--nrfiles={PAGES}", "--file_service_type=random", f"--filesize={PAGE_BYTES}",
               f"--size={PAGES * PAGE_BYTES}", f"--rw={rw}", f"--ioengine={ioengine}", f"--direct={direct}",
               f"--bs={block_bytes}", "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--randrepeat=1", *more]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    assert "verify" not in result.stderr, result.stderr


@pytest.mark.parametrize(("passthrough", "rw", "ioengine", "direct"), [
    ("auto", "randwrite", "psync", 0), ("auto", "write", "psync", 1), ("auto", "randwrite", "mmap", 0),
    ("off", "randwrite", "psync", 1), ("off", "write", "mmap", 0)])
def test_what_fio_wrote_is_what_it_reads_and_what_is_committed(store, mount, tmp_path, passthrough, rw, ioengine, direct):
    mounted = mount(store, f"passthrough={passthrough}")
    written = mounted.path / "new" / "fio"
    (written / "pages").mkdir(parents=True)
    (written / "manifest.json").write_bytes(PageTree({}, GEOMETRY).draft())
    # fio numbers its files without leading zeros, so it works beside and the files are moved.
    fio(written / "pages", rw, ioengine, direct, 4096, "--do_verify=1")
    pages = {}
    for ix in range(PAGES):
        (written / "pages" / f".{ix}").rename(written / "pages" / f"{ix:04}")
        pages[ix] = (written / "pages" / f"{ix:04}").read_bytes()
        assert len(pages[ix]) == PAGE_BYTES
    expected = PageTree(pages, GEOMETRY, {})
    (written / "manifest.json").write_bytes(expected.draft())
    assert commit(mounted, "fio") == expected.digest
    # A link farm gives the sealed pages the names that fio wants.
    links = tmp_path / "links"
    links.mkdir()
    for ix in range(PAGES):
        (links / f".{ix}").symlink_to(mounted.path / "snap" / "fio" / "pages" / f"{ix:04}")
    fio(links, "read", "psync", 0, 4096)
    store.run("verify")
