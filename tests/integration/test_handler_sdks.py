"""Handlers on the SDKs for Python and Node.js, as child processes of the real volleyd."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

HANDLERS = Path(__file__).parent / "support" / "handlers"
FIRST_LINE = '{"volley":2,"chains":true,"cancels":true,"source":true}\n'


class Python:
    end = "py"
    program = sys.executable
    fence = "python"

    def install(self, folder):
        shutil.copy(ROOT / "plugin_api" / "python" / "volley_handler.py", folder)


class Node:
    end = "mjs"
    program = "node"
    fence = "js"

    def install(self, folder):
        if not shutil.which("node"):
            pytest.skip("node is not installed")
        shutil.copytree(ROOT / "plugin_api" / "node", folder / "node_modules" / "volley-handler")


class Job:
    """volleyd with a handler between SQLite queues, and plain SQL beside it."""

    def __init__(self, folder, language, script, serializer="none", output="out", lease_ms=30000, **settings):
        language.install(folder)
        shutil.copy(script, folder / f"handler.{language.end}")
        self.store = Sqlite(folder)
        extra = "".join(f", {key}: {value}" for key, value in settings.items())
        queues = "".join(f"  - {{name: {q}, type: sqlite, serializer: {serializer}, "
                         f'config: {{path: "{self.store.path}", lease_ms: {lease_ms}}}}}\n'
                         for q in ("in", output, "other", "dead"))
        self.output = output
        self.volleyd = Volleyd(folder, f"queues:\n{queues}components: [{{name: move, input: in, outputs: [{output}, other], "
                               f'handler: {{exec: ["{language.program}", handler.{language.end}]}}, dead_letter_queue: dead, '
                               f'retry: {{max_attempts: 2, initial_delay: 1ms}}{extra}}}]\noperations: {{listen: "127.0.0.1:0"}}\n',
                               env={**os.environ, "VOLLEY_COMPONENT": "another"}).wait_ready()

    def put(self, *rows):
        """Rows of body, key and headers, or of less."""
        with self.store.connect() as db:
            db.executemany("INSERT INTO volley_messages (queue, body, key, headers) VALUES ('in', ?, ?, ?)",
                           [(*row, None, None)[:3] if isinstance(row, tuple) else (row, None, None) for row in rows])

    def rows(self, queue=None, columns="body"):
        with self.store.connect() as db:
            return db.execute(f"SELECT {columns} FROM volley_messages WHERE queue = ? ORDER BY id", (queue or self.output,)).fetchall()

    def wait_done(self):
        wait_until(lambda: not self.rows("in"), "everything is settled")

    def stop(self):
        assert self.volleyd.stop() == 0, self.volleyd.log


@pytest.fixture(params=[Python, Node], ids=["python", "node"])
def language(request):
    return request.param()


def script(name, language):
    return HANDLERS / f"{name}.{language.end}"


def test_each_outcome_is_what_the_handler_says(language, tmp_path):
    job = Job(tmp_path, language, script("outcomes", language), serializer="json")
    # Several, so that more than one is on its way to the child before it answers.
    ways = ["send", "drop", "fail", "retry", "throw", "nothing", "wrong", "half", "long ago", "never", "send"]
    job.put(*[json.dumps({"do": way}) for way in ways])
    job.wait_done()
    assert job.volleyd.metric("volley_messages_settled_total", outcome="dropped") == 1
    assert job.volleyd.metric("volley_message_failures_total", reason="crash") == 0, job.volleyd.log
    job.stop()
    assert sorted(json.loads(body)["attempt"] for body, in job.rows()) == [1, 1, 2, 2]
    dead = {json.loads(body)["do"]: dict(json.loads(headers)) for body, headers in job.rows("dead", "body, headers")}
    assert {do: letter["volley-reason"] for do, letter in dead.items()} == {
        "fail": "handler_fail", "throw": "handler_retry", "wrong": "handler_retry", "half": "handler_retry", "never": "handler_retry"}
    assert dead["fail"]["volley-error"] == "it is bad: ü 🌍"
    assert "something is missing" in dead["throw"]["volley-error"]
    assert f"handler.{language.end}" in job.volleyd.log  # where it was thrown


def test_many_of_an_ordering_group_are_sent_ahead_and_none_overtakes_one_that_failed(language, tmp_path):
    numbers = [str(n) for n in range(200)]
    job = Job(tmp_path, language, script("in_turn", language), output="out")
    job.put(*numbers)
    job.wait_done()
    job.stop()
    expected = [f"{n} {attempt}" for n in numbers for attempt in ((1, 2) if int(n) % 10 == 7 else (1,))]
    assert (tmp_path / "runs.txt").read_text().split("\n")[:-1] == expected
    assert [body for body, in job.rows()] == numbers


def test_a_handler_is_told_when_the_lease_of_its_message_is_lost(language, tmp_path):
    job = Job(tmp_path, language, script("gives_up", language), lease_ms=5000)
    job.put("taken away", "stays")
    wait_until((tmp_path / "working").exists, "the handler works")
    with job.store.connect() as db:  # as another consumer would, were the lease over
        assert db.execute("UPDATE volley_messages SET token = -1, owner = 'other', visible_at = visible_at + 600000 "
                          "WHERE queue = 'in' AND body = 'taken away'").rowcount == 1
    wait_until((tmp_path / "gave-up").exists, "it has given up")
    wait_until(lambda: job.rows() == [("stays",)], "what came after it is done")
    assert job.rows("in") == [("taken away",)] and job.rows("dead") == []
    assert job.volleyd.metric("volley_leases_lost_total") == 1
    job.stop()


def test_a_handler_is_told_that_volley_stops(language, tmp_path):
    job = Job(tmp_path, language, script("gives_up", language))
    job.put("taken away")
    wait_until((tmp_path / "working").exists, "the handler works")
    job.stop()
    assert (tmp_path / "gave-up").exists()
    assert job.rows("in", "body, attempts") == [("taken away", 0)] and job.rows("dead") == []


def test_node_leaves_in_the_pipe_what_it_cannot_hold_and_takes_it_later(tmp_path):
    Node().install(tmp_path)
    shutil.copy(script("holds_up", Node), tmp_path)
    lines = "".join(json.dumps({"id": str(n), "attempt": 1, "text": "x" * 900_000}) + "\n" for n in range(20))
    done = subprocess.run(["node", "holds_up.mjs"], cwd=tmp_path, input=lines, capture_output=True, text=True, timeout=60)
    answers = [json.loads(line) for line in done.stdout.splitlines()[1:]]
    assert [answer["id"] for answer in answers] == [str(n) for n in range(20)], done.stderr


BODIES = ["", "plain", "two\nlines\r\n", 'quotes " and \\', "Grüße, 世界 🌍", "a\u2028b\u2029c\x85d", "\ufeffmark", "\x00",
          b"\xff\xfe\x00binary", bytes(range(256)), None]


def encoded(value):
    return value.encode() if isinstance(value, str) else value


def test_bodies_keys_and_headers_arrive_as_they_were(language, tmp_path):
    job = Job(tmp_path, language, script("forward", language))
    rows = [(body, key, '[["name","Wert ü"],["other",""]]') for body in BODIES for key in ("k\u2028ü", b"\xffkey")]
    job.put(*rows)
    job.wait_done()
    job.stop()
    arrived = job.rows(columns="CAST(body AS BLOB), CAST(key AS BLOB), headers")
    assert [(body, key, json.loads(headers)) for body, key, headers in arrived] == [
        (encoded(body), encoded(key), json.loads(headers)) for body, key, headers in rows]


def test_headers_of_every_kind_survive_a_handler_that_adds_one(language, tmp_path):
    headers = [["stamp", {"base64": "AAABjP/+gIE="}], ["via", "a"], ["via", "b"], ["nil", None], ["empty", ""], ["plain", "ü\"\n"]]
    job = Job(tmp_path, language, script("adds_a_header", language))
    pairs = [*headers, [{"base64": "/w=="}, "its name is no UTF-8"]]
    job.put(("{}", "k", json.dumps(headers)), ("{}", "k", None), *[("{}", "k", json.dumps(pairs))] * isinstance(language, Python))
    job.wait_done()
    job.stop()
    added = [["seen-by", "tag"]]
    expected = [headers + added, added, *[pairs + added] * isinstance(language, Python)]
    assert [json.loads(arrived) for arrived, in job.rows(columns="headers")] == expected


def test_what_a_handler_returns_never_vanishes(language, tmp_path):
    job = Job(tmp_path, language, script("returns", language), serializer="json")
    ways = ["None", "True", "list", "generator", "no reason"]
    if isinstance(language, Python):
        ways += ["False", "0", "empty", "coroutine", "coroutine with a list", "coroutine that fails"]
    job.put(*map(json.dumps, ways))
    job.wait_done()
    job.stop()
    delivered = {json.loads(body) for body, in job.rows()}
    dead = {json.loads(body): dict(json.loads(headers))["volley-error"] for body, headers in job.rows("dead", "body, headers")}
    assert delivered == ({"None", "True", "coroutine"} if isinstance(language, Python) else {"None", "True", "list"})
    assert set(dead) == set(ways) - delivered
    assert "out.send" in dead["generator"]
    if isinstance(language, Python):
        assert dead["False"] == "the handler returned False" and "returned list" in dead["list"]
        assert dead["coroutine that fails"] == "it is bad"


def test_json_is_sent_on_as_the_same_value(language, tmp_path):
    values = ["hello", "123", "", None, True, 0, -1.5e-7, [], {}, {"ü\u2028": ["🌍", {"deep": [[[]]]}]}, {"__proto__": 1}]
    if isinstance(language, Python):
        values.append(123456789012345678901234567890)
    job = Job(tmp_path, language, script("forward", language), serializer="json")
    job.put(*[json.dumps(value, ensure_ascii=False) for value in values])
    job.wait_done()
    job.stop()
    assert [json.loads(body) for body, in job.rows()] == values


def test_text_and_bytes_say_the_same_as_the_body(language, tmp_path):
    job = Job(tmp_path, language, script("views", language))
    job.put('{"a": "ü"}', b"\xff", None)
    job.wait_done()
    job.stop()
    assert [json.loads(body) for body, in job.rows()] == [
        {"text": '{"a": "ü"}', "hex": b'{"a": "\xc3\xbc"}'.hex(), "json": False, "tombstone": False},
        {"text": "no text", "hex": "ff", "json": False, "tombstone": False},
        {"text": None, "hex": None, "json": False, "tombstone": True}]


def test_an_output_may_have_its_own_key_headers_and_delay(language, tmp_path):
    job = Job(tmp_path, language, script("options", language))
    job.put(("x", "k", '[["from","input"]]'))
    job.wait_done()
    job.stop()
    rows = {body: (key, dict(json.loads(headers)), late) for body, key, headers, late
            in job.rows(columns="body, key, headers, visible_at - created > 3000000")}
    assert rows == {"keyed": ("own ü", {"from": "input"}, 0), "binary key": (b"\xff\x00", {"from": "input"}, 0),
                    "headed": ("k", {"from": "handler"}, 0), "delayed": ("k", {"from": "input"}, 1),
                    "all": ("k", {"from": "input"}, 0), None: ("k", {"from": "input"}, 0)}
    assert job.rows("other") == [("all",)]


def test_what_a_handler_prints_is_in_the_log_and_not_in_the_protocol(language, tmp_path):
    job = Job(tmp_path, language, script("prints", language))
    job.put(*["x"] * 20)
    job.wait_done()
    assert job.volleyd.metric("volley_message_failures_total", reason="crash") == 0, job.volleyd.log
    job.stop()
    assert len(job.rows()) == 20
    for said in ["while it loads", "by print", "by the stream", *(["by a child", "by the descriptor"] if language.end == "py" else [])]:
        assert f"{said} in move" in job.volleyd.log


@pytest.mark.parametrize("page", ["docs/writing-a-handler.md", "docs/handler-protocol.md", "plugin_api"])
def test_the_three_lines_of_the_pages_run(page, language, tmp_path):
    if page == "plugin_api":
        page = f"plugin_api/{'python' if language.end == 'py' else 'node'}/README.md"
    blocks = re.findall(rf"```{language.fence}\n(.*?)```", (ROOT / page).read_text(), re.S)
    lines = next(block for block in blocks if "volley" in block)
    assert len(lines.splitlines()) == 3
    (tmp_path / "lines").write_text(lines)
    job = Job(tmp_path, language, tmp_path / "lines", output="shipments")
    job.put('{"order": 1}')
    job.wait_done()
    job.stop()
    assert job.rows() == [('{"order": 1}',)]


def test_the_example_runs(language, tmp_path):
    job = Job(tmp_path, language, ROOT / "examples" / "handlers" / f"upper.{language.end}", serializer="json")
    job.put('{"name": "ada", "n": 1}', "[]")
    job.wait_done()
    job.stop()
    assert [json.loads(body) for body, in job.rows()] == [{"name": "ADA", "n": 1}]
    assert job.rows("dead") == [("[]",)]


def test_the_protocol_page_shows_a_handler_without_an_sdk(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "handler-protocol.md").read_text(), re.S)
    (tmp_path / "bare").write_text(next(block for block in blocks if "volley" not in block))
    job = Job(tmp_path, Python(), tmp_path / "bare", serializer="json", output="shipments")
    job.put('{"order": 1}')
    job.wait_done()
    job.stop()
    assert [json.loads(body) for body, in job.rows()] == [{"order": 1}]


def test_both_packages_install(language, tmp_path):
    if isinstance(language, Node):
        if not shutil.which("npm"):
            pytest.skip("npm is not installed")
        (tmp_path / "ship.mjs").write_text('import { run } from "volley-handler"; await run(() => {});')
        install = ["npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", str(ROOT / "plugin_api" / "node")]
        start = ["node", "ship.mjs"]
    else:
        source = shutil.copytree(ROOT / "plugin_api" / "python", tmp_path / "source")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--target", "packages", source]
        start = [sys.executable, "-c", "import volley_handler; volley_handler.run(None)"]
    done = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages")}
    done = subprocess.run(start, cwd=tmp_path, stdin=subprocess.DEVNULL, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, FIRST_LINE, "")
