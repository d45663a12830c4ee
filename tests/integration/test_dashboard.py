"""The dashboard: what is served, and what its script makes of a running engine's events."""

import json
import re
import subprocess

import pytest
from support.api import Api, description
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

FOLDER = ROOT / "engine" / "operations" / "dashboard"
PAGE = (FOLDER / "index.html").read_text()
SCRIPTS = {name: (FOLDER / name).read_text() for name in re.findall(r'<script src="([\w.]+)"', PAGE)}
SCRIPT = "\n".join(SCRIPTS.values())
HOSTILE = "<img src=x onerror=alert(1)>\u202e\n\"'&"


def shown(events, *clicks):
    lines = "\n".join(json.dumps(event) for event in events)
    result = subprocess.run(["node", str(ROOT / "tests/integration/support/dashboard.mjs"), str(FOLDER), *clicks], input=lines,
                            capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def volleyd(tmp_path):
    store = Sqlite(tmp_path)
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out"))
    running = Volleyd(tmp_path, f"app: board\nqueues:\n{queues}components:\n  - {{name: the move, input: in, outputs: [out], "
                                "handler: forward}\noperations: {listen: \"127.0.0.1:0\"}\n").wait_ready()
    running.store = store
    yield running
    assert running.stop() == 0, running.log


def properties(part):
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "properties":
                yield from value
            if name == "required" and isinstance(value, list):
                yield from value
            yield from properties(value)
    elif isinstance(part, list):
        for value in part:
            yield from properties(value)


def test_the_page_is_whole_small_and_loads_nothing_from_elsewhere(volleyd):
    assert set(SCRIPTS) == {path.name for path in FOLDER.glob("*.js")}
    served = {path: volleyd.get(path) for path in ("/", "/dashboard.css", *(f"/{name}" for name in SCRIPTS))}
    assert {status for status, _ in served.values()} == {200}
    assert {name: served[f"/{name}"][1] for name in SCRIPTS} == SCRIPTS and "<h1>board</h1>" in served["/"][1]
    assert sum(len(body) for _, body in served.values()) < 100_000
    for _, body in served.values():
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", body)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", PAGE), "the policy allows nothing inline"


def test_the_script_sets_no_markup_and_asks_for_what_there_is():
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", SCRIPT)
    ids = set(re.findall(r'\bid="([\w-]+)"', PAGE))
    assert set(re.findall(r'byId\("([\w-]+)"\)', SCRIPT)) <= ids
    views = {name.removeprefix("view-") for name in ids if name.startswith("view-")}
    assert {f"to-{view}" for view in views} <= ids and set(re.findall(r'href="#([\w-]+)"', PAGE)) == views | {"main"}
    known = set(properties(description()))
    used = set(re.findall(r"\b(?:c|o|one|status|status\.log|verdict|queue|line|event|component|c\.counters|c\.per_second)\.([a-z][a-z_]*)\b",
                          SCRIPT))
    # What belongs to the browser's own objects of these names, and reasons and rates, which the schema does not list.
    assert used - known - {"children", "target", "data", "append", "dataset", "value"} == set()


def test_it_shows_a_running_engine(volleyd):
    volleyd.store.put("in", [json.dumps({"n": n}) for n in range(5)], ["a"] * 5)
    wait_until(lambda: len(volleyd.store.take("out")) == 5, "it has moved them")
    wait_until(lambda: Api(volleyd).get("queues")["queues"][0]["asked_at"], "the store was asked")
    page = shown(Api(volleyd).events(2), "Pause the move", "ask-yes", "reload", "ask-yes", "#configuration")
    assert page["url"] == "api/v1/events" and page["title"] == "board - Volley"
    assert page["text"]["state"] == "running" and "version" in page["text"]["facts"]
    assert page["text"]["whys"] == "" and page["classes"]["cards"] == ["card"] and "all-clear" not in page["hidden"]
    assert "sqlite, 0 waiting" in page["text"]["flow"] and "the move to out" in page["label"]
    assert not any("stalled" in look for look in page["flow"])
    assert "Done, all5" in page["text"]["cards"] and "volley pause 'the move'" in page["text"]["cards"]
    assert page["asked"] == ["GET api/v1/history", "POST api/v1/components/the%20move/pause", "POST api/v1/reload",
                             "GET api/v1/configuration"]


