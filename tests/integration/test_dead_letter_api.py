"""Dead letters in the API of a running engine: pages, filters, retries, edits and exports, on every store."""

import json
import os
import signal
import socket
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest
from support.api import Api, description, mistakes, resolved
from support.servers import Redis, wait_until
from support.stores import Rsmq, Sqlite, declared
from support.volleyd import Volleyd, volley

# Refuses every third message until a file named "mended" is there.
PICKY = """
import json, os, sys
for line in sys.stdin:
    m = json.loads(line)
    if m["body"]["seq"] % 3 == 0 and not os.path.exists("mended"):
        print(json.dumps({"id": m["id"], "fail": "seq is a \\x1b[31mmultiple\\nof three"}), flush=True)
    else:
        print(json.dumps({"id": m["id"], "outputs": [{"body": m["body"]}]}), flush=True)
"""


def started(store, tmp_path, count=30, operations='listen: "127.0.0.1:0"', more=""):
    """Runs until every third message is a dead letter."""
    (tmp_path / "picky.py").write_text(PICKY)
    queues = "".join(declared(store, queue, serializer="json") for queue in ("in", "out", "dead"))
    bodies = [json.dumps({"seq": n, "parity": {"odd": n % 2}}) for n in range(count)]
    store.put("in", bodies, [f"k{n % 4}" for n in range(count)])
    volleyd = Volleyd(tmp_path, f"queues:\n{queues}{more}components:\n"
                      f"  - {{name: move, input: in, outputs: [out], handler: {{exec: ['{sys.executable}', picky.py]}}, dead_letter_queue: dead}}\n"
                      f"operations: {{{operations}}}\n").wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_settled_total") == count, "all are settled")
    return volleyd


def query(**parameters):
    pairs = [(name, value) for name, values in parameters.items() for value in (values if isinstance(values, list) else [values])]
    return "?" + urllib.parse.urlencode(pairs) if pairs else ""


class Letters:
    """Requests whose answers are all as the description has them."""

    def __init__(self, volleyd, token=None):
        self.api = Api(volleyd, token)

    def ask(self, method, path, wanted=200, body=None, described=None, **parameters):
        status, answer = self.api.ask(method, "/api/v1/" + path + query(**parameters), body=body)
        assert status == wanted, (status, answer)
        responses = description()["paths"]["/api/v1/" + (described or path)][method.lower()]["responses"]
        assert str(status) in responses, (path, status, answer)
        assert mistakes(answer, resolved(responses[str(status)])["content"]["application/json"]["schema"]) == []
        return answer

    def page(self, **parameters):
        return self.ask("GET", "dead_letters", **parameters)

    def all(self, **parameters):
        found, cursor = [], None
        while True:
            page = self.page(**parameters, **({"cursor": cursor} if cursor else {}))
            found += page["letters"]
            cursor = page["next"]
            if cursor is None:
                return found

    def show(self, id, wanted=200):
        return self.ask("GET", "dead_letters/" + urllib.parse.quote(id, safe=""), wanted, described="dead_letters/{id}")

    def post(self, what, wanted=200, **parameters):
        return self.ask("POST", "dead_letters/" + what, wanted, **parameters)


def test_letters_are_paged_filtered_shown_and_come_through_when_the_handler_is_mended(store, tmp_path):
    volleyd = started(store, tmp_path)
    letters = Letters(volleyd)
    listed = letters.all(limit=6)
    assert len(listed) == 10 and len({row["id"] for row in listed}) == 10
    assert {(row["component"], row["reason"], row["attempts"]) for row in listed} == {("move", "handler_fail", 1)}
    assert all(row["failed_at"] and row["error"].startswith("seq is a") and '"seq"' in row["excerpt"] for row in listed)
    groups = letters.ask("GET", "dead_letter_reasons")
    assert [(group["reason"], group["count"]) for group in groups["groups"]] == [("handler_fail", 10)] and groups["next"] is None

    shown = letters.show(listed[0]["id"])
    assert shown["verdict"]["reason"] == "handler_fail" and json.loads(shown["body"])["seq"] % 3 == 0
    cli = volley(tmp_path, "dlq", "show", listed[0]["id"], "--json")
    assert json.loads(cli.stdout) == {name: value for name, value in shown.items() if name != "body_bytes"}
    status, exported = letters.api.ask("GET", "/api/v1/dead_letter_export")
    assert status == 200
    assert exported == volley(tmp_path, "dlq", "export").stdout

    # While the handler still fails, what comes back is not sent in circles.
    outcome = letters.post("retry_all", count=1000)
    assert (outcome["done"], outcome["failed"]) == (10, 0)
    ids = [row["id"] for row in wait_until(lambda: (lambda found: found if len(found) == 10 else None)(letters.all()), "they have failed again")]
    (tmp_path / "mended").touch()
    assert letters.post("retry", id=ids[:2])["done"] == 2
    assert letters.post("delete", id=ids[2])["done"] == 1
    assert letters.post("delete_all", count=2)["done"] == 2
    assert letters.post("retry_all", count=1000)["done"] == 5
    wait_until(lambda: len(store.take("out")) == 27, "the rest came through")
    assert letters.all() == []
    assert volleyd.stop() == 0, volleyd.log


