"""The API of a running engine: it answers as docs/openapi.yaml says, and what it is asked for happens."""

import json
import re
import socket
import sys
import threading
import time

import pytest
from support.api import Api, description, mistakes, resolved
from support.servers import ROOT, free_port, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd, volley

ROUTES = [(method, path) for path, operations in description()["paths"].items() for method in operations]


def config(store, more="", operations='listen: "127.0.0.1:0"'):
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out", "dead"))
    return (f"app: shop\nqueues:\n{queues}components:\n"
            f"  - {{name: move, input: in, outputs: [out], dead_letter_queue: dead, handler: forward{more}}}\n"
            f"operations: {{{operations}}}\nshutdown_timeout: 2s\n")


@pytest.fixture
def store(tmp_path):
    return Sqlite(tmp_path)


@pytest.fixture
def volleyd(tmp_path, store):
    running = Volleyd(tmp_path, config(store)).wait_ready()
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, running.log


def check_answer(method, path, status, body):
    operation = description()["paths"][path][method]
    assert str(status) in operation["responses"], f"{method} {path} answered {status}, which is not described: {body}"
    content = resolved(operation["responses"][str(status)])["content"]
    assert "application/json" in content and mistakes(body, content["application/json"]["schema"]) == []


# test_dead_letter_api.py asks for dead letters.
@pytest.mark.parametrize("method, path", [route for route in ROUTES if not route[1].endswith(("drain", "events", "/tap")) and "dead_letter" not in route[1]])
def test_a_route_answers_as_it_is_described(method, path, volleyd):
    api = Api(volleyd)
    for name, more in (("move", "?level=info"), ("nowhere", "")):
        limit = {"/workers": "?count=1", "/rate": "?per_second=1000"}.get(path[path.rindex("/"):], "")
        status, body = api.ask(method.upper(), path.replace("{name}", name) + limit + (more if path.endswith("/log") else ""))
        check_answer(method, path, status, body)
        wanted = 404 if "{name}" in path and name == "nowhere" else 400 if (method, path[-4:], more) == ("post", "/log", "") else 200
        assert status == wanted or (status, wanted) == (202, 200)


def test_the_description_has_every_route_and_no_other():
    source = (ROOT / "engine" / "operations" / "api.cpp").read_text()
    reads = set(re.findall(r'"(\w+)"', re.search(r"reads\{(.*?)\}", source, re.S).group(1)))
    writes = set(re.findall(r'what == "(\w+)"', re.search(r"bool is_write\(.*?\n\}", source, re.S).group(0)))
    letters = (ROOT / "engine" / "operations" / "dead_letter_request.cpp").read_text()
    letter_reads, letter_writes = (set(re.findall(r'"(dead_letter\w*(?:/\w+)?)", LetterTask', re.search(rf"letter_{of}\{{(.*?)\}};", letters, re.S).group(1)))
                                   for of in ("reads", "writes"))
    described = {(method, path.removeprefix("/api/v1/")) for method, path in ROUTES}
    assert described == ({("get", read) for read in reads} | {("post", write) for write in writes} |
                         {("get", read) for read in letter_reads} | {("post", write) for write in letter_writes} |
                         {("get", "components/{name}"), ("get", "components/{name}/tap"), ("get", "dead_letters/{id}")} |
                         {("post", "components/{name}/" + write) for write in ("pause", "resume", "workers", "rate")})


def test_what_is_no_route_is_refused_in_json(volleyd):
    api = Api(volleyd)
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("POST", "/api/v1/status", 405), ("GET", "/api/v1/drain", 405),
                                 ("DELETE", "/api/v1/components/move", 405), ("PUT", "/api/v1/log", 405), ("GET", "/api/", 404)):
        got, body = api.ask(method, path)
        assert (got, mistakes(body, {"$ref": "#/components/schemas/Error"})) == (status, [])


