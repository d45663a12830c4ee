"""The dashboard in a real Chromium, on an engine with load, failures and an output that goes down: what an operator does, without
a mouse and on a phone, and what axe-core finds. Needs Debian's chromium: ./dev faults."""

import json
import os
import subprocess
from contextlib import contextmanager

import pytest
from support.api import Api
from support.environments import environment
from support.servers import ROOT, Redis, wait_until
from support.stores import Rsmq, Sqlite
from support.volleyd import Volleyd

pytestmark = pytest.mark.faults

PLAYWRIGHT = "playwright==1.65.2"
AXE = "axe-core@4.14.1"
SCRIPT = ROOT / "tests" / "integration" / "support" / "dashboard_browser.py"
# Fails for good, fails for now, ends its process, or sends the message on.
HANDLER = """import json, sys
sys.path.insert(0, %r)
from volley_handler import run, Fail, Retry
def handle(message, out):
    n = json.loads(message.body)["n"]
    if n %% 10 == 3: raise Fail("<img src=x onerror=alert(1)> has no address")
    if n %% 10 == 5: raise Retry("the price service answers <b>503</b>")
    if n == 27: sys.exit(3)
    out.send("out", message.body)
run(handle)
"""


def axe_core():
    """The path of its script, installed below build/ when it is first wanted."""
    home = ROOT / "build" / "axe-core"
    script = home / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", home, AXE], check=True, timeout=300)
    return script


@contextmanager
def browser(volleyd):
    """A process that does what a line of JSON asks for, and answers with a line: [verb, argument…]."""
    process = subprocess.Popen([environment("playwright", PLAYWRIGHT), SCRIPT, f"http://{volleyd.address}/", axe_core()],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(*what):
        process.stdin.write(json.dumps(what) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, "the browser has ended"
        return json.loads(answer)

    try:
        yield ask
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path).start()
    yield server
    server.stop()


@pytest.fixture
def volleyd(tmp_path, redis):
    store, rsmq = Sqlite(tmp_path), Rsmq(redis)
    (tmp_path / "ship.py").write_text(HANDLER % str(ROOT / "plugin_api" / "python"))
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out", "dead"))
    running = Volleyd(tmp_path, f"app: board\nqueues:\n{queues}  bills: {{type: rsmq, config: {rsmq.config()}}}\ncomponents:\n"
                                "  - {name: ship, input: in, outputs: [out], dead_letter_queue: dead, workers: 2, order: none, retry: {max_attempts: 50},\n"
                                "     handler: {exec: [python3, ship.py]}}\n"
                                "  - {name: bill, input: out, outputs: [bills], handler: forward}\n"
                                'operations: {listen: "127.0.0.1:0"}\nshutdown_timeout: 2s\n').wait_ready()
    running.store = store
    store.put("in", [json.dumps({"n": n}) for n in range(60)], ["a"] * 30 + ["b"] * 30)
    yield running


VIEWS = ["overview", "queues", "in-flight", "retries", "dead", "workers", "configuration", "log"]


def test_an_operator_sees_what_is_wrong_and_puts_it_right(volleyd, redis):
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="dead_letter") > 0, "a message is a dead letter")
    with browser(volleyd) as ask:
        def shows(place, text):
            wait_until(lambda: text in ask("text", place), f"{text!r} is shown in {place}", 120)

        ask("open", "light", 1280, "overview")
        shows("#flow", "ship")
        # By keyboard alone: the dialog has the focus, Escape leaves it, and the focus goes back.
        ask("focus", "[aria-label='Pause bill']")
        ask("press", "Enter")
        shows("#ask-twin", "volley pause bill")
        assert ask("run", "axe") == []
        ask("press", "Escape")
        wait_until(lambda: ask("focused") == "Pause bill", "the focus is back")
        ask("press", "Enter")
        shows("#ask-twin", "volley pause bill")
        ask("click", "#ask-yes")
        shows("#whys", "bill: paused by an operator")
        ask("click", "[aria-label='Resume bill']")
        ask("click", "#ask-yes")
        wait_until(lambda: "paused" not in ask("text", "#whys"), "the sentence is gone")

        ask("click", "#to-retries")
        shows("#retrying", "the price service answers <b>503</b>")
        ask("click", "#to-log")
        shows("#log", "<img src=x onerror=alert(1)> has no address")

        volleyd.config.write_text(volleyd.config.read_text().replace("type: rsmq", "type: nothing"))
        ask("click", "#reload")
        ask("click", "#ask-yes")
        shows("#notice", "The reload is refused")
        ask("click", "#to-overview")
        shows("#marks", "Reload refused")
        shows("#marks", "The engine started")
        shows("#marks", "A handler crashed or was restarted: ship")

        redis.stop()
        volleyd.store.put("out", [json.dumps({"n": n}) for n in range(3)], ["c"] * 3)
        shows("#whys", 'bill: the output "bills" does not take messages')
        for stalled in (".component", ".queue"):
            wait_until(lambda: ask("count", f"#flow .node.stalled{stalled}:has-text('bill')") == 1, f"{stalled} is red")
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
            ask("open", scheme, width, "log")
            for view in VIEWS:
                ask("click", f"#to-{view}")
                assert ask("run", "axe") == [], (view, scheme, width)
                assert ask("run", "overflow") <= 0, (view, scheme, width)
                if folder := os.environ.get("VOLLEY_SCREENSHOTS"):
                    ask("screenshot", f"{folder}/{view}-{scheme}-{width}.png")
        assert ask("trouble") == []


