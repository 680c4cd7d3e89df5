"""The man pages say what the programs do: options, exit statuses, examples and limits are compared with them."""

import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, DATA, MOUNT, PFCACHE, REPO, build_option
from manual import (OPTION, SOURCES, help_of, literals, needs, options_in, plain, references, rendered, replay, section,
                    sections, source, subcommands_in, terms, without_literals)
from served import wait_until

# Pages of others that ours refer to, which a machine without their packages need not have.
OTHERS = {("mount", "8"), ("umount", "8"), ("fstab", "5"), ("syslog", "3"), ("flock", "2"), ("open", "2"), ("read", "2"),
          ("memfd_create", "2"), ("du", "1"), ("df", "1"), ("ls", "1"), ("tar", "1"), ("rsync", "1"),
          ("pkg-config", "1"), ("mmap", "2"), ("ioctl", "2"), ("fcntl", "2"), ("fsync", "2"), ("cp", "1"), ("mv", "1"),
          ("getfattr", "1"), ("jq", "1"), ("fusermount3", "1"), ("sd_notify", "3"), ("systemd-escape", "1")}


# --- the pages themselves ---------------------------------------------------------------------------------------------


def test_there_is_a_page_for_each_program_file_format_and_library():
    assert {"pfcache.1", "mount.pfcache.8", "pfcache-format.5", "pfcache.toml.5", "pfcache.7", "libpfcache.3"} <= set(SOURCES)


@pytest.mark.parametrize("page", SOURCES)
def test_scdoc_takes_it_without_a_word(page):
    with open(SOURCES[page]) as text:
        ran = subprocess.run(["scdoc"], stdin=text, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "") and ran.stdout


@pytest.mark.parametrize("page", SOURCES)
def test_man_renders_it_without_warnings(page):
    ran = rendered(page, "--warnings")
    assert (ran.returncode, ran.stderr) == (0, "")
    name, number = page.rsplit(".", 1)
    assert ran.stdout.startswith(f"{name}({number})") and "SEE ALSO" in ran.stdout


@pytest.mark.parametrize("page", SOURCES)
def test_literal_blocks_reach_the_reader_as_they_were_written(page):
    lines = [line.strip() for line in rendered(page).stdout.splitlines()]
    for block in literals(source(page)):
        for line in block.splitlines():
            assert line.strip() in lines, line


def test_the_build_makes_and_installs_every_page():
    installed = json.loads((BUILD / "meson-info" / "intro-installed.json").read_text())
    for page in SOURCES:
        (to,) = [there for here, there in installed.items() if here == str(BUILD / "man" / page)]
        assert to.endswith(f"/man/man{page[-1]}/{page}")


@pytest.mark.parametrize("page", SOURCES)
def test_references_lead_somewhere(page):
    ours = {tuple(name.rsplit(".", 1)) for name in SOURCES}
    found = references(source(page))
    assert found - ours - OTHERS == set()
    assert references(section(page, "SEE ALSO")) & ours, "no page of ours is named"


def test_every_page_can_be_found_from_the_first():
    ours = {tuple(name.rsplit(".", 1)) for name in SOURCES} - {("pfcache", "1")}
    assert ours <= references(section("pfcache.1", "SEE ALSO"))


def test_the_readme_names_every_page():
    readme = (REPO / "README.md").read_text()
    listed = re.search(r"^man/ .*(?:\n  .*)*", readme, flags=re.M).group()
    for page in SOURCES:
        name, number = page.rsplit(".", 1)
        assert re.search(rf"\b{re.escape(name)}\({number}\)", listed) or (number == "7" and "(7)" in listed), page


# --- pfcache(1) -------------------------------------------------------------------------------------------------------


def all_commands(path=()):
    """Every command that the program offers, as tuples: ("capture",), ("prompt", "put")."""
    found = []
    for name in subcommands_in(help_of(PFCACHE, *path)):
        below = all_commands((*path, name))
        found += below or [(*path, name)]
    return found


def command_sections():
    """Command → (title, text) of its section. Titles begin with the command's words, or stand for themselves."""
    commands = all_commands()
    found = {}
    for title, text in sections(section("pfcache.1", "COMMANDS"), "##").items():
        command = next((words for words in commands if tuple(title.split())[:len(words)] == words), (title,))
        found[command] = (title, text)
    return found


