"""What a mount says about itself in /.pfcache: as Prometheus reads it, as JSON, and as the manual describes it."""

import errno
import json
import os
import re
import subprocess

import pytest
from served import wait_until
from snapshots import run, some_pages, write_new

GEOMETRY = "--page-tokens 16 --layers 2 --heads 4 --head-dim 64 --dtype bf16".split()
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)*)\})? ([0-9.e+-]+|\+Inf)')


def parse(text):
    """Prometheus' text format, strictly: {metric: type}, {(name, labels): value}."""
    assert text.endswith("\n")
    types, helped, samples, current = {}, set(), {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, help_text = line[7:].split(" ", 1)
            assert name not in helped and help_text.endswith(".")
            helped.add(name)
        elif line.startswith("# TYPE "):
            current, kind = line[7:].split(" ")
            assert current in helped and current not in types and kind in ("counter", "gauge", "histogram")
            types[current] = kind
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            base = re.sub("_(bucket|sum|count)$", "", name) if types[current] == "histogram" else name
            assert base == current, f"{name} is not below the metric it belongs to"
            key = (name, tuple(re.findall(r'([a-z]+)="([^"]*)"', labels or "")))
            assert key not in samples
            samples[key] = float(value)
    assert helped == set(types)
    return types, samples


def metrics(mounted):
    return parse((mounted.path / ".pfcache" / "metrics").read_text())


def value(mounted, name, **labels):
    return metrics(mounted)[1].get((name, tuple(labels.items())))


def stats(mounted):
    return json.loads((mounted.path / ".pfcache" / "stats.json").read_text())


@pytest.fixture
def captured(store, mount):
    digest = store.capture("synthetic:6:1", *GEOMETRY, "--name", "chat")
    return mount(store), digest


def test_names_types_and_units_follow_the_rules(captured):
    types, samples = metrics(captured[0])
    for name, kind in types.items():
        assert re.fullmatch(r"pfcache_[a-z]+(_[a-z]+)*", name)
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"milli|micro|kib|mib|percent", name)
    assert types["pfcache_operation_duration_seconds"] == "histogram"
    assert any(name == "pfcache_build_info" and labels[0][0] == "version" for name, labels in samples)


def test_histograms_add_up(captured):
    mounted, _ = captured
    run("find", mounted.path)
    _, samples = metrics(mounted)
    name = "pfcache_operation_duration_seconds"
    operations = {dict(labels)["operation"] for key, labels in samples if key == f"{name}_count"}
    assert {"lookup", "open", "read", "readdir", "create", "write", "rename", "commit", "fsync"} <= operations
    for operation in operations:
        buckets = [(float(dict(labels)["le"]), count) for (key, labels), count in samples.items()
                   if key == f"{name}_bucket" and dict(labels)["operation"] == operation]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[-1][1] == samples[f"{name}_count", (("operation", operation),)]
    assert samples[f"{name}_count", (("operation", "readdir"),)] > 0


def test_opens_hits_and_bytes_are_counted(captured):
    mounted, digest = captured
    page = mounted.path / "snap" / digest / "pages" / "0003"
    half = page.parent.parent / "k" / "0003"
    size = len(page.read_bytes())
    assert value(mounted, "pfcache_opens_total", kind="page") == 1
    assert value(mounted, "pfcache_hot_misses_total") == 1
    assert value(mounted, "pfcache_decoded_bytes_total") == size
    page.read_bytes()
    half.read_bytes()
    assert value(mounted, "pfcache_opens_total", kind="page") == 2
    assert value(mounted, "pfcache_opens_total", kind="half") == 1
    assert value(mounted, "pfcache_hot_hits_total") == 1
    assert value(mounted, "pfcache_hot_files") >= 1
    assert value(mounted, "pfcache_hot_held_bytes") >= size


def test_without_passthrough_the_daemon_gives_the_bytes(store, mount):
    digest = store.capture("synthetic:2:1", *GEOMETRY)
    mounted = mount(store, "passthrough=off")
    data = (mounted.path / "snap" / digest / "pages" / "0000").read_bytes()
    assert value(mounted, "pfcache_passthrough_enabled") == 0
    assert value(mounted, "pfcache_passthrough_opens_total") == 0
    assert value(mounted, "pfcache_read_bytes_total") == len(data)


def test_damage_and_errors_show(store, mount):
    digest = store.capture("synthetic:2:1", *GEOMETRY)
    mounted = mount(store)
    page = mounted.path / "snap" / digest / "pages" / "0001"
    blob = next(store.path.glob(f"blobs/sha256/??/{os.getxattr(page, 'user.pfcache.v_digest').decode()}.*"))
    blob.write_bytes(b"x" * blob.stat().st_size)
    with pytest.raises(OSError):
        page.read_bytes()
    assert value(mounted, "pfcache_verify_failures_total") >= 1
    _, samples = metrics(mounted)
    assert sum(count for (name, labels), count in samples.items()
               if name == "pfcache_operation_errors_total" and dict(labels)["error"] == "EIO") >= 1
    assert not (mounted.path / "snap" / "absent").exists()
    assert value(mounted, "pfcache_operation_errors_total", operation="lookup", error="ENOENT") is None


