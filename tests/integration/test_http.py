"""Requests in and requests out: every answer, back-pressure, slow clients, a stop in the middle, and what a server says."""

import http.client
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.servers import wait_until
from support.volleyd import Volleyd, volley

FAILS = """
import json, sys, time
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    what = body.get("do") if isinstance(body, dict) else None
    if what == "fail":
        print(json.dumps({"id": message["id"], "fail": "no such customer"}), flush=True)
        continue
    if what == "sleep":
        if "touch" in body:
            open(body["touch"], "w").close()
        time.sleep(body["seconds"])
    print(json.dumps({"id": message["id"], "outputs": [{"body": body}]}), flush=True)
"""


def receiving(tmp_path, settings="", handler="forward", **component):
    if handler != "forward":
        (tmp_path / "handler.py").write_text(FAILS)
        handler = f'{{exec: ["{sys.executable}", handler.py]}}'
    extra = "".join(f", {key}: {setting}" for key, setting in component.items())
    return (f'app: web\nqueues:\n  in: {{type: http, serializer: json, config: {{listen: "127.0.0.1:0"{settings}}}}}\n'
            f"  out: {{type: sqlite}}\n  dead: {{type: sqlite}}\n"
            f"components: [{{name: web, input: in, outputs: [out], handler: {handler}, dead_letter_queue: dead{extra}}}]\n"
            f'operations: {{listen: "127.0.0.1:0"}}\n')


def port_of(volleyd):
    def found():
        assert volleyd.process.poll() is None, volleyd.log
        return re.search(r"http: listening on \S*:(\d+)", volleyd.log)

    return int(wait_until(found, "it listens").group(1))


def post(port, body, path="/", headers=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode(), dict(response.getheaders())
    finally:
        connection.close()


def messages(tmp_path, queue):
    shown = volley(tmp_path, "peek", queue, "--json", "--limit", "1000")
    assert shown.returncode == 0, shown
    return [json.loads(line) for line in shown.stdout.splitlines()]


def test_the_answer_comes_when_the_message_is_settled(tmp_path):
    volleyd = Volleyd(tmp_path, receiving(tmp_path, ", pass_headers: [X-Tenant]", handler="fails")).wait_ready()
    port = port_of(volleyd)
    status, text, _ = post(port, '{"n": 1}', headers={"Volley-Key": "k%00", "Volley-Header-a": "b%0D%0A", "X-Tenant": "t"})
    assert (status, json.loads(text)) == (200, {"status": "ok"})
    [stored] = messages(tmp_path, "out")
    assert stored["body"] == {"n": 1} or json.loads(stored["body"]) == {"n": 1}
    assert "b\r\n" in json.dumps(stored).encode().decode("unicode_escape")

    status, text, _ = post(port, '{"do": "fail"}')
    assert status == 422 and json.loads(text)["reason"] == "handler_fail" and "no such customer" in text
    status, text, _ = post(port, "no json")
    assert status == 422 and json.loads(text)["reason"] == "decode"
    assert len(messages(tmp_path, "dead")) == 2
    assert post(port, "{}", path="/other")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert (response.status, response.getheader("Allow")) == (405, "POST")
    assert volleyd.stop() == 0, volleyd.log


def test_many_requests_on_kept_connections_and_chunked(tmp_path):
    volleyd = Volleyd(tmp_path, receiving(tmp_path, workers=2, order="none")).wait_ready()
    port = port_of(volleyd)

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for n in range(12):
            body = json.dumps({"client": number, "n": n}).encode()
            chunked = n % 2 == 1
            connection.request("POST", "/", iter([body[:5], body[5:]]) if chunked else body, encode_chunked=chunked,
                               headers={"Transfer-Encoding": "chunked"} if chunked else {})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            response.read()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(client, range(10)))
    assert volleyd.stop() == 0, volleyd.log
    assert len({m["body"] if isinstance(m["body"], str) else json.dumps(m["body"]) for m in messages(tmp_path, "out")}) == 120