@pytest.fixture
def sqlite(tmp_path):
    return Sqlite(tmp_path)


def test_letters_are_filtered(sqlite, tmp_path):
    volleyd = started(sqlite, tmp_path, 12)
    letters = Letters(volleyd)
    assert len(letters.all(limit=1)) == len(letters.all(component="move", reason="handler_fail", since="1h", before="2100-01-01T00:00:00Z")) == 4
    assert [json.loads(row["excerpt"])["seq"] for row in letters.all(match=["/parity/odd=1", "/seq=9"])] == [9]
    for none in ({"reason": "schema"}, {"since": "1ms"}, {"before": "1h"}, {"component": "other"}, {"match": "/none=1"}):
        assert letters.all(**none) == [] and letters.ask("GET", "dead_letter_reasons", **none)["groups"] == []
        assert letters.post("delete_all", count=9, **none)["done"] == 0
    # A cursor whose letter is gone begins anew, so that nothing is missed.
    page = letters.page(limit=2)
    assert letters.post("delete", id=page["letters"][1]["id"])["done"] == 1
    assert [row["id"] for row in letters.page(cursor=page["next"])["letters"]] == [row["id"] for row in letters.all()]
    page = letters.page(limit=2)
    assert letters.post("delete", id=page["letters"][0]["id"])["done"] == 1
    assert [row["id"] for row in letters.page(cursor=page["next"])["letters"]] == [letters.all()[-1]["id"]]
    assert volleyd.stop() == 0, volleyd.log


def test_a_letter_is_edited_and_sent_again(sqlite, tmp_path):
    volleyd = started(sqlite, tmp_path, 7)
    letters = Letters(volleyd)
    first, second, third = (row["id"] for row in letters.all())
    assert letters.post("edit", id=first, body=b'{"seq": 1, "changed": "\xc3\xa4"}')["done"] == 1
    wait_until(lambda: any("changed" in body for body in sqlite.take("out")), "it came through")
    assert "no" in letters.post("edit", 409, id=second, body=b'{"no": json')["error"]
    assert letters.post("edit", id=second, body=b'{"seq": 3}', to="out")["done"] == 1
    assert letters.post("retry", id=third, to="out")["done"] == 1
    assert {'{"seq": 3}'} <= set(sqlite.take("out"))
    for wanted, id in ((404, first), (404, "nothing")):
        letters.post("edit", wanted, id=id, body=b"{}")
    assert "a body" in letters.post("edit", 400, id=third)["error"]
    big = b"x" * ((1 << 20) + 1)
    assert "over 1 MiB" in letters.post("edit", 413, id=third, body=big)["error"]
    # The second request asks for a queue that there is not, before its body is read.
    letters.post("edit", 404, id=third, to="nowhere", body=b"{}")
    assert volleyd.stop() == 0, volleyd.log
    audits = [line for line in volleyd.lines if "request=" in line and "is carried out" in line]
    assert "about=\"dead: id" in audits[0] and "by=local" in audits[0] and "from=127.0.0.1:" in audits[0]


