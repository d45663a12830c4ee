"""`volley tap`: messages of a running engine as they pass, for whoever watches, and at no cost for the messages."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from support.api import Api, mistakes
from support.servers import wait_until
from support.stores import Sqlite, declared
from support.volleyd import VOLLEY, Volleyd, volley

# Fails for good where seq is 3.
HANDLER = """
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    answer = {"fail": "no"} if m["body"]["seq"] == 3 else {"outputs": [{"body": m["body"]}]}
    print(json.dumps({"id": m["id"], **answer}), flush=True)
"""


def config(store, more=""):
    queues = "".join(declared(store, queue, serializer="json") for queue in ("in", "out", "dead"))
    return (f"app: shop\nqueues:\n{queues}components:\n"
            f"  - {{name: move, input: in, outputs: [out], handler: {{exec: ['{sys.executable}', handler.py]}}, dead_letter_queue: dead{more}}}\n"
            'operations: {listen: "127.0.0.1:0", token: "s3cret-t0ken"}\n')


@pytest.fixture
def store(tmp_path):
    return Sqlite(tmp_path)


@pytest.fixture
def volleyd(tmp_path, store):
    (tmp_path / "handler.py").write_text(HANDLER)
    running = Volleyd(tmp_path, config(store)).wait_ready()
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, running.log


def api(volleyd):
    return Api(volleyd, "s3cret-t0ken")


class Tap:
    """The command, which watches when this returns."""

    def __init__(self, volleyd, *options):
        seen = volleyd.log.count("request=tap")
        self.process = subprocess.Popen([VOLLEY, "--config", volleyd.config, "tap", "move", "--address", volleyd.address, *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=volleyd.config.parent)
        wait_until(lambda: volleyd.log.count("request=tap") > seen, "it watches")

    def end(self, number=None):
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def watch(volleyd):
    """A connection that reads nothing more, and the status of its answer."""
    host, port = volleyd.address.split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    client.connect((host, int(port)))
    client.settimeout(30)
    client.sendall(b"GET /api/v1/components/move/tap?per_second=100 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret-t0ken\r\n\r\n")
    return client, int(client.recv(12).split()[1])


def put(store, *bodies):
    store.put("in", [json.dumps(body) for body in bodies], ["k"] * len(bodies))


def test_messages_are_shown_in_and_out_with_secrets_masked(volleyd, store):
    tap = Tap(volleyd, "--json", "--count", "6", "--rate", "100")
    put(store, {"seq": 1, "password": "hunter22"}, {"seq": 2, "note": "s3cret-t0ken \x1b[31m\n"}, {"seq": 3})
    code, out, err = tap.end()
    assert code == 0, err
    messages = [json.loads(line) for line in out.splitlines()]
    for message in messages:
        assert mistakes(message, {"$ref": "#/components/schemas/Tapped/properties/messages/items"}) == []
    assert sorted((m["direction"], m["queue"], json.loads(m["body"])["seq"]) for m in messages) == [
        ("dead", "dead", 3), ("in", "in", 1), ("in", "in", 2), ("in", "in", 3), ("out", "out", 1), ("out", "out", 2)]
    assert {m["key"] for m in messages if m["direction"] == "in"} == {"k"}
    assert "hunter22" not in out and "s3cret" not in out and "***" in out
    dead = next(m for m in messages if m["direction"] == "dead")
    assert {"name": "volley-reason", "value": "handler_fail"} in dead["headers"]
    assert "6 shown of 6 messages; 0 left out by --rate and --every, 0 dropped" in err
    assert len(store.take("out")) == 2, "the messages themselves are not masked"


def test_a_line_a_message_that_cannot_drive_the_terminal(volleyd, store):
    tap = Tap(volleyd, "--only", "in")
    with store.connect() as connection:
        connection.execute("INSERT INTO volley_messages (queue, key, body, headers) VALUES ('in', 'a\n\x1b]0;title\x07', ?, ?)",
                           ('{"seq": 1, "s": "\x7f\u009b31m"}', json.dumps([["na\x1bme", "va\nlue"]])))
    wait_until(lambda: api(volleyd).component("move")["counters"]["received"] == 1, "it is received")
    put(store, {"seq": 2})
    wait_until(lambda: api(volleyd).component("move")["counters"]["done"] == 2, "both are done")
    api(volleyd).events(3)  # as often as the stream has had its turn
    code, out, err = tap.end(signal.SIGINT)
    assert code == 0, err
    assert len(out.splitlines()) == 2 and not set(out) & set("\x1b\x07\x7f\u009b"), out
    assert " in " in out and " key=k " in out and '{"seq": 2}' in out


def test_one_of_many_and_one_client_at_a_time(volleyd, store):
    tap = Tap(volleyd, "--json", "--every", "10", "--only", "out")
    second = volley(volleyd.config.parent, "tap", "move", "--address", volleyd.address)
    assert second.returncode == 64 and "another client watches this component" in second.stderr
    put(store, *[{"seq": 10 + n} for n in range(100)])
    wait_until(lambda: api(volleyd).component("move")["counters"]["done"] == 100, "all are done")
    api(volleyd).events(3)
    code, out, err = tap.end(signal.SIGTERM)
    assert code == 0 and len(out.splitlines()) == 10 and "90 left out" in err, err
    wait_until(lambda: watch(volleyd)[1] == 200, "the next one may watch")
    for path, wanted in (("nowhere/tap", 404), ("move/tap?per_second=0", 400), ("move/tap?per_second=101", 400), ("move/tap?every=x", 400),
                         ("move/tap?only=both", 400)):
        assert api(volleyd).ask("GET", "/api/v1/components/" + path)[0] == wanted, path
    assert api(volleyd).ask("POST", "/api/v1/components/move/tap")[0] == 405
    assert Api(volleyd).ask("GET", "/api/v1/components/move/tap")[0] == 401
    assert volley(volleyd.config.parent, "tap", "nowhere", "--address", volleyd.address).returncode == 64


def test_it_goes_on_over_a_reload_and_says_when_the_engine_is_gone(volleyd, store):
    tap = Tap(volleyd, "--json")
    volleyd.config.write_text(config(store, ", max_in_flight: 1000"))
    number = api(volleyd).post("reload")["number"]
    wait_until(lambda: (lambda r: r["number"] >= number and r["state"] == "applied")(api(volleyd).get("status")["reload"]), "it is applied")
    api(volleyd).events(3)  # by now the stream has found the new component
    put(store, {"seq": 1})
    wait_until(lambda: api(volleyd).component("move")["counters"]["done"] == 1, "it is done")
    api(volleyd).events(3)
    assert volleyd.stop() == 0, volleyd.log
    code, out, err = tap.end()
    assert code == 69 and "Is volleyd running?" in err
    assert sorted(json.loads(line)["direction"] for line in out.splitlines()) == ["in", "out"]


def test_a_client_that_reads_nothing_delays_no_message_and_gives_its_place_up(volleyd, store):
    client, status = watch(volleyd)
    assert status == 200
    put(store, *[{"seq": 10 + n, "fill": "x" * 1500} for n in range(300)])
    wait_until(lambda: len(store.take("out")) == 300, "all go through")
    assert volleyd.get("/readyz")[0] == 200
    assert watch(volleyd)[1] == 409
    client.close()

    def is_free():
        client, status = watch(volleyd)
        client.close()
        return status == 200

    wait_until(is_free, "its place is free")
    assert volleyd.stop(timeout=30) == 0, volleyd.log
