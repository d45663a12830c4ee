"""A connector on the four methods of the SDK, and on what it has beside them, under the real volleyd and volley."""

import json

import pytest
from support.servers import wait_until
from support.volleyd import BUILD, Volleyd, volley

PLUGINS = BUILD / "tests" / "integration"


@pytest.fixture
def shelf(tmp_path):
    """The queue's directory, with three messages: one is no JSON."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, body in (("a", "1"), ("b", "{"), ("c", "[3]")):
        (folder / name).write_text(body)
    (tmp_path / "in.schema.json").write_text("{}")
    (tmp_path / "volley.yml").write_text(configuration("drop"))
    return folder


def configuration(on_fail):
    return (f"app: shelves\nplugin_dirs: ['{PLUGINS}']\nqueues:\n  in: {{type: shelf, serializer: json, schema: in.schema.json}}\n"
            f"  out: {{type: shelf}}\ncomponents: [{{name: move, input: in, outputs: [out], handler: forward, on_fail: {on_fail}}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_a_fault_in_consume_does_not_end_volleyd_and_what_failed_for_good_is_rejected(shelf, tmp_path):
    (shelf / ".broken").touch()
    volleyd = Volleyd(tmp_path, configuration("drop"))
    wait_until(lambda: "the shelf is broken" in volleyd.log, "the log has the text")
    assert volleyd.process.poll() is None
    (shelf / ".broken").unlink()
    out = tmp_path / "out"
    wait_until(lambda: not names(shelf) and not names(shelf / ".taken"), "everything is settled")
    assert volleyd.stop() == 0, volleyd.log
    assert [(out / name).read_text() for name in names(out)] == ["1", "[3]"]
    assert names(shelf / ".rejected") == ["b"]
    assert "b " in (shelf / ".failures").read_text() and "released" not in (shelf / ".failures").read_text()


def test_a_message_that_is_requeued_goes_back_as_failed(shelf, tmp_path):
    volleyd = Volleyd(tmp_path, configuration("requeue"))
    wait_until(lambda: (shelf / ".failures").exists(), "it was given back")
    assert volleyd.stop() == 0, volleyd.log
    assert (shelf / ".failures").read_text().splitlines()[0] == "b failed"
    assert names(shelf) == ["b"] and not names(shelf / ".taken")


def test_what_waits_can_be_seen_counted_found_and_removed(shelf, tmp_path):
    def said(*arguments):
        done = volley(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert said("peek", "in") == "1\n{\n[3]\n"
    assert said("peek", "in", "--count") == "3\n"
    assert json.loads(said("peek", "in", "--json").splitlines()[0]) == {"id": "a", "body": "1"}
    assert any(line.split()[:1] == ["in"] and "3" in line.split() for line in said("queues").splitlines())
    said("purge", "in", "--yes")
    assert names(shelf) == []