def test_what_cannot_be_done_is_said(sqlite, tmp_path):
    more = "".join(declared(sqlite, queue) for queue in ("second", "rest"))
    volleyd = started(sqlite, tmp_path, 4, more=more)
    letters = Letters(volleyd)
    letters.page(wanted=404, queue="in")
    letters.show("nothing", 404)
    for wrong in ({"limit": 0}, {"limit": 201}, {"limit": "x"}, {"since": "yesterday"}, {"before": ""}, {"match": "customer=1"}, {"cursor": "x"}):
        letters.page(wanted=400, **wrong)
    for path, wrong in (("retry", {}), ("retry_all", {}), ("retry_all", {"count": 0}), ("delete_all", {"count": "all"}), ("delete", {"id": [str(n) for n in range(101)]})):
        letters.post(path, 400, **wrong)
    letters.post("retry_all", 404, count=1, to="nowhere")
    # One that no engine put there does not say where it is from.
    sqlite.put("dead", ['{"seq": 0}'], ["a"])
    stranger = next(row["id"] for row in letters.all() if row["reason"] is None)
    assert "name one with to" in letters.post("retry", 409, id=stranger)["error"]
    outcome = letters.post("retry_all", count=10)
    assert outcome["failed"] == 1 and outcome["failures"][0]["id"] == stranger
    for method, path, allowed in (("POST", "dead_letters", "GET, HEAD"), ("PUT", "dead_letters/retry", "POST"), ("POST", "dead_letters/1", "GET, HEAD"),
                                  ("PUT", "dead_letter_export", "GET"), ("DELETE", "dead_letter_reasons", "GET, HEAD")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(letters.api.base + "/api/v1/" + path, method=method), timeout=10)
        assert (refused.value.code, refused.value.headers["Allow"]) == (405, allowed), path
    with urllib.request.urlopen(urllib.request.Request(letters.api.base + "/api/v1/dead_letters", method="HEAD"), timeout=10) as answer:
        assert answer.status == 200 and int(answer.headers["Content-Length"]) > 0 and answer.read() == b""
    # With two dead-letter queues one has to be named; a reload is seen.
    volleyd.config.write_text(volleyd.config.read_text().replace(
        "operations:", "  - {name: other, input: second, outputs: [rest], handler: forward, dead_letter_queue: rest}\noperations:").replace("outputs: [rest]", "outputs: [out]"))
    number = letters.api.post("reload")["number"]
    wait_until(lambda: (lambda r: r["number"] >= number and r["state"] == "applied")(letters.api.get("status")["reload"]), "it is applied")
    assert "of dead, rest" in letters.page(wanted=400)["error"]
    assert letters.page(queue="rest")["letters"] == [] and letters.page(queue="dead")["letters"]
    assert volleyd.stop() == 0, volleyd.log


def test_browsing_takes_nothing_from_a_running_consumer(sqlite, tmp_path):
    """A component reads the dead-letter queue while a client lists it: each message is received once, and none is missed."""
    store = sqlite
    queues = "".join(declared(store, queue, serializer="json") for queue in ("in", "dead", "repaired"))
    (tmp_path / "no.py").write_text('import json, sys\nfor line in sys.stdin: print(json.dumps({"id": json.loads(line)["id"], '
                                    '"fail": "no"}), flush=True)\n')
    volleyd = Volleyd(tmp_path, f"queues:\n{queues}components:\n"
                      f"  - {{name: move, input: in, handler: {{exec: ['{sys.executable}', no.py]}}, dead_letter_queue: dead}}\n"
                      "  - {name: repair, input: dead, outputs: [repaired], handler: forward}\n"
                      'operations: {listen: "127.0.0.1:0"}\n').wait_ready()
    letters = Letters(volleyd)
    store.put("in", [json.dumps({"seq": n}) for n in range(60)], ["a"] * 60)
    while volleyd.metric("volley_messages_settled_total", component="repair", outcome="ok") < 60:
        letters.page()
    assert volleyd.metric("volley_messages_received_total", component="repair") == 60
    assert volleyd.metric("volley_messages_redelivered_total") == 0 and len(store.take("repaired")) == 60
    assert volleyd.stop() == 0, volleyd.log


