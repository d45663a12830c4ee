"""volleyd --watch: what a developer changes is what runs, and a mistake on the way ends nothing."""

import sys

import pytest
from support.servers import wait_until
from support.stores import Sqlite, declared
from support.volleyd import Volleyd

HANDLER = """import json, sys
from words import word
for line in sys.stdin:
    message = json.loads(line)
    print(json.dumps({"id": message["id"], "outputs": [{"text": word() + "A"}]}), flush=True)
"""


@pytest.fixture
def store(tmp_path):
    return Sqlite(tmp_path)


def config(store, **settings):
    extra = "".join(f", {key}: {value}" for key, value in settings.items())
    return (f"app: watched\nqueues:\n{declared(store, 'in', reads=True)}{declared(store, 'out')}"
            f"components: [{{name: move, input: in, outputs: [out], handler: {{exec: [\"{sys.executable}\", ship.py]}}{extra}}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


@pytest.fixture
def volleyd(tmp_path, store):
    (tmp_path / "ship.py").write_text(HANDLER)
    (tmp_path / "words.py").write_text("def word(): return 'one '\n")
    return Volleyd(tmp_path, config(store), "--watch").wait_ready()


def expect(store, text):
    before = len(store.take("out"))
    store.put("in", ["{}"], ["k"])
    wait_until(lambda: len(store.take("out")) > before, "the message is handled")
    assert store.take("out")[-1] == text


def reloads(volleyd):
    return volleyd.log.count("reloaded ")


def replace(path, text):
    """As editors do."""
    path.with_suffix(".swp").write_text(text)
    path.with_suffix(".swp").rename(path)


def test_a_changed_handler_and_a_changed_module_beside_it_run_at_once(volleyd, store, tmp_path):
    expect(store, "one A")
    replace(tmp_path / "ship.py", HANDLER.replace('"A"', '"B"'))
    wait_until(lambda: reloads(volleyd) == 1, "the handler is restarted")
    expect(store, "one B")
    (tmp_path / "words.py").write_text("def word(): return 'another '\n")
    wait_until(lambda: reloads(volleyd) == 2, "the handler is restarted")
    expect(store, "another B")
    assert volleyd.stop() == 0, volleyd.log


def test_a_changed_configuration_is_applied_and_a_bad_one_is_not(volleyd, store):
    volleyd.config.write_text(config(store, wrokers=2))
    wait_until(lambda: "is not applied" in volleyd.log, "it refuses")
    assert 'did you mean "workers"' in volleyd.log
    expect(store, "one A")
    replace(volleyd.config, config(store, workers=2))
    wait_until(lambda: volleyd.metric("volley_workers", component="move") == 2, "it is applied")
    expect(store, "one A")
    assert volleyd.stop() == 0, volleyd.log


def test_without_watch_nothing_is_restarted(store, tmp_path):
    (tmp_path / "ship.py").write_text(HANDLER)
    (tmp_path / "words.py").write_text("def word(): return 'one '\n")
    volleyd = Volleyd(tmp_path, config(store)).wait_ready()
    expect(store, "one A")  # the program has been read
    (tmp_path / "ship.py").write_text(HANDLER.replace('"A"', '"B"'))
    for _ in range(5):
        expect(store, "one A")
    assert volleyd.stop() == 0 and reloads(volleyd) == 0