GLOBALS = options_in(help_of(PFCACHE))


def test_every_command_has_a_section_and_every_section_a_command():
    assert set(command_sections()) == set(all_commands())


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_the_options_of_a_command_are_those_in_its_section(command):
    declared = options_in(help_of(PFCACHE, *command))
    title, text = command_sections()[command]
    documented = set(OPTION.findall(plain(title + without_literals(text))))
    assert declared - GLOBALS <= documented <= declared


def test_global_options_are_described_and_no_others_exist():
    documented = {option for term in terms(section("pfcache.1", "GLOBAL OPTIONS")) for option in OPTION.findall(plain(term))}
    assert documented == GLOBALS
    known = GLOBALS.union(*(options_in(help_of(PFCACHE, *command)) for command in all_commands()))
    assert set(OPTION.findall(plain(without_literals(source("pfcache.1"))))) <= known


def test_exit_statuses_are_those_of_the_help():
    text = help_of(PFCACHE)
    promised = re.search(r"Exit status: (.*?)\n\n", text, flags=re.S).group(1)
    expected = set(re.findall(r"(\d+)(?: \+ N)? [a-z]", promised))
    documented = {re.match(r"\*(\d+)", term).group(1) for term in terms(section("pfcache.1", "EXIT STATUS"))}
    assert documented == expected and {"0", "1", "2", "13"} <= documented


def test_the_session_in_its_examples_is_true(tmp_path):
    for file in DATA.glob("llama-session-*.bin"):
        shutil.copy(file, tmp_path)
    (session,) = literals(section("pfcache.1", "EXAMPLES"))
    replay(session, tmp_path)


KEY = "5a" * 32

# A session for each command of which the page lists JSON keys; the last line is the command itself. Together they show all
# keys.
JSON_SESSIONS = {
    "init": ["init"],
    "capture": ["capture chat.bin --name chat"],
    "restore": ["capture chat.bin --name chat", "restore chat again.bin"],
    "list": ["capture chat.bin --name chat", "list"],
    "show": ["capture chat.bin --name chat", "show chat"],
    "diff": ["capture chat.bin --name a", "capture synthetic:1:1 --name b", "diff a b"],
    "name": ["capture chat.bin --name a", "name a b"],
    "unname": ["capture chat.bin --name a", "unname a"],
    "pin": ["capture chat.bin --name a", "pin a"],
    "unpin": ["capture chat.bin --name a", "unpin a"],
    "remove": ["capture chat.bin --name a", "remove --force a"],
    "fetch": ["capture chat.bin --name a", "fetch a"],
    "verify": ["capture chat.bin --name a", "verify"],
    "stats": ["stats"],
    "gc": ["capture chat.bin", "gc"],
    "prompt put": ["prompt put --text text.txt"],
    "prompt get": ["prompt put --text text.txt", f"prompt get {hashlib.sha1(b'pay').hexdigest()}"],
    "prompt find": ["prompt put --text text.txt", "prompt find"],
    "prompt list": ["prompt put --text text.txt", "prompt list"],
    "prompt evict": ["prompt put --text text.txt", "prompt evict"],
    "warm save": [f"warm save {KEY} --kind final"],
    "warm lookup": [f"warm save {KEY} --kind final", f"warm lookup {KEY}"],
    "warm list": [f"warm save {KEY} --kind final", "warm list"],
    "warm evict": ["warm evict"],
    "repack": ["capture chat.bin", "repack --encoding raw"],
    "config": ["config"],
    "doctor": ["doctor"],
}


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*(keys_of(below) for below in value.values()))
    if isinstance(value, list):
        return set().union(*(keys_of(below) for below in value))
    return set()


@pytest.mark.parametrize("command", JSON_SESSIONS)
def test_json_keys_are_those_that_are_printed(command, store, tmp_path, request):
    if command == "fetch":
        request.getfixturevalue("mount")(store)
    shutil.copy(DATA / "llama-session-399.bin", tmp_path / "chat.bin")
    (tmp_path / "text.txt").write_text("pay")
    for line in JSON_SESSIONS[command]:
        printed = json.loads(store.run("--json", *line.split(), cwd=tmp_path, input="payload").stdout)
    _, text = command_sections()[tuple(command.split())]
    documented = re.search(r"JSON keys?:(.*?)(?:\n\n|\Z)", text, flags=re.S).group(1)
    words = {word.replace("\\_", "_") for word in re.findall(r"(?<!\w)_((?:\w|\\_)+?)_(?!\w)", documented)}
    assert set(printed) <= words <= keys_of(printed)


