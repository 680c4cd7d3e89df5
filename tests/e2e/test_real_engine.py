"""The real llama.cpp engine saves a session; pfcache captures and restores it; the engine goes on with the same tokens."""

import json
import os
import shutil
import subprocess

import pytest

from conftest import REPO

SCRIPTS = REPO / "tests" / "e2e" / "engine"
PACKAGES = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"]
# Outlives a test run: the engine is 100 MB.
ENGINE_DIR = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "pfcache-test-engine")


@pytest.fixture(scope="module")
def engine():
    """Runs session.mjs with the engine that npm has, and returns its record."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("needs node and npm for the real engine")
    if not os.path.exists(os.path.join(ENGINE_DIR, "node_modules", "node-llama-cpp")):
        os.makedirs(ENGINE_DIR, exist_ok=True)
        command = ["npm", "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", *PACKAGES]
        installed = subprocess.run(command, cwd=ENGINE_DIR, capture_output=True, text=True, timeout=600)
        if installed.returncode != 0:
            pytest.skip(f"npm can't install the engine here: {installed.stderr[-300:]}")
    script = os.path.join(ENGINE_DIR, "session.mjs")  # beside node_modules, where its imports are looked up
    shutil.copy(SCRIPTS / "session.mjs", script)

    def run(model, mode, state, tokens):
        command = ["node", script, str(model), mode, str(state), str(tokens)]
        # The engine is no part of what the sanitizers watch.
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout.strip().splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    make = ["/usr/bin/python3", SCRIPTS / "make_tiny_model.py", path, "4", "256", "4", "2", "8192"]
    subprocess.run([str(arg) for arg in make], check=True, timeout=120)
    return path


def test_a_session_goes_on_with_the_same_tokens_after_capture_and_restore(engine, model, store, tmp_path):
    saved = tmp_path / "session.bin"
    before = engine(model, "save", saved, 300)
    snapshot = store.capture(saved, "--name", "session")
    original = saved.read_bytes()
    saved.unlink()
    store.run("restore", "session", saved)
    assert saved.read_bytes() == original
    after = engine(model, "load", saved, 300)
    assert after["next"] == before["next"]
    assert len(before["next"]) > 0
    assert store.json("show", "session")["snapshot"] == snapshot


def test_a_growing_conversation_is_stored_once(engine, model, store, tmp_path):
    for tokens in (200, 400, 600):
        engine(model, "save", tmp_path / f"s{tokens}.bin", tokens)
        store.capture(tmp_path / f"s{tokens}.bin")
    stats = store.json("stats")
    assert stats["logical_bytes"] > 1.8 * stats["unique_bytes"]


