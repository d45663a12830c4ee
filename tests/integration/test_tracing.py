"""The trace context in headers, with and without a collector; the spans that a collector gets; and collectors that misbehave."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.collector import Collector
from support.servers import free_port, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd, check

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"
CONSUMER, PRODUCER, ERROR = 5, 4, 2

HANDLER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    headers, do = message.get("headers", {}), message["body"].get("do")
    output = {"body": {"saw": headers}}
    if do == "fail":
        print(json.dumps({"id": message["id"], "fail": "no such customer"}), flush=True)
        continue
    if do == "retry" and message["attempt"] == 1:
        print(json.dumps({"id": message["id"], "retry": "not yet"}), flush=True)
        continue
    if do == "own headers":
        output["headers"] = {"content-type": "text"}
    if do == "same headers":
        output["headers"] = {**headers, "more": "1"}
    if do == "own context":
        output["headers"] = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-00"}
    if do == "no headers":
        output["without_headers"] = True
    print(json.dumps({"id": message["id"], "outputs": [] if do == "nothing" else [output]}), flush=True)
"""


def otel(endpoint=None, **more):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    if endpoint:
        plain |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    return plain | more


def config(tmp_path, handler=None, dead=True, retry="{max_attempts: 1}", **settings):
    store = Sqlite(tmp_path)
    if handler is None:
        (tmp_path / "handler.py").write_text(HANDLER)
        handler = f'{{exec: ["{sys.executable}", handler.py]}}'
    queues = "".join(f"  {queue}: {{type: sqlite, serializer: json, config: {store.config()}}}\n"
                     for queue in ("in", "out", "dead"))
    more = "".join(f", {key}: {value}" for key, value in settings.items())
    return (f"app: shop\nqueues:\n{queues}components:\n  - {{name: ship, input: in, outputs: [out], handler: {handler}, "
            f"retry: {retry}{', dead_letter_queue: dead' if dead else ''}{more}}}\noperations: {{listen: \"127.0.0.1:0\"}}\n")


def send(tmp_path, do=None, **headers):
    """Headers of a list have several values."""
    line = {"body": {"do": do}, "headers": headers}
    rows = [[name, value] for name, given in headers.items() for value in (given if isinstance(given, list) else [given])]
    connection = Sqlite(tmp_path).connect()
    connection.execute("INSERT INTO volley_messages (queue, headers, body, visible_at, created) VALUES ('in', ?, ?, 0, 0)",
                       (json.dumps(rows) if rows else None, json.dumps(line["body"])))
    connection.close()


def stored(tmp_path, queue="out"):
    connection = Sqlite(tmp_path).connect()
    rows = connection.execute("SELECT headers, body FROM volley_messages WHERE queue = ? ORDER BY id", (queue,)).fetchall()
    connection.close()
    return [(json.loads(headers or "[]"), json.loads(body)) for headers, body in rows]


def values(headers, name="traceparent"):
    return [value for key, value in headers if key == name]


def run(tmp_path, text, sends, env):
    """Handles the messages, and ends. Returns the log."""
    code, log = check(tmp_path, text.replace("operations: {listen: \"127.0.0.1:0\"}", "operations: off"), "--exit-when-idle", env=env)
    assert code == 0, log  # creates the table
    for do, headers in sends:
        send(tmp_path, do, **headers)
    code, log = check(tmp_path, text.replace("operations: {listen: \"127.0.0.1:0\"}", "operations: off"), "--exit-when-idle", env=env)
    assert code == 0, log
    return log


# ---- without a collector

def test_without_tracing_the_context_passes_unchanged(tmp_path):
    several = {"traceparent": [GIVEN, "garbage"], "tracestate": "a=1"}
    one = {"traceparent": GIVEN, "tracestate": "a=1", "x": "y"}
    run(tmp_path, config(tmp_path), [(None, one), (None, several), ("own headers", one), ("own context", one), ("no headers", one),
                                     ("fail", one)], otel())
    plain, both, own, made, none = [headers for headers, _ in stored(tmp_path)]
    assert plain == [["traceparent", GIVEN], ["tracestate", "a=1"], ["x", "y"]]
    assert values(both) == [GIVEN, "garbage"]
    assert own == [["content-type", "text"], ["traceparent", GIVEN], ["tracestate", "a=1"]]
    assert made == [["traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-00"]]
    assert none == []
    [(dead, _)] = stored(tmp_path, "dead")
    assert values(dead) == [GIVEN] and values(dead, "tracestate") == ["a=1"]


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"},
                                 {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}])