def test_a_token_limits_and_a_malformed_request(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    volleyd = Volleyd(tmp_path, receiving(tmp_path, ", token_file: token, max_body_bytes: 1000")).wait_ready()
    port = port_of(volleyd)
    token = {"Authorization": "Bearer s3cret"}
    assert post(port, "{}", headers=token)[0] == 200
    assert post(port, "{}")[0] == 401
    assert post(port, "{}", headers={"Authorization": "Bearer s3cre"})[0] == 401
    assert post(port, json.dumps("x" * 998), headers=token)[0] == 200
    assert post(port, json.dumps("x" * 999), headers=token)[0] == 413
    assert post(port, json.dumps("x" * 3_000_000), headers=token)[0] == 413
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(b"POST / HTTP/1.1\r\nAuthorization: Bearer s3cret\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert s.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"{}")
        assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert "s3cret" not in volleyd.log
    assert volleyd.stop() == 0, volleyd.log


def test_a_full_queue_is_429_and_a_deadline_504(tmp_path):
    text = receiving(tmp_path, ", max_queued: 2, answer_timeout_ms: 1000", handler="fails")
    volleyd = Volleyd(tmp_path, text + "shutdown_timeout: 10s\n").wait_ready()
    port = port_of(volleyd)
    with ThreadPoolExecutor(15) as pool:
        first = pool.submit(post, port, '{"do": "sleep", "seconds": 2}')
        wait_until(lambda: volleyd.metric("volley_messages_received_total") >= 1, "it is at work")
        rest = [answer.result() for answer in [pool.submit(post, port, '{"n": 1}') for _ in range(14)]]
        statuses = {status for status, _, _ in rest}
        assert 429 in statuses and statuses <= {429, 503, 504}, statuses
        assert all(headers["Retry-After"] for status, _, headers in rest if status in (429, 503))
        status, body, _ = first.result()
        assert status == 504 and "may succeed" in body
    # The work went on.
    wait_until(lambda: any("sleep" in json.dumps(m) for m in messages(tmp_path, "out")), "it succeeded")
    assert volleyd.stop() == 0, volleyd.log


def test_a_stop_waits_for_what_is_at_work_and_sends_the_rest_away(tmp_path):
    volleyd = Volleyd(tmp_path, receiving(tmp_path, handler="fails")).wait_ready()
    port, begun = port_of(volleyd), tmp_path / "begun"
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(post, port, json.dumps({"do": "sleep", "seconds": 1, "touch": str(begun)}))
        wait_until(begun.exists, "it is at work")
        rest = [pool.submit(post, port, '{"do": "sleep", "seconds": 1}') for _ in range(9)]
        assert volleyd.stop() == 0, volleyd.log
        assert first.result()[0] == 200
        for answer in rest:
            try:
                status, _, headers = answer.result()
            except (ConnectionError, http.client.HTTPException):
                continue  # it came after the end
            assert status == 200 or (status == 503 and headers["Retry-After"]), status
    done = sum("sleep" in json.dumps(m) for m in messages(tmp_path, "out"))
    assert done == 1 + sum(answer.exception() is None and answer.result()[0] == 200 for answer in rest)


def test_slow_and_silent_clients_hold_up_neither_others_nor_a_stop(tmp_path):
    volleyd = Volleyd(tmp_path, receiving(tmp_path, ", max_connections: 60, request_timeout_ms: 600000")).wait_ready()
    port = port_of(volleyd)
    slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(50)]
    for n, s in enumerate(slow):
        s.sendall([b"", b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n123"][n % 3])
    for _ in range(20):
        assert post(port, "{}")[0] == 200
    more = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
    wait_until(lambda: post(port, "{}")[0] == 503, "the connections are used up")
    assert volleyd.stop(timeout=20) == 0, volleyd.log
    for s in slow + more:
        s.close()


class Target(ThreadingHTTPServer):
    """What a producer posts to. `script` says the answers; afterwards it is 200."""

    daemon_threads = True

    def __init__(self, script=()):
        self.script, self.seen, self.lock = list(script), [], threading.Lock()
        self.at_once = self.most_at_once = 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.seen.append((body.decode(), dict(self.headers)))
            answer = server.script.pop(0) if server.script else 200
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        if callable(answer):
            answer = answer()
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        with server.lock:
            server.at_once -= 1
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_):
        pass


def sending(url, settings="", **component):
    extra = "".join(f", {key}: {setting}" for key, setting in component.items())
    return (f'app: web\nqueues:\n  in: {{type: sqlite}}\n  out: {{type: http, config: {{url: "{url}"{settings}}}}}\n'
            f"  dead: {{type: sqlite}}\n"
            f"components: [{{name: web, input: in, outputs: [out], handler: forward, dead_letter_queue: dead{extra}}}]\n"
            f'operations: {{listen: "127.0.0.1:0"}}\n')


def send(tmp_path, config, *bodies, key=None):
    (tmp_path / "volley.yml").write_text(config)
    sent = volley(tmp_path, "send", "in", *bodies, *(["--key", key] if key else []))
    assert sent.returncode == 0, sent


def test_statuses_decide_and_the_request_names_its_record(tmp_path):
    with Target([503, (429, {"Retry-After": "1"}), 200, 400, (302, {"Location": "/x"})]) as target:
        config = sending(f"http://u:pass@127.0.0.1:{target.server_port}/in", ", concurrency: 1", order="partition")
        send(tmp_path, config, '{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}', key="k\n")
        volleyd = Volleyd(tmp_path, config, "--exit-when-idle")
        assert volleyd.wait() == 0, volleyd.log
        assert [body for body, _ in target.seen] == ['{"n":1}'] * 3 + ['{"n":2}', '{"n":3}', '{"n":4}']
        ids = [headers["Idempotency-Key"] for _, headers in target.seen]
        assert ids[0] == ids[1] == ids[2] and len(set(ids)) == 4
        assert {headers["Volley-Key"] for _, headers in target.seen} == {"k%0A"}
        dead = json.dumps(messages(tmp_path, "dead"))
        assert "answered with 400: text" in dead and "a redirection" in dead
        assert "pass@" not in dead and "pass@" not in volleyd.log


def test_refused_credentials_stop_and_lose_nothing(tmp_path):
    with Target([401]) as target:
        config = sending(f"http://127.0.0.1:{target.server_port}/", ", token: t0ken")
        send(tmp_path, config, "1")
        volleyd = Volleyd(tmp_path, config)
        assert volleyd.wait() == 77, volleyd.log
        assert target.seen[0][1]["Authorization"] == "Bearer t0ken"
        assert "t0ken" not in volleyd.log
        assert len(messages(tmp_path, "in")) == 1


def test_a_server_that_is_away_hangs_or_hangs_up(tmp_path):
    gate = threading.Event()
    with Target([None, lambda: gate.wait(30) and 200]) as target:
        port = target.server_port
        config = sending(f"http://127.0.0.1:{port}/", ", timeout_ms: 500, concurrency: 1")
        send(tmp_path, config, '{"n":1}')
        volleyd = Volleyd(tmp_path, config, "--exit-when-idle")
        wait_until(lambda: len(target.seen) >= 3, "it was sent again after the time was over")
        gate.set()
        assert volleyd.wait() == 0, volleyd.log
        assert len({headers["Idempotency-Key"] for _, headers in target.seen}) == 1
    # Nobody listens there now.
    send(tmp_path, config, '{"n":2}')
    volleyd = Volleyd(tmp_path, config)
    wait_until(lambda: "onnect" in volleyd.log, "the cause is told")
    with socket.create_server(("127.0.0.1", port)):
        pass
    volleyd.kill()
    assert len(messages(tmp_path, "dead")) == 0


def test_keys_keep_their_order_and_concurrency_has_a_limit(tmp_path):
    with Target() as target:
        config = sending(f"http://127.0.0.1:{target.server_port}/", ", concurrency: 3", workers=4, order="key")
        for key in "abcd":
            send(tmp_path, config, *[json.dumps({"k": key, "n": n}) for n in range(10)], key=key)
        volleyd = Volleyd(tmp_path, config, "--exit-when-idle")
        assert volleyd.wait() == 0, volleyd.log
        seen = [json.loads(body) for body, _ in target.seen]
        assert len(seen) == 40 and target.most_at_once <= 3
        for key in "abcd":
            assert [m["n"] for m in seen if m["k"] == key] == list(range(10))


def test_http_to_http_brings_everything_through(tmp_path):
    (tmp_path / "second").mkdir()
    second = Volleyd(tmp_path / "second", receiving(tmp_path / "second").replace("serializer: json, ", "")).wait_ready()
    config = sending(f"http://127.0.0.1:{port_of(second)}/")
    (tmp_path / "volley.yml").write_text(config)
    letter = {"body_base64": "AAH/", "key": "schlüssel", "headers": [["a", "1"], ["a", "2"], ["naïve name", "x\r\ny"]]}
    sent = volley(tmp_path, "send", "in", "--json", "--file", "-", stdin=json.dumps(letter) + "\n")
    assert sent.returncode == 0, sent
    volleyd = Volleyd(tmp_path, config, "--exit-when-idle")
    assert volleyd.wait() == 0, volleyd.log
    [came] = messages(tmp_path / "second", "out")
    assert second.stop() == 0
    assert came["key"] == "schlüssel" and came.get("body_base64", came.get("body")) == "AAH/"
    assert came["headers"] == {"a": ["1", "2"], "naïve name": "x\r\ny"}, came


def test_tls_with_an_authority_of_our_own_and_without(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    with Target() as target:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        target.socket = context.wrap_socket(target.socket, server_side=True)
        url = f"https://localhost:{target.server_port}/"
        config = sending(url, f", tls_ca: '{certificate}'")
        send(tmp_path, config, '{"n":1}')
        volleyd = Volleyd(tmp_path, config, "--exit-when-idle")
        assert volleyd.wait() == 0, volleyd.log
        assert len(target.seen) == 1
        send(tmp_path, sending(url), '{"n":2}')
        volleyd = Volleyd(tmp_path, sending(url))
        wait_until(lambda: "certificate" in volleyd.log, "the cause is told")
        volleyd.kill()
        assert len(target.seen) == 1


@pytest.mark.parametrize("settings,field", [
    (', listen: "nowhere"', "/listen"), (", token: a, token_file: b", "token"), (", max_body_bytes: 0", "max_body_bytes")])
def test_a_wrong_configuration_is_told_before_anything_starts(tmp_path, settings, field):
    text = receiving(tmp_path).replace(', config: {listen: "127.0.0.1:0"', ", config: {" + settings[2:])
    volleyd = Volleyd(tmp_path, text)
    assert volleyd.wait() == 78, volleyd.log
    assert field.strip("/") in volleyd.log