def test_a_store_that_hangs_blocks_neither_probes_nor_messages_nor_the_end(tmp_path):
    """The server of the dead letters is stopped in the middle, as behind a network that loses everything."""
    redis, store = Redis(tmp_path).start(), Sqlite(tmp_path)
    queues = "".join(declared(store, queue) for queue in ("in", "out"))
    volleyd = Volleyd(tmp_path, f"queues:\n{queues}{declared(Rsmq(redis), 'dead')}components:\n"
                      "  - {name: move, input: in, outputs: [out], handler: forward, dead_letter_queue: dead}\n"
                      'operations: {listen: "127.0.0.1:0"}\nshutdown_timeout: 5s\n').wait_ready()
    try:
        assert Letters(volleyd).page()["letters"] == []
        os.kill(redis.process.pid, signal.SIGSTOP)
        host, port = volleyd.address.split(":")
        clients = []
        for _ in range(40):
            client = socket.create_connection((host, int(port)), timeout=10)
            client.sendall(b"GET /api/v1/dead_letters HTTP/1.1\r\nHost: localhost\r\n\r\n")
            clients.append(client)
        # One is being worked on and some wait; the others are told so at once.
        assert any(client.recv(12) == b"HTTP/1.1 503" for client in clients[-1:])
        store.put("in", ['{"n": 1}'], ["a"])
        wait_until(lambda: store.take("out"), "the message goes through")
        assert volleyd.get("/healthz")[0] == 200 and "volley_ready" in volleyd.get("/metrics")[1]
        assert Api(volleyd).get("components")
        assert volleyd.stop(timeout=30) in (0, 75), volleyd.log
        for client in clients:
            client.close()
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)
        redis.stop()


def test_a_token_is_needed_and_pages_of_other_sites_are_refused(sqlite, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    volleyd = started(sqlite, tmp_path, 4, operations='listen: "0.0.0.0:0", token: "${file:token}"')
    stranger, friend = Letters(volleyd), Letters(volleyd, "s3cret")
    stranger.page(wanted=401)
    stranger.post("delete_all", 401, count=1)
    stranger.post("edit", 401, id="1", body=b"{}")
    assert friend.api.ask("POST", "/api/v1/dead_letters/delete_all?count=1", {"Origin": "http://stranger.example"})[0] == 403
    assert len(friend.all()) == 2
    assert friend.post("delete_all", count=1)["done"] == 1
    wait_until(lambda: "by=token" in volleyd.log and 'about="dead: at most 1' in volleyd.log, "the request is in the log")
    assert volleyd.stop() == 0, volleyd.log
    assert "s3cret" not in volleyd.log


def test_slow_and_broken_clients_leave_the_others_alone(sqlite, tmp_path):
    volleyd = started(sqlite, tmp_path, 4)
    host, port = volleyd.address.split(":")
    letters = Letters(volleyd)
    id = letters.all()[0]["id"]
    clients = []
    for head in (f"POST /api/v1/dead_letters/edit?id={id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc", "GET /api/v1/dead_letters HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 "GET /api/v1/dead_letter_export HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        for _ in range(40):
            client = socket.create_connection((host, int(port)), timeout=10)
            client.sendall(head.encode())
            clients.append(client)
    assert volleyd.get("/healthz") == (200, "ok\n") and volleyd.get("/readyz")[0] == 200
    assert "volley_ready" in volleyd.get("/metrics")[1]
    for client in clients:
        client.close()
    assert len(letters.all()) == 2, "half an edit changes nothing"
    # A length that is none, too much, or sent in pieces.
    for headers in ("Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 0", "Transfer-Encoding: chunked"):
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"POST /api/v1/dead_letters/edit?id={id} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode())
            assert client.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 411", b"HTTP/1.1 413"), headers
    assert volleyd.stop(timeout=20) == 0, volleyd.log


def test_many_letters_are_worked_off_in_parts_while_messages_flow(sqlite, tmp_path):
    """Reads and writes at the same time, from several clients."""
    volleyd = started(sqlite, tmp_path, 3)
    letters = Letters(volleyd)
    total = 1000
    with sqlite.connect() as connection:
        (headers,) = connection.execute("SELECT headers FROM volley_messages WHERE queue = 'dead'").fetchone()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO volley_messages (queue, body, headers) VALUES ('dead', ?, ?)",
                               [(json.dumps({"seq": 1, "n": n}), headers) for n in range(total)])
        connection.execute("COMMIT")
    failures, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            try:
                assert letters.ask("GET", "dead_letter_reasons")["next"] is None
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    exported = letters.api.ask("GET", "/api/v1/dead_letter_export")[1].splitlines()
    assert len(exported) == total + 1 and len({json.loads(line)["id"] for line in exported}) == total + 1
    done, more = 0, {}
    while done < total:
        outcome = letters.post("retry_all", count=total - done, match="/seq=1", **more)
        assert outcome["failed"] == 0 and outcome["error"] is None
        done += outcome["done"]
        more = {"before": outcome["before"], **({"cursor": outcome["next"]} if outcome["next"] else {})}
    ended.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert len(letters.all()) == 1
    wait_until(lambda: len(set(sqlite.take("out"))) == total + 2, "all came through")
    assert volleyd.stop() == 0, volleyd.log
