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
SCRIPT = (FOLDER / "dashboard.js").read_text()
PAGE = (FOLDER / "index.html").read_text()
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
    served = {path: volleyd.get(path) for path in ("/", "/dashboard.css", "/dashboard.js")}
    assert [status for status, _ in served.values()] == [200, 200, 200]
    assert served["/dashboard.js"][1] == SCRIPT and "<h1>board</h1>" in served["/"][1]
    assert sum(len(body) for _, body in served.values()) < 100_000
    for _, body in served.values():
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", body)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", PAGE), "the policy allows nothing inline"


def test_the_script_sets_no_markup_and_asks_for_what_there_is():
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", SCRIPT)
    ids = set(re.findall(r'\bid="([\w-]+)"', PAGE))
    assert set(re.findall(r'byId\("([\w-]+)"\)', SCRIPT)) <= ids
    known = set(properties(description()))
    used = set(re.findall(r"\b(?:c|o|one|status|status\.log|verdict|queue|line|event|component|c\.counters|c\.per_second)\.([a-z][a-z_]*)\b",
                          SCRIPT))
    # What belongs to the browser's own objects of these names, and reasons and rates, which the schema does not list.
    assert used - known - {"children", "target", "data", "append", "dataset"} == set()


def test_it_shows_a_running_engine(volleyd):
    volleyd.store.put("in", [json.dumps({"n": n}) for n in range(5)], ["a"] * 5)
    wait_until(lambda: len(volleyd.store.take("out")) == 5, "it has moved them")
    wait_until(lambda: Api(volleyd).get("queues")["queues"][0]["asked_at"], "the store was asked")
    page = shown(Api(volleyd).events(2), "Pause the move", "reload", "configuration")
    assert page["url"] == "api/v1/events" and page["title"] == "board - Volley"
    assert page["text"]["state"] == "running" and "version" in page["text"]["facts"]
    assert page["text"]["whys"] == "" and page["classes"]["cards"] == ["card"]
    assert "in sqlite, 0 waiting" in page["text"]["flow"] and "out (sqlite)" in page["text"]["flow"]
    assert "Done, all5" in page["text"]["cards"] and "volley pause 'the move'" in page["text"]["cards"]
    assert page["asked"] == ["POST api/v1/components/the%20move/pause", "POST api/v1/reload", "GET api/v1/configuration"]


def test_it_shows_a_stall_in_red_and_foreign_text_as_text(volleyd):
    event = Api(volleyd).events(1)[0]
    component = event["components"][0]
    component.update(ready=False, cause="output", why=HOSTILE, since=1.0, name=HOSTILE, breaker_open=True)
    component["outputs"][0].update(up=False, failed=3, last_error=HOSTILE)
    component["retrying"] = [{"message": HOSTILE, "partition": None, "waits_for": "output", "attempts": 2, "next_try_at": 2.0,
                              "error": HOSTILE}]
    event["lines"] = [{"at": 1.0, "level": "error", "text": HOSTILE}]
    event["status"].update(ready=False, state="stalled", reload={"state": "refused", "number": 1, "text": HOSTILE, "ended_at": 1.0})
    page = shown([event, event])
    assert page["classes"] == {"flow": ["row stalled"], "cards": ["card stalled"], "whys": ["why output"]}
    assert page["text"]["whys"] == f"{HOSTILE}: {HOSTILE}"
    for place in ("cards", "retrying", "log", "reload-verdict"):
        assert HOSTILE in page["text"][place], place


def test_a_component_that_is_gone_leaves_the_page(volleyd):
    first = Api(volleyd).events(1)[0]
    second = json.loads(json.dumps(first))
    second["components"][0]["name"] = "another"
    page = shown([first, second])
    assert "the move" not in page["text"]["cards"] + page["text"]["flow"] and "another" in page["text"]["cards"]
