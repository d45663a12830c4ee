"""Alert rules and dashboard ask only for metrics that there are, and the metrics have the names that the pages promise."""

import json
import re
import subprocess

import pytest
import yaml
from support.api import Api
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

MONITORING = ROOT / "config" / "monitoring"
SOURCE = (ROOT / "engine" / "operations" / "metrics.cpp").read_text()
NAMES = set(re.findall(r'"(volley_\w+)"', SOURCE))
HISTOGRAMS = {"volley_handler_duration_seconds", "volley_ack_latency_seconds"}
KNOWN = NAMES | {name + suffix for name in HISTOGRAMS for suffix in ("_bucket", "_sum", "_count")}
OF_LOGS = {"volley_queue_partition_lag", "volley_queue_partitions_assigned"}
LABELS = {"app", "component", "queue", "connector", "outcome", "reason", "state", "destination", "result", "le", "version", "source",
          "partition"}


def expressions():
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


@pytest.mark.parametrize("title, expression", expressions())
def test_an_expression_asks_only_for_what_there_is(title, expression):
    assert set(re.findall(r"volley_\w+", expression)) - KNOWN == set()
    for matchers in re.findall(r"\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) - LABELS == set()
    assert all(expression.count(a) == expression.count(b) for a, b in ("()", "[]", "{}"))


def test_the_rules_have_what_prometheus_wants():
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]:
        assert group["name"]
        for rule in group["rules"]:
            assert re.fullmatch(r"[A-Z]\w+", rule["alert"]) and rule["annotations"]["summary"]
            assert rule["labels"]["severity"] in ("info", "warning", "critical")
            used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
            assert used - LABELS == set()


def test_the_panels_do_not_overlap():
    taken = set()
    for panel in json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24
        taken |= cells


def test_a_scrape_has_the_metrics_and_they_are_well_named(tmp_path):
    store = Sqlite(tmp_path)
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out"))
    volleyd = Volleyd(tmp_path, f"app: names\nqueues:\n{queues}components:\n  - {{name: move, input: in, outputs: [out], "
                                "handler: forward}\noperations: {listen: \"127.0.0.1:0\"}\n").wait_ready()
    Api(volleyd).post("components/move/pause")
    store.put("in", ['{"n": 1}'], ["a"])
    text = wait_until(lambda: (lambda t: t if "volley_queue_oldest_message_age_seconds{" in t else None)(volleyd.get("/metrics")[1]),
                      "the store was asked")
    types = dict(re.findall(r"^# TYPE (volley_\w+) (\w+)$", text, re.M))
    own = {name for name in types if not name.startswith("volley_plugin_")}
    assert own == NAMES - OF_LOGS
    for name, kind in types.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert f"# HELP {name} " in text
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r'volley_\w+(\{(\w+="[^"]*",?)*\})? \S+', line), line
    assert volleyd.stop() == 0, volleyd.log


@pytest.mark.faults  # with promtool, of the package prometheus
def test_promtool_finds_nothing_and_each_rule_fires_when_it_should(tmp_path):
    rules = subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=MONITORING, capture_output=True, text=True)
    assert rules.returncode == 0, rules.stdout + rules.stderr
    tested = set(re.findall(r"alertname: (\w+)", (MONITORING / "alerts_test.yml").read_text()))
    assert tested == {name for name, _ in expressions() if name.startswith("Volley")}
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, f"app: names\nqueues:\n  in: {{type: sqlite, config: {store.config()}}}\n  out: {{type: sqlite, "
                                f"config: {store.config()}}}\ncomponents: [{{name: move, input: in, outputs: [out], handler: forward}}]\n"
                                'operations: {listen: "127.0.0.1:0"}\n').wait_ready()
    found = subprocess.run(["promtool", "check", "metrics"], input=volleyd.get("/metrics")[1], capture_output=True, text=True)
    assert found.returncode == 0 and not found.stderr, found.stdout + found.stderr
    assert volleyd.stop() == 0, volleyd.log