def test_events_come_once_a_second_and_have_the_figures(volleyd, store):
    store.put("in", [json.dumps({"n": n}) for n in range(20)], ["a"] * 20)
    wait_until(lambda: Api(volleyd).component("move")["counters"]["done"] == 20, "all are done")
    events = Api(volleyd).events(3)
    for event in events:
        assert mistakes(event, {"$ref": "#/components/schemas/Event"}) == []
    assert events[-1]["components"][0]["counters"]["done"] == 20
    assert events[-1]["components"][0]["outputs"][0]["sent"] == 20
    queue = wait_until(lambda: Api(volleyd).events(2)[-1]["queues"][0]["asked_at"] and Api(volleyd).get("queues")["queues"][0],
                       "the store has been asked")
    assert queue["ready"] == 0


def test_a_paused_component_fetches_nothing_until_it_goes_on_and_stays_paused_over_a_reload(volleyd, store):
    api = Api(volleyd)
    assert api.post("components/move/pause") == {"paused": True}
    wait_until(lambda: api.component("move")["cause"] == "paused", "it says that it is paused")
    assert volleyd.get("/readyz")[0] == 503
    assert volleyd.metric("volley_queue_paused") == 1
    store.put("in", ['{"n": 1}'], ["a"])
    wait_until(lambda: api.get("queues")["queues"][0]["ready"] == 1, "the message waits")
    volleyd.config.write_text(config(store, ", max_in_flight: 1000"))
    number = api.post("reload")["number"]
    verdict = wait_until(lambda: (lambda r: r if r["number"] >= number and r["state"] == "applied" else None)(
        api.get("status")["reload"]), "the reload is applied")
    assert verdict["text"] == "1 of 1 components were started"
    assert api.component("move")["paused"] and api.component("move")["counters"]["received"] == 0
    assert api.post("components/move/resume") == {"paused": False}
    wait_until(lambda: store.take("out") == ['{"n": 1}'], "it goes on")
    wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready")
    audits = [line for line in volleyd.lines if "request=" in line]
    assert [re.search(r'request=(\w+)', line).group(1) for line in audits] == ["pause", "reload", "resume"]
    assert all("by=local" in line and "from=127.0.0.1:" in line for line in audits)
    assert "about=move" in audits[0]


def test_sends_that_fail_are_failures_per_second(tmp_path, store):
    store.put("in", [json.dumps({"n": n}) for n in range(20)], ["a"] * 20)
    volleyd = Volleyd(tmp_path, config(store).replace(f"out: {{type: sqlite, config: {store.config()}}}",
                                                      f'out: {{type: http, config: {{url: "http://127.0.0.1:{free_port()}/"}}}}'))
    wait_until(lambda: volleyd.address, "it listens")
    component = wait_until(lambda: (lambda c: c if c["per_second"]["failed"] > 0 else None)(Api(volleyd).component("move")),
                           "the rate of failures is there")
    assert component["outputs"][0]["failed"] > 0 and sum(component["failures"].values()) == 0
    wait_until(lambda: re.search(r"move +\S+ +\S+ +\S+ +(0\.[1-9]|[1-9])", volley(tmp_path, "status", "--address",
                                                                                  volleyd.address).stdout), "volley status shows it")
    volleyd.kill()


def test_a_reload_says_why_it_is_refused(volleyd, store):
    api = Api(volleyd)
    volleyd.config.write_text(config(store, ", wrokers: 2"))
    number = api.post("reload")["number"]
    verdict = wait_until(lambda: (lambda r: r if r["number"] >= number and r["state"] == "refused" else None)(
        api.get("status")["reload"]), "there is a verdict")
    assert "did you mean \"workers\"" in verdict["text"] or "workers" in verdict["text"]
    assert "\x1b" not in verdict["text"]
    assert volleyd.metric("volley_config_last_reload_successful") == 0
    assert volleyd.metric("volley_reloads_total", result="refused") == 1
    assert "shop" == api.get("status")["app"] and volleyd.get("/readyz")[0] == 200


def test_the_log_level_changes_and_comes_back(volleyd):
    api = Api(volleyd)
    api.post("log?level=error")
    assert api.get("status")["log"] == {"level": "error", "until": None}
    wait_until(lambda: 'request="log level"' in volleyd.log, "the request is in the log")
    api.post("log?level=debug&for=300ms")
    wait_until(lambda: api.get("status")["log"] == {"level": "info", "until": None}, "the configured level is back")