def test_a_commit_is_told_from_other_renames(store, mount):
    mounted = mount(store)
    root = write_new(mounted.path, "mine", some_pages(2))
    (root / "pages" / "0001").rename(root / "pages" / "0002")
    (root / "pages" / "0002").rename(root / "pages" / "0001")
    root.rename(mounted.path / "snap" / "mine")
    name = "pfcache_operation_duration_seconds_count"
    assert value(mounted, name, operation="commit") == 1
    assert value(mounted, name, operation="rename") == 2
    assert value(mounted, "pfcache_opens_total", kind="written") == 3


def test_what_is_read_of_prompts_and_warm_starts_is_counted(store, mount, tmp_path):
    (tmp_path / "text").write_text("a prompt")
    for dedup in ("on", "off"):
        store.run("prompt", "put", "--text", tmp_path / "text", "--dedup", dedup, input="p" * 100_000)
        mounted = mount(store)
        (entry,) = (mounted.path / "prompt").iterdir()
        size = len(entry.read_bytes())
        assert value(mounted, "pfcache_opens_total", kind="written") == 0
        assert value(mounted, "pfcache_opens_total", kind="other") == 1
        assert size <= value(mounted, "pfcache_read_bytes_total") < size + 10_000


def test_the_store_is_counted_as_stats_counts_it(captured, store):
    mounted, _ = captured
    assert wait_until(lambda: value(mounted, "pfcache_store_snapshots") == 1)
    counted, told = store.json("stats"), stats(mounted)
    for key in ("logical_bytes", "unique_bytes", "stored_bytes", "stored_page_bytes", "snapshots", "pages", "raw_blobs", "planes_blobs"):
        assert told[f"store_{key}"] == counted[key]
    assert value(mounted, "pfcache_store_names") == 1
    ratio = counted["unique_bytes"] / counted["stored_page_bytes"]
    assert value(mounted, "pfcache_store_encoding_ratio") == pytest.approx(ratio)


def test_programs_read_the_files_as_any_other(captured, tmp_path):
    root = captured[0].path / ".pfcache"
    assert sorted(os.listdir(root)) == ["metrics", "stats.json", "version"]
    assert all((p.stat().st_mode & 0o7777, p.stat().st_size) == (0o444, 0) for p in root.iterdir())
    assert re.fullmatch(r"mount\.pfcache \d+\.\d+\.\d+\n", run("cat", root / "version").stdout)
    assert run("head", "-n", "1", root / "metrics").stdout.startswith("# HELP ")
    assert run("jq", ".passthrough", root / "stats.json").stdout.strip() in ("0", "1")
    run("cp", root / "metrics", tmp_path / "pfcache.prom")
    parse((tmp_path / "pfcache.prom").read_text())
    assert "pfcache_build_info" in run("grep", "build", root / "metrics").stdout


def test_what_one_open_gives_is_of_one_moment(captured):
    mounted, digest = captured
    with open(mounted.path / ".pfcache" / "stats.json", encoding="utf-8") as file:
        (mounted.path / "snap" / digest / "pages" / "0000").read_bytes()
        told = json.load(file)
        file.seek(0)
        assert json.load(file) == told
    assert told["page_opens"] == 0 and stats(mounted)["page_opens"] == 1


def test_nothing_in_it_can_be_changed(captured):
    root = captured[0].path / ".pfcache"
    for change in (lambda: open(root / "metrics", "a"), (root / "metrics").unlink, (root / "new").mkdir,
                   lambda: (root / "metrics").rename(root / "other"), root.rmdir, lambda: os.truncate(root / "version", 0)):
        with pytest.raises(OSError) as failure:
            change()
        assert failure.value.errno in (errno.EPERM, errno.EROFS, errno.EACCES)
    assert (root / "version").read_text()


def test_copies_of_snap_do_not_meet_it(captured, tmp_path):
    run("rsync", "-a", f"{captured[0].path}/snap/", tmp_path / "copy/")
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == sorted([captured[1], "chat"])


def test_many_readers_at_once_each_get_a_whole_text(captured):
    path = captured[0].path / ".pfcache" / "metrics"
    readers = [subprocess.Popen(["cat", path], stdout=subprocess.PIPE, text=True) for _ in range(12)]
    for reader in readers:
        parse(reader.communicate(timeout=60)[0])