# --- mount.pfcache(8) -------------------------------------------------------------------------------------------------


def mount_option_names(text):
    """Names from `hot=PLACE` or `uid=N, gid=N`."""
    return {re.split(r"[=\s]", part)[0] for part in text.split(", ")}


def documented_mount_options():
    names = set()
    for term in terms(section("mount.pfcache.8", "MOUNT OPTIONS")):
        names |= mount_option_names(plain(term))
    return names


def offered_mount_options():
    block = help_of(MOUNT).partition("-o OPTIONS")[2]
    names = set()
    for line in re.findall(r"^    (\S.*)", block, flags=re.M):
        names |= mount_option_names(line.split("  ")[0])
    return names


def takes(store, directory, *arguments):
    command = [str(MOUNT), "-f", *arguments, str(store.path), str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).returncode == 0


SAMPLE_VALUES = {**dict.fromkeys(("context", "fscontext", "defcontext", "rootcontext"), "a:b:c:s0"), "comment": "words",
                 "uid": "1", "gid": "1", "umask": "022", "hot": "none", "hot_size": "1G", "passthrough": "off", "threads": "2",
                 "prompt_budget": "1G", "prompt_policy": "lru", "warm_budget": "1G", "warm_ttl": "1h",
                 "verify": "always"}


def test_every_mount_option_of_the_help_is_described_and_every_one_described_is_taken(store, tmp_path):
    documented = documented_mount_options()
    assert offered_mount_options() <= documented
    assert not takes(store, tmp_path, "-o", "no_such_option"), "the check below would say nothing"
    for name in documented:
        option = f"{name}={SAMPLE_VALUES[name]}" if name in SAMPLE_VALUES else name
        assert takes(store, tmp_path, "-o", option), option


def test_every_word_that_mount_takes_is_described():
    table = (REPO / "fuse" / "option_table.cpp").read_text()
    words = set(re.findall(r'^    MountOption\{"(\w+)"', table, flags=re.M))
    assert len(words) > 20 and words <= documented_mount_options()


def test_its_flags_are_those_of_the_help(store, tmp_path):
    text = help_of(MOUNT)
    letters = set(re.findall(r"^  -(\w)[, ]", text, flags=re.M))
    page = section("mount.pfcache.8", "OPTIONS")
    assert {letter for term in terms(page) for letter in re.findall(r"(?<![\w-])-(\w)\b", plain(term))} == letters
    declared = options_in(text)
    assert declared and set(OPTION.findall(plain(without_literals(source("mount.pfcache.8"))))) == declared


def test_its_exit_statuses_are_those_that_mount_knows():
    ours = re.findall(r"kExit\w+ = (\d+);", (REPO / "fuse" / "exit_status.hpp").read_text())
    assert len(ours) == 4
    assert {plain(term) for term in terms(section("mount.pfcache.8", "EXIT STATUS"))} == {"0", *ours}


def test_the_session_with_a_mount_is_true(mount, tmp_path):
    needs("rsync")
    for file in DATA.glob("llama-session-*.bin"):
        shutil.copy(file, tmp_path)
    try:
        replay("".join(literals(section("mount.pfcache.8", "EXAMPLES"))), tmp_path)
    finally:
        for directory in ("mnt", "mnt2"):
            subprocess.run(["umount", "-q", str(tmp_path / directory)], check=False)


def test_metrics_are_those_that_a_mount_has(store, mount):
    store.capture("synthetic:1:1", "--name", "x")
    mounted = mount(store)
    assert wait_until(lambda: "pfcache_store_scan_time" in (mounted.path / ".pfcache" / "metrics").read_text())
    offered = set(re.findall(r"^# TYPE (\w+) ", (mounted.path / ".pfcache" / "metrics").read_text(), flags=re.M))
    documented = [name for term in terms(section("mount.pfcache.8", "METRICS")) for name in plain(term).split(", ")]
    assert len(offered) > 25 and offered == {name for name in documented if name.startswith("pfcache_")}
    files = {name for name in documented if name.startswith("/")}
    assert files == {f"/.pfcache/{path.name}" for path in (mounted.path / ".pfcache").iterdir()}