def letter_is_gone(volleyd, id):
    return id not in [row["id"] for row in Api(volleyd).get("dead_letters")["letters"]]


def test_dead_letters_are_seen_and_put_right(volleyd):
    store = volleyd.store
    bodies = [json.dumps({"n": 1, "customer": {"id": 12345678901234567890, "tags": ["a", None]}}), '{"n": 2}', "<img src=x onerror=alert(1)>"]
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="dead_letter") >= 6, "there are dead letters")
    store.put("dead", bodies, ["k"] * 3)
    with store.connect() as connection:
        connection.execute("INSERT INTO volley_messages (queue, key, body, headers) VALUES ('dead', 'k', x'00ff1b5b41', '[[\"colour\", \"red\"]]')")
    with browser(volleyd) as ask:
        def shows(place, text):
            wait_until(lambda: text in ask("text", place), f"{text!r} is shown in {place}", 60)

        def done(text):
            ask("click", "#ask-yes")
            shows("#notice-text", text)
            ask("click", "#notice-close")

        ask("open", "light", 1280, "dead")
        shows("#reasons", "handler_fail")
        ask("click", "[aria-label='Show handler_fail of ship']")
        shows("#letters-rows", "<img src=x onerror=alert(1)> has no address")
        first, second, third = (row["id"] for row in Api(volleyd).get("dead_letters?reason=handler_fail&limit=3")["letters"])

        # One is opened, and edited.
        ask("click", f"#letters-rows button:text-is('{first}')")
        shows("#letter-parts", "first-error")
        if folder := os.environ.get("VOLLEY_SCREENSHOTS"):
            ask("screenshot", f"{folder}/letter.png")
        ask("click", "#letter-edit")
        shows("#ask-twin", f"volley dlq retry {first} --edit --queue dead")
        assert ask("run", "axe") == []
        ask("fill", "#ask-editor", "no json")
        ask("click", "#ask-yes")
        wait_until(lambda: "Not done" in ask("text", "#notice-text") or "was edited" in ask("text", "#notice-text"), "there is a verdict")
        if not letter_is_gone(volleyd, first):
            ask("click", f"#letters-rows button:text-is('{first}')")
            shows("#letter-title", first)
            ask("click", "#letter-edit")
            ask("fill", "#ask-editor", '{"n": 100}')
            done("1 dead letter was edited and sent again.")
        wait_until(lambda: letter_is_gone(volleyd, first), "it is gone")

        # Some are chosen, exported and deleted.
        for id in (second, third):
            ask("click", f"[aria-label='Select {id}']")
        ask("click", "#letters-save")
        shows("#ask-twin", f"volley dlq show --json {second} {third} --queue dead > dead-letters.ndjson")
        lines = ask("download", "#ask-yes").splitlines()
        assert [json.loads(line)["id"] for line in lines] == [second, third]
        ask("click", "#letters-delete")
        assert "Delete 2 dead letters?" in ask("text", "#ask-title") and ask("focused") == "Cancel"
        shows("#ask-twin", f"volley dlq delete {second} {third} --queue dead")
        done("2 dead letters were deleted.")

        # All of a reason: they fail again, and the count to confirm is that of the group.
        count = Api(volleyd).get("dead_letter_reasons?reason=handler_fail")["groups"][0]["count"]
        ask("click", "[aria-label='Retry handler_fail of ship']")
        assert f"Retry {count} dead letters?" in ask("text", "#ask-title")
        shows("#ask-twin", "volley dlq retry --all --queue dead --component ship --reason handler_fail")
        ask("select", "#ask-choices select", "out")
        shows("#ask-twin", "--to out")
        done(f"{count} dead letter")
        wait_until(lambda: Api(volleyd).get("dead_letter_reasons?reason=handler_fail")["groups"] == [], "they are gone")

        # Those that no engine put there: as a tree with all digits, as bytes, and as text.
        ask("click", "#letters-refresh")
        wait_until(lambda: ask("count", "[aria-label='Show letters without a reason of no component']") == 1, "they are counted")
        ask("click", "[aria-label='Show letters without a reason of no component']")
        for row, wanted in ((0, "12345678901234567890"), (2, "<img src=x onerror=alert(1)>"), (3, "00 ff 1b 5b 41")):
            ask("click", f"#letters-rows tbody tr:nth-child({row + 1}) button")
            shows("#letter-parts", wanted)
            assert ask("run", "axe") == []
        assert "colour" in ask("text", "#letter-parts")
        ask("click", "#letter-retry")
        ask("click", "#ask-yes")
        shows("#notice-text", "it does not say which queue it is from")
        ask("fill", "#letters-match", "/n=2")
        ask("press", "Enter")
        shows("#letters-held", "1 matches")
        ask("click", "[aria-label='Export letters without a reason of no component']")
        shows("#ask-twin", "volley dlq export --queue dead --match '/n=2' --component '-' --reason '-' > dead-letters.ndjson")
        assert [json.loads(line)["body"] for line in ask("download", "#ask-yes").splitlines()] == ['{"n": 2}']
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
            ask("open", scheme, width, "dead")
            shows("#reasons", "-")
            ask("click", "[aria-label='Show letters without a reason of no component']")
            wait_until(lambda: ask("count", "#letters-rows tbody tr") == 4, "the letters are shown")
            ask("click", "#letters-rows tbody tr:nth-child(1) button")
            shows("#letter-parts", "12345678901234567890")
            assert ask("run", "axe") == [], (scheme, width)
            assert ask("run", "overflow") <= 0, (scheme, width)
            if folder := os.environ.get("VOLLEY_SCREENSHOTS"):
                ask("screenshot", f"{folder}/letters-{scheme}-{width}.png")
        assert ask("trouble") == []


def test_the_page_says_when_the_engine_is_gone(volleyd):
    with browser(volleyd) as ask:
        ask("open", "light", 1280, "overview")
        ask("click", "#drain")
        assert ask("focused") == "Cancel"
        ask("click", "#ask-yes")
        assert volleyd.wait() in (0, 75)
        wait_until(lambda: "The engine does not answer. The figures are from" in ask("text", "#lost"), "the page says so")