SLEEPER = """import os, sys, time
sys.path.insert(0, sys.argv[2])
from volley_handler import run
def handle(message, out):
    time.sleep(float(sys.argv[1]))
    out.send("out", {"process": os.getpid()})
run(handle)
"""


def slow(store, seconds, more=""):
    """A handler that takes so long for each message."""
    script = store.path.parent / "slow.py"
    script.write_text(SLEEPER)
    command = json.dumps([sys.executable, str(script), str(seconds), str(ROOT / "plugin_api" / "python")])
    return config(store).replace("handler: forward", f"handler: {{exec: {command}}}{more}")


def test_messages_in_flight_are_listed_with_their_worker_and_lease(tmp_path, store):
    volleyd = Volleyd(tmp_path, slow(store, 20, ", workers: 2, handler_timeout: 60s")).wait_ready()
    store.put("in", ['{"n": 1}', '{"n": 2}'], ["a", "b"])
    api = Api(volleyd)

    def running():
        status, body = api.ask("GET", "/api/v1/in_flight")
        check_answer("get", "/api/v1/in_flight", status, body)
        listed = [m for m in body["components"][0]["messages"] if m["state"] == "running"]
        return listed if len(listed) == 2 else None

    listed = wait_until(running, "both run")
    assert {m["worker"] for m in listed} == {0, 1} and {m["attempt"] for m in listed} == {1}
    assert all(m["lease_left_seconds"] > 0 and m["age_seconds"] >= 0 and m["message"] for m in listed)
    volleyd.process.kill()


def test_workers_can_be_limited_and_come_back(tmp_path, store):
    volleyd = Volleyd(tmp_path, slow(store, 0.05, ", workers: 4")).wait_ready()
    api = Api(volleyd)
    assert api.post("components/move/workers?count=1") == {"workers": 1}
    assert api.component("move")["workers_used"] == 1 and api.component("move")["workers_until"] is None
    store.put("in", [json.dumps({"n": n}) for n in range(12)], [f"k{n}" for n in range(12)])
    wait_until(lambda: api.component("move")["counters"]["done"] == 12, "all are done")
    assert len(set(store.take("out"))) == 1, "one worker did all of them"
    status, body = api.ask("POST", "/api/v1/components/move/workers?count=5")
    assert status == 409 and "has 4 workers" in body["error"]
    for wrong in ("count=0", "count=-1", "count=two", "", "count=2&for=never", "count=2&for=-1s"):
        assert api.ask("POST", "/api/v1/components/move/workers?" + wrong)[0] == 400, wrong
    assert api.post("components/move/workers?count=2&for=300ms") == {"workers": 2}
    wait_until(lambda: api.component("move")["workers_used"] == 4, "all get messages again")
    wait_until(lambda: "all workers get messages again" in volleyd.log, "it goes back")
    wait_until(lambda: re.search(r"request=workers .*about=\"move: 2 for 300ms\"", volleyd.log), "the request is in the log")
    assert volleyd.stop() == 0, volleyd.log


def test_a_rate_holds_and_is_kept_over_a_reload(volleyd, store):
    api = Api(volleyd)
    assert api.post("components/move/rate?per_second=1") == {"per_second": 1}
    volleyd.config.write_text(config(store, ", max_in_flight: 1000"))
    number = api.post("reload")["number"]
    wait_until(lambda: (lambda r: r["number"] >= number and r["state"] == "applied")(api.get("status")["reload"]), "it is applied")
    assert api.component("move")["rate_limit"] == 1
    began = time.monotonic()
    store.put("in", [json.dumps({"n": n}) for n in range(500)], ["a"] * 500)
    wait_until(lambda: api.component("move")["counters"]["received"] >= 2, "some are taken")
    # However slow the machine is: never more than the rate allows.
    received = api.component("move")["counters"]["received"]
    assert received <= 2 + (time.monotonic() - began)
    for wrong in ("per_second=0", "per_second=0.5", "per_second=fast", ""):
        assert api.ask("POST", "/api/v1/components/move/rate?" + wrong)[0] == 400, wrong
    assert api.post("components/move/rate?per_second=off") == {"per_second": None}
    wait_until(lambda: api.component("move")["counters"]["done"] == 500, "the rest goes through")
    assert api.component("move")["rate_limit"] is None and volleyd.get("/readyz")[0] == 200