def test_extended_attributes_are_those_that_the_mount_knows():
    table = re.search(r"kAttributes\[\] = \{(.*?)\n\};", (REPO / "fuse" / "content_xattrs.cpp").read_text(), flags=re.S).group(1)
    known = {f"user.pfcache.{name}" for name in re.findall(r'\{"(\w+)"', table)} | {"user.pfcache.error"}
    documented = {name for term in terms(section("mount.pfcache.8", "EXTENDED ATTRIBUTES")) for name in plain(term).split(", ")}
    assert len(known) == 7 and documented == known
    assert f"than {value_in_sources('kMaxPages')} pages" in section("mount.pfcache.8", "EXTENDED ATTRIBUTES")


# --- pfcache(7) -------------------------------------------------------------------------------------------------------


def test_the_recipes_for_restoring_work(store, mount, tmp_path):
    needs("jq")
    session, python, c = literals(section("pfcache.7", "FORKING AND RESTORING"))
    for tokens in (399, 1199):
        store.capture(DATA / f"llama-session-{tokens}.bin", "--name", f"chat-{tokens}")
    mounted = mount(store)
    (tmp_path / "mnt").symlink_to(mounted.path)
    (tmp_path / "restore.py").write_text(python)
    (tmp_path / "restore.c").write_text(c)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "restore.c", "-o", "restore"], cwd=tmp_path, check=True, timeout=60)
    replay(session, tmp_path)


# --- pfcache-format(5), pfcache.toml(5) -------------------------------------------------------------------------------


def value_in_sources(constant):
    """What the sources set a constant to; they must agree where several do."""
    values = set()
    for folder in ("include", "src", "fuse"):
        for path in (REPO / folder).rglob("*pp"):
            for expression in re.findall(rf"\b{constant} = ([^;]+);", path.read_text()):
                expression = re.sub(r"std::\w+\{(\w+)\}", r"\1", expression).replace("'", "")
                values.add(eval(re.sub(r"\b(\d+)U?L*\b", r"\1", expression), {"__builtins__": {}}))
    assert len(values) == 1, f"{constant}: {values}"
    return values.pop()


def test_limits_have_the_values_of_the_sources():
    (table,) = literals(section("pfcache-format.5", "LIMITS"))
    rows = [line.split(None, 2) for line in table.splitlines()]
    assert len(rows) > 15
    for name, value, _ in rows:
        assert value_in_sources(name) == int(value), name


def test_every_limit_that_the_page_speaks_of_is_in_its_table():
    named = set(re.findall(r"\bk[A-Z]\w+", plain(source("pfcache-format.5"))))
    (table,) = literals(section("pfcache-format.5", "LIMITS"))
    assert named == {line.split()[0] for line in table.splitlines()}


def layout_patterns():
    """The paths of the layout as regular expressions."""
    for line in literals(section("pfcache-format.5", "LAYOUT"))[0].splitlines():
        path = re.escape(re.split("  +", line)[0].removeprefix("STORE/"))
        path = path.replace(r"<64\ hex>", "[0-9a-f]{64}").replace("/ab/", "/[0-9a-f]{2}/")
        yield re.sub(r"<\w+>", r"[\\w.-]+", path)


def test_the_files_of_a_store_are_as_in_the_layout(store):
    store.capture(DATA / "llama-session-399.bin", "--name", "chat")
    store.capture("synthetic:4:1", "--name", "random")
    store.capture("synthetic:4:1", *"--dtype f32 --content kv-like --head-dim 512".split())
    patterns = list(layout_patterns())
    files = [str(path.relative_to(store.path)) for path in store.path.rglob("*") if path.is_file()]
    assert len(files) > 50
    for name in files:
        assert any(re.fullmatch(pattern, name) for pattern in patterns), name


def examples_of_json(title):
    return json.loads("".join(literals(section("pfcache-format.5", title))[0].splitlines()))