def test_variables_that_turn_it_off(tmp_path, off):
    log = run(tmp_path, config(tmp_path, "forward"), [(None, {"traceparent": GIVEN})], otel(f"http://127.0.0.1:{free_port()}", **off))
    [(headers, _)] = stored(tmp_path)
    assert values(headers) == [GIVEN]
    assert log.count("grpc") == (1 if "OTEL_EXPORTER_OTLP_PROTOCOL" in off else 0), log


# ---- spans

def test_spans_and_headers_name_each_other(tmp_path):
    with Collector() as collector:
        env = otel(collector.url, OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test", OTEL_EXPORTER_OTLP_HEADERS="api-key=a%20b")
        run(tmp_path, config(tmp_path), [(None, {"traceparent": GIVEN, "tracestate": "a=1"})], env)
        [process], [sending] = collector.named("process in"), collector.named("send out")
        assert len(collector.spans()) == 2
        assert (process.trace, process.parent, process.kind) == (TRACE, PARENT, CONSUMER)
        assert (sending.trace, sending.parent, sending.kind) == (TRACE, process.id, PRODUCER)
        [(headers, body)] = stored(tmp_path)
        assert values(headers) == [sending.context] and values(headers, "tracestate") == ["a=1"]
        assert body["saw"] == {"traceparent": process.context, "tracestate": "a=1"}
        assert 0 < process.begin <= process.end <= sending.end
        assert process.attributes == {
            "messaging.system": "sqlite", "messaging.operation.name": "process", "messaging.operation.type": "process",
            "messaging.destination.name": "in", "messaging.message.id": process.attributes["messaging.message.id"],
            "messaging.message.body.size": len('{"do": null}'), "volley.component": "ship", "volley.attempt": 1,
            "volley.outcome": "ok", "volley.outputs": 1}
        assert sending.attributes == {
            "messaging.system": "sqlite", "messaging.operation.name": "send", "messaging.operation.type": "send",
            "messaging.destination.name": "out", "volley.component": "ship"}
        [resource] = collector.resources()
        assert resource["service.name"] == "shop" and resource["deployment.environment"] == "test"
        assert resource["telemetry.sdk.language"] == "cpp"
        assert set(collector.paths) == {"/v1/traces"}
        assert all(h["api-key"] == "a b" and h["Content-Type"] == "application/json" for h in collector.headers)


def test_retries_and_dead_letters(tmp_path):
    with Collector() as collector:
        given = {"traceparent": GIVEN}
        run(tmp_path, config(tmp_path, retry="{max_attempts: 2, initial_delay: 1ms}"), [("retry", given), ("fail", given)],
            otel(collector.url))
        first, second, failed = collector.named("process in")
        assert (first.attributes["volley.outcome"], first.attributes["error.type"]) == ("retry", "handler_retry")
        assert (first.status.code, first.status.message) == (ERROR, "not yet")
        assert (second.attributes["volley.attempt"], second.attributes["volley.outcome"], second.status.code) == (2, "ok", 0)
        assert (failed.attributes["volley.outcome"], failed.attributes["error.type"]) == ("failed", "handler_fail")
        assert failed.status.message == "no such customer"
        assert {span.parent for span in (first, second, failed)} == {PARENT} and len({first.id, second.id, failed.id}) == 3
        [dead] = collector.named("send dead")
        assert (dead.parent, dead.trace) == (failed.id, TRACE)
        [(headers, _)] = stored(tmp_path, "dead")
        assert values(headers) == [dead.context]


def test_what_a_handler_does_with_headers(tmp_path):
    with Collector() as collector:
        given = {"traceparent": GIVEN, "tracestate": "a=1"}
        run(tmp_path, config(tmp_path), [(do, given) for do in ("own headers", "same headers", "own context", "no headers", "nothing")],
            otel(collector.url))
        own, same, made, none = [headers for headers, _ in stored(tmp_path)]
        sent = [span.context for span in collector.named("send out")]
        assert values(own) == [sent[0]] and values(own, "tracestate") == ["a=1"] and values(own, "content-type") == ["text"]
        assert values(same) == [sent[1]] and values(same, "tracestate") == ["a=1"] and values(same, "more") == ["1"]
        assert values(made) == ["00-" + "1" * 32 + "-" + "2" * 16 + "-00"]
        assert none == []
        assert len(collector.named("process in")) == 5 and len(sent) == 4


def test_a_context_of_any_bytes_begins_a_new_trace(tmp_path):
    wrong = ["", "garbage", GIVEN.upper(), GIVEN + "-more", "ff" + GIVEN[2:], "00-" + "0" * 32 + GIVEN[35:], "x" * 100_000, "\u0000\u2028é",
             [GIVEN, GIVEN], ["", ""]]
    with Collector() as collector:
        sends = [(None, {"traceparent": value, "tracestate": "a=1"}) for value in wrong] + [(None, {"traceparent": "cc" + GIVEN[2:] + "-x"})]
        run(tmp_path, config(tmp_path, "forward"), sends, otel(collector.url))
        spans = collector.named("process in")
        assert [span.parent for span in spans] == [""] * len(wrong) + [PARENT]
        assert len({span.trace for span in spans[:-1]}) == len(wrong) and spans[-1].trace == TRACE
        sent = {span.parent: span for span in collector.named("send out")}
        rows = [headers for headers, _ in stored(tmp_path)]
        for span, headers in zip(spans, rows):
            assert values(headers) == [sent[span.id].context]
            assert values(headers, "tracestate") == []


def test_samplers(tmp_path):
    unsampled = GIVEN[:-2] + "00"
    with Collector() as collector:
        run(tmp_path, config(tmp_path, "forward"), [(None, {"traceparent": unsampled}), (None, {"traceparent": GIVEN}), (None, {})],
            otel(collector.url, OTEL_TRACES_SAMPLER="parentbased_always_off"))
        [process] = collector.named("process in")
        assert process.parent == PARENT
        first, second, third = [values(headers) for headers, _ in stored(tmp_path)]
        assert first == [unsampled] and second[0].startswith(f"00-{TRACE}-") and third[0].endswith("-00")


# ---- collectors that misbehave

def test_an_outage_is_logged_once_and_spans_are_counted(tmp_path):
    answering = threading.Event()
    with Collector(lambda number: 200 if answering.is_set() else 400) as collector:
        volleyd = Volleyd(tmp_path, config(tmp_path, "forward"), env=otel(collector.url)).wait_ready()
        for number in range(3):
            send(tmp_path, traceparent=GIVEN)
            wait_until(lambda n=number: volleyd.metric("volley_spans_dropped_total", reason="refused") >= 2 * (n + 1), "spans are dropped")
        answering.set()
        send(tmp_path, traceparent=GIVEN)
        wait_until(lambda: volleyd.metric("volley_spans_exported_total") == 2, "spans are exported")
        assert volleyd.stop() == 0, volleyd.log
        assert volleyd.log.count("spans cannot be exported") == 1 and volleyd.log.count("spans are exported again") == 1
        assert len(stored(tmp_path)) == 4


def test_a_request_that_may_succeed_later_is_repeated(tmp_path):
    with Collector(lambda number: 503 if number == 0 else 200) as collector:
        volleyd = Volleyd(tmp_path, config(tmp_path, "forward"), env=otel(collector.url)).wait_ready()
        send(tmp_path, traceparent=GIVEN)
        wait_until(lambda: volleyd.metric("volley_spans_exported_total") == 2, "the request was repeated")
        assert volleyd.metric("volley_spans_dropped_total") == 0
        assert volleyd.stop() == 0, volleyd.log


def test_spans_that_the_collector_rejects_are_counted(tmp_path):
    body = json.dumps({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too\nold"}}).encode()
    with Collector(lambda number: (200, body)) as collector:
        volleyd = Volleyd(tmp_path, config(tmp_path, "forward"), env=otel(collector.url)).wait_ready()
        send(tmp_path, traceparent=GIVEN)
        wait_until(lambda: volleyd.metric("volley_spans_dropped_total", reason="refused") >= 1, "one was rejected")
        assert volleyd.stop() == 0, volleyd.log
        assert "rejects some spans" in volleyd.log


class Rude:
    """A server that takes connections and does something else than HTTP with them."""

    def __init__(self, act):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.taken = threading.Event()
        self.ended = threading.Event()

        def serve():
            while True:
                try:
                    connection, _ = self.listener.accept()
                except OSError:
                    return
                threading.Thread(target=self.one, args=(connection, act), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()

    def one(self, connection, act):
        self.taken.set()
        try:
            act(connection, self.ended)
        except OSError:
            pass
        connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.listener.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"


def endless_headers(connection, ended):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ended.is_set():
        connection.sendall(b"X-More: " + b"x" * 4000 + b"\r\n")


def trickle(connection, ended):
    while not ended.wait(0.05):
        connection.sendall(b"H")


def endless_body(connection, ended):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not ended.is_set():
        connection.sendall(b"{" * 65536)


MISBEHAVIOUR = {
    "says nothing": lambda connection, ended: ended.wait(),
    "closes": lambda connection, ended: None,
    "garbage": lambda connection, ended: connection.sendall(os.urandom(100_000)),
    "endless headers": endless_headers,
    "trickle": trickle,
    "endless body": endless_body,
    "no header": lambda connection, ended: connection.sendall(b"\r\n\r\n"),
}


@pytest.mark.parametrize("how", MISBEHAVIOUR)
def test_a_collector_that_misbehaves_costs_spans_and_nothing_else(tmp_path, how):
    with Rude(MISBEHAVIOUR[how]) as server:
        volleyd = Volleyd(tmp_path, config(tmp_path, "forward"), env=otel(server.url, OTEL_EXPORTER_OTLP_TIMEOUT="300")).wait_ready()
        send(tmp_path, traceparent=GIVEN)
        wait_until(lambda: len(stored(tmp_path)) == 1, "the message was handled")
        wait_until(server.taken.is_set, "the collector was called")
        assert volleyd.stop(timeout=20) == 0, volleyd.log
        assert volleyd.log.count("spans cannot be exported") <= 1


def test_a_hung_collector_does_not_outlast_the_grace_of_a_stop(tmp_path):
    with Rude(MISBEHAVIOUR["says nothing"]) as server:
        text = config(tmp_path, "forward") + "shutdown_timeout: 100ms\n"
        volleyd = Volleyd(tmp_path, text, env=otel(server.url, OTEL_EXPORTER_OTLP_TIMEOUT="3600000")).wait_ready()
        send(tmp_path, traceparent=GIVEN)
        wait_until(server.taken.is_set, "the collector was called")
        assert volleyd.stop(timeout=30) == 0, volleyd.log


def test_a_full_queue_drops_spans_and_no_messages(tmp_path):
    with Rude(MISBEHAVIOUR["says nothing"]) as server:
        text = ("queues:\n  in: {type: memory, config: {generate: 20000}}\n  out: {type: memory, config: {discard: true}}\n"
                "components: [{name: c, input: in, outputs: [out], handler: forward, on_fail: requeue}]\n"
                "operations: {listen: \"127.0.0.1:0\"}\n")
        volleyd = Volleyd(tmp_path, text, env=otel(server.url, OTEL_BSP_MAX_QUEUE_SIZE="100")).wait_ready()
        wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="ok") == 20000, "all are settled")
        assert volleyd.metric("volley_spans_dropped_total", reason="queue_full") > 30000
        assert volleyd.stop() == 0, volleyd.log


def test_a_collector_behind_tls(tmp_path):
    certificate = tmp_path / "collector.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", certificate,
                    "-out", tmp_path / "authority.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + (tmp_path / "authority.pem").read_text())
    with Collector(certificate=certificate) as collector:
        env = otel(collector.url, OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "authority.pem"))
        run(tmp_path, config(tmp_path, "forward"), [(None, {"traceparent": GIVEN})], env)
        assert len(collector.spans()) == 2
        log = run(tmp_path, config(tmp_path, "forward"), [(None, {})], otel(collector.url))  # the system's authorities
        assert "certificate is refused" in log and len(collector.spans()) == 2


def test_http_has_the_context_under_its_own_name(tmp_path):
    """A request in, a request out, without a collector."""
    seen = {}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.update(self.headers.items())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    port = free_port()
    volleyd = Volleyd(tmp_path, f"queues:\n  in: {{type: http, serializer: json, config: {{listen: \"127.0.0.1:{port}\"}}}}\n"
                                f"  next: {{type: http, config: {{url: \"http://127.0.0.1:{receiver.server_port}/\"}}}}\n"
                                "components: [{name: web, input: in, outputs: [next], handler: forward, on_fail: requeue}]\n"
                                "operations: {listen: \"127.0.0.1:0\"}\n", env=otel()).wait_ready()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", "{}", {"Traceparent": GIVEN, "tracestate": "a=1"})
    assert connection.getresponse().status == 200
    assert volleyd.stop() == 0, volleyd.log
    receiver.shutdown()
    receiver.server_close()
    by_name = {name.lower(): value for name, value in seen.items()}
    assert (by_name["traceparent"], by_name["tracestate"]) == (GIVEN, "a=1")


# ---- exemplars

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4"
EXEMPLAR = re.compile(r'^(volley_\w+)_bucket\{.*le="([^"]+)"\} (\d+) # \{trace_id="(\w{32})",span_id="(\w{16})"\} (\S+) (\d+\.\d{3})$', re.M)


def put_dated(tmp_path, headers):
    connection = Sqlite(tmp_path).connect()
    connection.execute("INSERT INTO volley_messages (queue, headers, body, visible_at, created) VALUES ('in', ?, ?, 0, ?)",
                       (json.dumps(headers), json.dumps({"do": None}), int(time.time() * 1000)))
    connection.close()


@pytest.mark.parametrize("more", [{}, {"concurrency": 4}])
def test_histograms_name_a_sampled_trace_for_a_scraper_that_takes_openmetrics(tmp_path, more):
    with Collector() as collector:
        volleyd = Volleyd(tmp_path, config(tmp_path, **more), env=otel(collector.url)).wait_ready()
        put_dated(tmp_path, [["traceparent", GIVEN]])
        wait_until(lambda: len(stored(tmp_path)) == 1 and collector.named("process in"), "it is processed, and its span is there")

        def scraped():
            text = volleyd.get("/metrics", {"Accept": OPENMETRICS})[1]
            return text if len(EXEMPLAR.findall(text)) >= 2 else None

        text = wait_until(scraped, "both histograms have an exemplar")
        assert volleyd.get("/metrics", {"Accept": "application/openmetrics-text;q=0, text/plain"})[1].startswith("# HELP")
        plain = volleyd.get("/metrics")[1]
        assert volleyd.stop() == 0, volleyd.log
        span = collector.named("process in")[0]
    found = {name: (le, trace, span_id, value, at) for name, le, _, trace, span_id, value, at in EXEMPLAR.findall(text)}
    assert set(found) == {"volley_handler_duration_seconds", "volley_ack_latency_seconds"}
    for le, trace, span_id, value, at in found.values():
        assert (trace, span_id) == (TRACE, span.id)
        assert 0 <= float(value) <= float(le) and float(at) > 1.7e9
    assert "# {" not in plain and "# EOF" not in plain
    # The format: a type before its samples, counters without their ending, one end.
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1 and "unknown" not in types.values()
    for line in text.splitlines()[:-1]:
        if line.startswith("#"):
            continue
        name = re.match(r"\w+", line).group(0)
        family = next(f for f in (name, re.sub("_(total|bucket|count|sum)$", "", name)) if f in types)
        assert (types[family] == "counter") == name.endswith("_total"), line
    # The same series with the same values, but for what passes meanwhile.
    def samples(scrape):
        return {line.split(" # ")[0].rsplit(" ", 1)[0] for line in scrape.splitlines() if not line.startswith("#")}
    assert samples(text) == samples(plain)


def test_what_is_not_sampled_is_no_exemplar(tmp_path):
    with Collector() as collector:
        volleyd = Volleyd(tmp_path, config(tmp_path), env=otel(collector.url, OTEL_TRACES_SAMPLER="always_off")).wait_ready()
        put_dated(tmp_path, [["traceparent", GIVEN]])
        put_dated(tmp_path, [])
        wait_until(lambda: volleyd.metric("volley_ack_latency_seconds_count") == 2, "both are acked")
        text = volleyd.get("/metrics", {"Accept": OPENMETRICS})[1]
        assert text.endswith("# EOF\n") and not EXEMPLAR.findall(text)
        assert volleyd.stop() == 0, volleyd.log
    given, fresh = [values(headers) for headers, _ in stored(tmp_path)]
    assert given == [GIVEN] and re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", fresh[0])
