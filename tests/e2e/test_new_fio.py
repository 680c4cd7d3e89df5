"""fio writes pages below /new in its ways and reads them back, verifying."""

import os
import shutil

import pytest
from snapshots import draft, geometry_of, run

JOBS = {
    "sequential": ["--rw=write", "--bs=64k", "--ioengine=psync"],
    "random": ["--rw=randwrite", "--bs=4k", "--ioengine=psync"],
    "direct": ["--rw=randwrite", "--bs=4k", "--ioengine=libaio", "--iodepth=8", "--direct=1"],
    "mapped": ["--rw=randwrite", "--bs=4k", "--ioengine=mmap"],
}


@pytest.mark.skipif(shutil.which("fio") is None, reason="needs fio")
@pytest.mark.parametrize("passthrough", ["auto", "off"])
@pytest.mark.parametrize("job", JOBS)
def test_what_fio_writes_it_reads_and_it_is_committed(store, mount, job, passthrough):
    root = mount(store, f"passthrough={passthrough}").path
    new = root / "new" / "fio"
    (new / "pages").mkdir(parents=True)
    (new / "manifest.json").write_bytes(draft(geometry_of(1 << 20)))
    run("fio", "--name=pages", f"--directory={new}/pages", "--filename_format=$jobnum$filenum" + "00", "--size=4m",
        "--nrfiles=4", "--filesize=1m", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", *JOBS[job],
        cwd=new.parent.parent.parent)
    for ix, name in enumerate(sorted(os.listdir(new / "pages"))):
        os.rename(new / "pages" / name, new / "pages" / f"{ix:04}")
    os.rename(new, root / "snap/fio")
    assert sorted(os.listdir(root / "snap/fio/pages")) == ["0000", "0001", "0002", "0003"]
    store.run("verify")