def test_json_files_have_the_keys_of_the_page_in_its_order(store):
    store.capture(DATA / "llama-session-399.bin", "--name", "chat")
    digest = store.json("show", "chat")["snapshot"]
    for title, path in (("SEALS", store.path / "snapshots" / digest), ("ENGINE FILES", store.path / "files" / "chat.json")):
        assert list(json.loads(path.read_text())) == list(examples_of_json(title))
    manifest = json.loads(store.run("show", "chat", "--manifest").stdout)
    example = examples_of_json("MANIFESTS")
    assert list(manifest) == list(example)
    for key in ("pages", "logical_seqs"):
        assert list(manifest[key][0]) == list(example[key][0])


def plain_bytes_of_planes(stored):
    """A decoder written from the page alone."""
    assert stored[:4] == b"PFZP" and stored[4] == 1 and stored[6:8] == b"\0\0"
    width = stored[5]
    size = int.from_bytes(stored[8:16], "little")
    sizes = [int.from_bytes(stored[16 + 8 * p:24 + 8 * p], "little") for p in range(width)]
    at = 16 + 8 * width
    planes = []
    for plane_bytes in sizes:
        plane = stored[at:at + plane_bytes]
        if plane_bytes != size // width:
            plane = subprocess.run(["zstd", "-dc"], input=plane, capture_output=True, check=True, timeout=60).stdout
        planes.append(plane)
        at += plane_bytes
    out = bytearray(size)
    whole = size // width * width
    for p, plane in enumerate(planes):
        out[p:whole:width] = plane
    out[whole:] = stored[at:]
    return bytes(out)


def test_a_decoder_written_from_the_page_reads_every_blob(store):
    needs("zstd")
    store.capture(DATA / "llama-session-399.bin")
    store.capture("synthetic:2:1", *"--dtype bf16 --content kv-like --head-dim 4096".split())
    store.capture("synthetic:2:1", *"--dtype f32 --content kv-like --head-dim 4096".split())
    seen = set()
    for path in store.blobs():
        stored = path.read_bytes()
        seen.add(path.suffix)
        if path.suffix == ".zst":
            stored = subprocess.run(["zstd", "-dc"], input=stored, capture_output=True, check=True, timeout=60).stdout
        elif path.suffix in (".zp2", ".zp4"):
            stored = plain_bytes_of_planes(stored)
        assert hashlib.sha256(stored).hexdigest() == path.stem
    assert {".zp2", ".zst"} <= seen


def test_a_prompt_file_is_as_the_page_says(store, tmp_path):
    """Fields are found by the offsets of the page's table."""
    (tmp_path / "text").write_text("<|user|>hi<|assistant|>")
    options = "--tokens 17 --ctx 8192 --quant 2 --reason cold --ext 1".split()
    key = store.run("prompt", "put", "--text", tmp_path / "text", *options, input="the payload").stdout.strip()
    assert key == hashlib.sha1(b"<|user|>hi<|assistant|>").hexdigest()
    file = store.path / "prompt" / f"{key}.kv"
    stored = file.read_bytes()
    rows = re.findall(r"^(\d+) +(\d+) +(.*)", literals(section("pfcache-format.5", "PROMPT FILES"))[0], flags=re.M)
    field = {name.split(":")[0]: stored[int(at):int(at) + int(size)] for at, size, name in rows}
    number = {name: int.from_bytes(value, "little") for name, value in field.items()}
    assert field['"KVC" (4b 56 43)'] == b"KVC" and number["version, 1"] == 1
    assert (number["tokens"], number["context size"], number["quant bits"]) == (17, 8192, 2)
    assert (number["why it was saved"], number["extension flags"], number["hits"]) == (1, 1, 0)
    text_bytes, payload_bytes = number["T, bytes of the text"], number["P, bytes of the payload"]
    assert stored[52:52 + text_bytes] == b"<|user|>hi<|assistant|>"
    assert stored[52 + text_bytes:] == b"the payload" and payload_bytes == 11
    try:
        checksum = os.getxattr(file, "user.pfcache.payload").decode()
    except OSError:
        return  # a filesystem without such attributes
    pieces = hashlib.sha256(b"the payload").digest()
    assert checksum == "sha256-256k:" + hashlib.sha256(pieces).hexdigest()