def test_errors_are_kept_for_operators(volleyd, store):
    volleyd.config.write_text("nonsense")
    Api(volleyd).post("reload")
    lines = wait_until(lambda: Api(volleyd).get("log")["lines"], "there is a line")
    assert lines[-1]["level"] == "error" and "not applied" in lines[-1]["text"]


def test_drain_finishes_what_is_in_flight_and_ends(volleyd):
    status, body = Api(volleyd).ask("POST", "/api/v1/drain")
    check_answer("post", "/api/v1/drain", status, body)
    assert volleyd.wait(30) == 0, volleyd.log
    assert any("request=drain" in line for line in volleyd.lines)


def test_beyond_loopback_the_token_is_needed_and_the_probes_are_open(tmp_path, store):
    (tmp_path / "token").write_text("s3cret\n")
    volleyd = Volleyd(tmp_path, config(store, operations='listen: "0.0.0.0:0", token: "${file:token}"')).wait_ready()
    stranger, friend = Api(volleyd), Api(volleyd, "s3cret")
    for method, path in ROUTES:
        status, body = stranger.ask(method.upper(), path.replace("{name}", "move").replace("{id}", "1"))
        check_answer(method, path, status, body)
        assert status == 401, path
    assert [volleyd.get(path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
    assert friend.get("status")["ready"]
    assert "s3cret" not in json.dumps(friend.get("configuration"))
    assert friend.ask("POST", "/api/v1/drain", {"Origin": "http://stranger.example"})[0] == 403
    friend.post("components/move/pause")
    wait_until(lambda: "request=pause" in volleyd.log and "by=token" in volleyd.log, "the request is in the log")
    assert volleyd.stop() == 0, volleyd.log


def test_slow_readers_of_the_api_delay_neither_probes_nor_the_end(volleyd):
    host, port = volleyd.address.split(":")
    clients = []
    for number in range(400):
        client = socket.create_connection((host, int(port)), timeout=10)
        path = ("events", "components", "status", "configuration")[number % 4]
        client.sendall(f"GET /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())  # and reads nothing
        clients.append(client)
    assert volleyd.get("/healthz") == (200, "ok\n")
    assert volleyd.get("/readyz")[0] == 200
    assert "volley_ready" in volleyd.get("/metrics")[1]
    assert volleyd.stop(timeout=20) == 0, volleyd.log
    for client in clients:
        client.close()


def test_writes_and_reads_while_the_file_changes(volleyd, store):
    """Under ThreadSanitizer this finds what a reload and the API share without a lock."""
    api, ended, failures = Api(volleyd), threading.Event(), []

    def ask(method, path):
        while not ended.is_set():
            try:
                status, body = api.ask(method, path)
                if status not in (200, 404):  # a component that is being replaced is not there
                    failures.append((path, status, body))
            except OSError as error:
                failures.append((path, error))

    asked = [("GET", "/api/v1/status"), ("GET", "/api/v1/components"), ("GET", "/api/v1/configuration"),
             ("POST", "/api/v1/components/move/pause"), ("POST", "/api/v1/components/move/resume"),
             ("POST", "/api/v1/log?level=info&for=50ms"), ("GET", "/metrics")]
    threads = [threading.Thread(target=ask, args=one) for one in asked]
    for thread in threads:
        thread.start()
    for turn in range(1, 6):
        volleyd.config.write_text(config(store, f", max_in_flight: {1000 + turn}"))
        number = api.post("reload")["number"]
        wait_until(lambda: (lambda r: r["number"] >= number and r["state"] == "applied")(api.get("status")["reload"]), "it is applied")
    ended.set()
    for thread in threads:
        thread.join()
    assert not failures