def test_nothing_is_done_without_a_confirmation_that_shows_the_command(volleyd):
    events = Api(volleyd).events(1)
    for button, command in [("Pause the move", "volley pause 'the move'"), ("reload", "volley reload"), ("drain", "volley drain"),
                            ("level", "volley log debug --for 10m")]:
        asking = shown(events, button)
        assert asking["dialog"] and asking["twin"] == command and asking["asked"] == ["GET api/v1/history"]
        cancelled = shown(events, button, "ask-no")
        assert not cancelled["dialog"] and cancelled["asked"] == ["GET api/v1/history"]
    assert shown(events, "level", "ask-yes")["asked"][1:] == ["POST api/v1/log?level=debug&for=10m"]
    assert shown(events, "drain", "ask-yes")["asked"][1:] == ["POST api/v1/drain"]
    assert [line for line in volleyd.lines if "operator's request" in line] == [], "the page of this test is not connected"


def test_it_shows_a_stall_in_red_and_foreign_text_as_text(volleyd):
    event = Api(volleyd).events(1)[0]
    component = event["components"][0]
    component.update(ready=False, cause="output", why=HOSTILE, since=1.0, name=HOSTILE, breaker_open=True)
    component["outputs"][0].update(up=False, failed=3, last_error=HOSTILE)
    component["outputs"].append({**component["outputs"][0], "queue": HOSTILE, "is_dead_letter_queue": True})
    component["retrying"] = [{"message": HOSTILE, "partition": None, "waits_for": "output", "attempts": 2, "next_try_at": 2.0,
                              "error": HOSTILE}]
    event["queues"][0].update(name=HOSTILE, component=HOSTILE)
    event["lines"] = [{"at": 1.0, "level": "error", "text": HOSTILE}]
    event["status"].update(ready=False, state="stalled", reload={"state": "refused", "number": 1, "text": HOSTILE, "ended_at": 1.0})
    page = shown([event, event])
    assert page["classes"] == {"cards": ["card stalled"], "whys": ["why output"]} and "all-clear" in page["hidden"]
    assert "node component stalled" in page["flow"] and "edge stalled idle" in page["flow"] and "node queue stalled" in page["flow"]
    assert page["text"]["whys"] == f"{HOSTILE}: {HOSTILE}"
    for place in ("flow", "cards", "read", "written", "in-flight-counts", "retrying", "dead", "dead-commands", "workers", "log",
                  "reload-verdict"):
        assert HOSTILE in page["text"][place].replace("'\\''", "'"), place


def test_a_reload_and_a_restart_are_marked(volleyd):
    first = Api(volleyd).events(1)[0]
    second = json.loads(json.dumps(first))
    second["status"]["uptime_seconds"] += 6
    second["status"]["reload"] = {"state": "refused", "number": 1, "text": HOSTILE, "ended_at": second["status"]["started_at"] + 6}
    second["components"][0]["worker_restarts"] = 2
    page = shown([first, second])
    assert f"Reload refused: {HOSTILE}" in page["text"]["marks"]
    assert "A handler crashed or was restarted: the move, 2 times" in page["text"]["marks"]
    assert "no-marks" in page["hidden"]


def test_the_engine_remembers_what_no_page_has_seen(volleyd):
    api = Api(volleyd)
    volleyd.store.put("in", [json.dumps({"n": n}) for n in range(5)], ["a"] * 5)
    wait_until(lambda: any(sum(one["received"]) > 0 for one in api.get("history")["components"]), "a point shows the messages")
    history = api.get("history")
    only = history["components"][0]
    assert only["name"] == "the move" and len({len(values) for name, values in only.items() if name != "name"}) == 1
    assert [mark["kind"] for mark in history["marks"]] == ["start"]


def test_a_component_that_is_gone_leaves_the_page(volleyd):
    first = Api(volleyd).events(1)[0]
    second = json.loads(json.dumps(first))
    second["components"][0]["name"] = "another"
    page = shown([first, second])
    assert "the move" not in page["text"]["cards"] + page["text"]["flow"] and "another" in page["text"]["cards"]
