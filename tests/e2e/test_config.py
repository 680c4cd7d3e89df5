"""Settings reach the real programs: from files, from the environment, to the commands and the mount."""

import os
import subprocess

from conftest import MOUNT, PFCACHE


def run(program, *args, **variables):
    env = dict(os.environ, **{name: str(value) for name, value in variables.items()})
    return subprocess.run([str(program), *map(str, args)], env=env, capture_output=True, text=True, timeout=60)


def user_file(tmp_path, text):
    directory = tmp_path / "config" / "pfcache"
    directory.mkdir(parents=True)
    (directory / "config.toml").write_text(text)
    return directory.parent


def test_the_users_file_names_the_store(store, tmp_path):
    config = user_file(tmp_path, f'store = "{store.path}"\n[gc]\ngrace = "2h"\n')
    shown = run(PFCACHE, "config", XDG_CONFIG_HOME=config).stdout
    assert f"{config}/pfcache/config.toml:1\n" in shown and f"{config}/pfcache/config.toml:3\n" in shown
    assert run(PFCACHE, "list", XDG_CONFIG_HOME=config).returncode == 0


def test_a_mount_keeps_hot_pages_where_the_store_says(store, mount, tmp_path):
    digest = store.capture("synthetic:4:0", "--content", "kv-like", "--head-dim", "1024")
    hot = tmp_path / "hot"
    with open(store.path / "config.toml", "a") as file:
        file.write(f'[mount]\nhot = "{hot}"\n')
    page = mount(store).path / "snap" / digest / "pages" / "0000"
    assert page.read_bytes() and list(hot.iterdir())


def test_an_option_goes_over_the_store(store, mount, tmp_path):
    digest = store.capture("synthetic:4:0", "--content", "kv-like", "--head-dim", "1024")
    with open(store.path / "config.toml", "a") as file:
        file.write(f'[mount]\nhot = "{tmp_path / "hot"}"\n')
    page = mount(store, "hot=memory").path / "snap" / digest / "pages" / "0000"
    assert page.read_bytes() and not (tmp_path / "hot").exists()


def test_a_broken_file_stops_a_mount_and_a_command_but_not_doctor(store, tmp_path):
    config = user_file(tmp_path, "[mount]\nthreats = 3\n")
    (tmp_path / "mnt").mkdir()
    refused = run(MOUNT, "-f", store.path, tmp_path / "mnt", XDG_CONFIG_HOME=config)
    assert refused.returncode != 0
    for result in (refused, run(PFCACHE, "list", XDG_CONFIG_HOME=config)):
        assert "config.toml: line 2: unknown key 'mount.threats'; did you mean 'mount.threads'?" in result.stderr
    doctor = run(PFCACHE, "--store", store.path, "doctor", XDG_CONFIG_HOME=config)
    assert doctor.returncode == 1 and "problem  configuration: " in doctor.stdout
    assert f"ok       store: {store.path}, profile auto" in doctor.stdout
    assert run(MOUNT, "--help", XDG_CONFIG_HOME=config).returncode == 0


def test_doctor_tells_of_a_variable_that_nobody_reads(store):
    told = run(PFCACHE, "--store", store.path, "doctor", PFCACHE_GC_GRASE="2h", PFCACHE_GC_WAIT="1s").stdout
    assert "unknown variable 'PFCACHE_GC_GRASE'; did you mean 'PFCACHE_GC_GRACE'?" in told and "GC_WAIT" not in told