def test_a_warm_start_is_as_the_page_says(store):
    """Key and files made from the page alone."""
    tag, text = b"test", b"roundtrip"
    fields = b"\2" + len(tag).to_bytes(4, "little") + tag + len(text).to_bytes(8, "little") + text
    key = hashlib.sha256(fields).hexdigest()
    assert key == "c2911c6e2b431839f6aa0895864cdc273ef3fa74699e510bf5603f6443749268"
    run = store.run("warm", "save", key, "--kind", "checkpoint", input="hello\n").stdout.strip()
    assert re.fullmatch(r"r[0-9a-f]+-[0-9a-f]+", run)
    entry = store.path / "warm" / key / run
    record = entry.with_name(run + ".json").read_text()
    example = literals(section("pfcache-format.5", "WARM STARTS"))[1]
    assert list(json.loads(record)) == list(json.loads(example))
    assert json.loads(record)["checksum_hex"] == json.loads(example)["checksum_hex"]
    assert record == json.dumps(json.loads(record), indent=2)
    entry.with_name("theirs.bin").write_bytes(b"better")
    better = json.loads(example) | {"objective": 0.5, "checksum_hex": hashlib.sha256(b"better").hexdigest()}
    better["written_unix_secs"] = json.loads(record)["written_unix_secs"]
    entry.with_name("theirs.json").write_text(json.dumps(better))
    assert store.run("warm", "lookup", key).stdout == "better"


def keys_in(title):
    return [plain(term).split()[0] for term in terms(section("pfcache.toml.5", title))]


def test_settings_are_those_that_pfcache_shows_with_their_defaults(store):
    shown = {setting["key"]: setting for setting in store.json("config")["settings"]}
    assert keys_in("SETTINGS") == list(shown)
    for term, text in re.findall(r"^(\*.*)\n\t((?:.*\n)+?)\n", section("pfcache.toml.5", "SETTINGS"), flags=re.M):
        key = plain(term).split()[0]
        default = re.search(r'\*"([^"]*)"\*,? the default|[Bb]y default (?:\*"?([^"*]*)"?\*|(\d+))', text)
        if shown[key]["text"] is None or key == "store":
            assert not default, key
        else:
            said = next(group for group in default.groups() if group is not None)
            env = dict(os.environ, **{"PFCACHE_" + key.upper().replace(".", "_"): said})
            assert json.loads(store.run("--json", "config", key, env=env).stdout)["text"] == shown[key]["text"], key


def test_the_keys_of_a_store_are_those_that_are_read():
    text = (REPO / "src" / "config" / "store_file.cpp").read_text()
    (own,) = re.findall(r"kOwnKeys = \{(.*?)\}", text)
    assert keys_in("KEYS OF A STORE") == re.findall(r'"(\w+)"', own)


def test_the_examples_of_configurations_are_accepted(tmp_path):
    machine, *stores = literals(source("pfcache.toml.5"))
    env = dict(os.environ, XDG_CONFIG_HOME=str(tmp_path))
    (tmp_path / "pfcache").mkdir()
    (tmp_path / "pfcache" / "config.toml").write_text(machine)
    ran = subprocess.run([str(PFCACHE), "config"], env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and ran.stdout.count("pfcache/config.toml:") == 4, ran.stderr
    for number, example in enumerate(stores):
        store = tmp_path / str(number)
        store.mkdir()
        (store / "config.toml").write_text(example)
        subprocess.run([str(PFCACHE), "--store", str(store), "stats"], check=True, capture_output=True, timeout=60)


# --- libpfcache(3) ----------------------------------------------------------------------------------------------------


def test_every_public_header_is_named_and_no_other():
    headers = {path.name for path in (REPO / "include" / "pfcache").glob("*.hpp")}
    text = plain(without_literals(source("libpfcache.3")))
    assert set(re.findall(r"<pfcache/(\w+\.hpp)>", text)) == headers


def test_the_table_of_errors_is_that_of_the_library():
    rows = re.findall(r"\{Errc::(\w+), \"[^\"]*\", (\w+), (\d+)\}", (REPO / "src" / "base" / "error.cpp").read_text())
    (table,) = literals(section("libpfcache.3", "ERRORS"))
    assert rows and [tuple(line.split()) for line in table.splitlines()[1:]] == rows
    phrases = re.search(r"The code is one of.*?or the name", plain(source("pfcache.1")), flags=re.S).group()
    for code, _, _ in rows:
        assert code.replace("_", " ") in " ".join(phrases.split())
