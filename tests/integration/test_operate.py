"""`volley status|why|pause|resume|reload|drain|log|health` against a running engine, and against none."""

import json
import os
import subprocess

import pytest
from support.api import mistakes
from support.servers import free_port, wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEY, Volleyd, volley


def config(store, port, app="shop", more="", token=""):
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out"))
    return (f"app: {app}\nqueues:\n{queues}components:\n  - {{name: move, input: in, outputs: [out], handler: forward{more}}}\n"
            f"operations: {{listen: \"127.0.0.1:{port}\"{token}}}\nshutdown_timeout: 2s\n")


@pytest.fixture
def shop(tmp_path):
    """A running engine, whose configuration says where it is."""
    store = Sqlite(tmp_path)
    port = free_port()
    running = Volleyd(tmp_path, config(store, port)).wait_ready()
    running.store, running.port = store, port
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, running.log


def test_status_and_why_of_a_running_engine(shop, tmp_path):
    shop.store.put("in", ['{"n": 1}', '{"n": 2}'], ["a", "a"])
    wait_until(lambda: len(shop.store.take("out")) == 2, "it has moved them")
    shown = volley(tmp_path, "status")
    assert (shown.returncode, shown.stderr) == (0, "")
    first, head, row = shown.stdout.splitlines()
    assert first.startswith("shop: running for ") and f"http://127.0.0.1:{shop.port}" in first
    assert head.split() == "COMPONENT STATE IN/S DONE/S FAILED/S IN FLIGHT BUSY WAITING INPUT".split()
    assert row.startswith("move") and "ready" in row and "in (sqlite)" in row and "\x1b" not in shown.stdout
    whole = json.loads(volley(tmp_path, "status", "--json").stdout)
    assert mistakes(whole["components"], {"type": "object", "properties": {"components": {
        "type": "array", "items": {"$ref": "#/components/schemas/Component"}}}}) == []
    assert whole["components"]["components"][0]["counters"]["done"] == 2
    why = volley(tmp_path, "why")
    assert (why.returncode, why.stdout) == (0, "nothing stands still: all components are ready\n")


def test_pause_is_seen_and_resume_ends_it(shop, tmp_path):
    assert volley(tmp_path, "pause", "move").stdout == "move is paused\n"
    wait_until(lambda: volley(tmp_path, "why").returncode == 1, "why names it")
    assert volley(tmp_path, "why").stdout.startswith("move: paused by an operator")
    assert "why move: paused by an operator" in volley(tmp_path, "status").stdout
    assert volley(tmp_path, "health").returncode == 0
    not_ready = volley(tmp_path, "health", "--ready")
    assert not_ready.returncode == 69 and "move: paused" in not_ready.stdout
    assert json.loads(volley(tmp_path, "resume", "--all", "--json").stdout) == {"paused": False}
    wait_until(lambda: volley(tmp_path, "health", "--ready").returncode == 0, "it is ready")
    assert volley(tmp_path, "pause").returncode == 64
    wrong = volley(tmp_path, "pause", "mvoe")
    assert (wrong.returncode, wrong.stdout) == (64, "") and 'no component "mvoe"' in wrong.stderr


def test_reload_waits_for_the_verdict(shop, tmp_path):
    shop.config.write_text(config(shop.store, shop.port, more=", max_in_flight: 1000"))
    done = volley(tmp_path, "reload")
    assert (done.returncode, done.stdout) == (0, "applied: 1 of 1 components were started\n"), done.stderr
    shop.config.write_text(config(shop.store, shop.port, more=", max_in_fligth: 1000"))
    refused = volley(tmp_path, "reload")
    assert refused.returncode == 78 and "max_in_flight" in refused.stderr and "\x1b" not in refused.stderr
    assert volley(tmp_path, "status").returncode == 0, "a file with mistakes still says where the engine is"


def test_the_log_level_and_the_end(shop, tmp_path):
    assert volley(tmp_path, "log", "debug", "--for", "10m").stdout == "the log level is debug for 10m\n"
    assert "log level debug" in volley(tmp_path, "status").stdout
    assert volley(tmp_path, "log", "loud").returncode == 64
    assert volley(tmp_path, "log", "debug", "--for", "ever").returncode == 64
    assert volley(tmp_path, "drain").returncode == 0
    assert shop.wait(30) == 0, shop.log


def test_workers_and_rate_are_limited_for_a_time(shop, tmp_path):
    assert volley(tmp_path, "workers", "move", "1", "--for", "10m").stdout == "of move 1 workers get messages for 10m\n"
    assert json.loads(volley(tmp_path, "workers", "move", "all", "--json").stdout) == {"workers": None}
    too_many = volley(tmp_path, "workers", "move", "2")
    assert too_many.returncode == 64 and "has 1 workers" in too_many.stderr
    assert volley(tmp_path, "rate", "move", "100").stdout == "move fetches at most 100 messages a second\n"
    component = json.loads(volley(tmp_path, "status", "--json").stdout)["components"]["components"][0]
    assert (component["rate_limit"], component["rate_limit_until"]) == (100, None)
    assert "of 100" in volley(tmp_path, "top").stdout
    assert volley(tmp_path, "rate", "move", "off").stdout == "the rate of move is not limited\n"
    for wrong in (["rate", "move", "0"], ["rate", "mvoe", "1"], ["rate", "move"], ["workers", "move", "x"], ["rate", "move", "1", "--for", "ever"]):
        assert volley(tmp_path, *wrong).returncode == 64, wrong


def test_an_engine_that_is_not_there_is_said_in_a_sentence(tmp_path):
    port = free_port()
    (tmp_path / "volley.yml").write_text(config(Sqlite(tmp_path), port))
    for command in (["status"], ["why"], ["health"], ["health", "--ready"], ["reload"], ["drain"], ["pause", "move"], ["log", "info"]):
        result = volley(tmp_path, *command)
        assert (result.returncode, result.stdout) == (69, ""), command
        assert f"no engine answers on 127.0.0.1:{port}" in result.stderr and result.stderr.count("\n") == 1
    (tmp_path / "volley.yml").write_text(config(Sqlite(tmp_path), 0))
    chosen = volley(tmp_path, "status")
    assert chosen.returncode == 78 and "--address" in chosen.stderr


def test_another_engine_is_not_taken_for_this_one(shop, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "volley.yml").write_text(config(shop.store, shop.port, app="bakery"))
    mixed_up = volley(other, "drain")
    assert mixed_up.returncode == 69 and '"shop", not "bakery"' in mixed_up.stderr
    assert shop.process.poll() is None
    assert volley(other, "status", "--address", shop.address).returncode == 0


def test_the_configuration_is_found_by_its_variable_and_the_token_is_taken_from_it(tmp_path):
    port = free_port()
    guarded = Volleyd(tmp_path, config(Sqlite(tmp_path), port, token=", token: s3cret")).wait_ready()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    def ask(**more):
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("VOLLEY_")}, **more}
        return subprocess.run([str(VOLLEY), "status"], capture_output=True, text=True, cwd=elsewhere, env=environment, timeout=60)
    assert ask(VOLLEY_CONFIG=str(tmp_path / "volley.yml")).returncode == 0
    assert ask(VOLLEY_ADDRESS=guarded.address, VOLLEY_TOKEN="s3cret").returncode == 0
    refused = ask(VOLLEY_ADDRESS=guarded.address, VOLLEY_TOKEN="wrong")
    assert refused.returncode == 77 and "operations.token" in refused.stderr
    assert ask().returncode == 78
    assert guarded.stop() == 0
