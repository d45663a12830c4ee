"""volley-plugin-check: our connectors keep the contract, and plugins with one mistake each are caught by the right check."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.plugins import build_plugin, plugin_check
from support.servers import ROOT
from support.volleyd import BUILD

PLUGINS = ROOT / "tests" / "plugins"

# The plugin's source, the check that finds its mistake, and what the check says of it.
WRONG = [
    ("too_many", "Reader+Writer/capacity", "Reader's consume set count to 2 with a capacity of 1; fill at most `capacity` messages"),
    ("no_stride", "Reader+Writer/settle", "Reader's settle wrote behind a settlement; step through settlements with VOLLEY_AT"),
    ("one_buffer", "Reader+Writer/views", "the views of an open delivery have changed: the body"),
    ("deaf", "Reader/interrupt", "consume did not return within 5 s of an interrupt by another thread"),
    ("acks_all", "Reader+Writer/settle", "of 20 stored messages 0 came; consume delivers all"),
    ("no_results", "Reader+Writer/capacity", "Reader's settle left the results of 20 settlements at VOLLEY_E_RETRY for 3 s"),
    ("reports_twice", "Writer/reports", "a record was reported twice; each accepted record gets exactly one report"),
    ("reports_late", "Writer/close-reports", "after close 1 accepted records have no report"),
    ("keeps_views", "Reader+Writer/bytes", "a message with a plain body comes with another content: the body differs from byte 0 on"),
    ("leaks", "Reader/leaks", r"1000 rounds of create and destroy leak \d+ bytes; free everything in destroy"),
    ("crashes", "Reader/config-fuzz", "crashed in Reader's create: Aborted"),
    ("no_text", "Reader/wrong-config", "Reader's create returned VOLLEY_E_CONFIG without a text"),
    ("hangs", "Reader/create", "did not finish within 2 s, and is in Reader's destroy"),
    ("wrong_flag", "Reader/class", "it has the flag VOLLEY_KEEPS_GROUPS, which is not for a consumer"),
    ("last_first", "Reader+Writer/thousand", r"message \d+ came after message \d+; keep the order of a partition"),
    ("one_instance", "Reader/create", r"Reader's create returned VOLLEY_E_CONFIG \(there is one already\)"),
    ("throws", "Throws/handle", "an exception left Throws's handle: no such city"),
    ("never_finishes", "Echo/handle", "2 pending jobs were not finished within 5 s"),
]


def findings(result):
    """Check to status and reason."""
    lines = [re.fullmatch(r"(PASS|WARN|FAIL|SKIP)  ([^ :]+)(?:: (.*))?", line) for line in result.stdout.splitlines()]
    return {line.group(2): (line.group(1), line.group(3) or "") for line in lines if line}


def test_each_wrong_plugin_is_in_the_table():
    assert {row[0] for row in WRONG} == {path.stem for path in (PLUGINS / "wrong").iterdir()}


@pytest.fixture(scope="module")
def wrong_reports(tmp_path_factory):
    """What the right check said of each wrong plugin. Most of them wait for something, so they run beside each other."""
    folder = tmp_path_factory.mktemp("wrong")

    def report(row):
        name, check, _ = row
        plugin = build_plugin(next((PLUGINS / "wrong").glob(f"{name}.c*")), folder)
        return plugin_check(plugin, "--config", "{}", "--only", check, *(["--timeout", "2s"] if name == "hangs" else []))

    with ThreadPoolExecutor(max_workers=6) as pool:
        return dict(zip((row[0] for row in WRONG), pool.map(report, WRONG)))


@pytest.mark.parametrize(("name", "check", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_plugin_is_caught_by_the_right_check(name, check, words, wrong_reports):
    result = wrong_reports[name]
    assert result.returncode == 1, result.stdout + result.stderr
    status, reason = findings(result)[check]
    assert status == "FAIL" and re.search(words, reason), reason


def test_the_right_plugin_passes_every_check(tmp_path):
    result = plugin_check(build_plugin(PLUGINS / "right.c", tmp_path), "--config", "{}")
    assert result.returncode == 0, result.stdout
    assert not [check for check, (status, _) in findings(result).items() if status in ("FAIL", "WARN")], result.stdout


def test_without_a_store_the_checks_that_need_one_are_skipped_and_say_so(tmp_path):
    checks = [word for name in ("leaks", "handle", "bytes") for word in ("--only", name)]
    found = findings(plugin_check(build_plugin(PLUGINS / "right.c", tmp_path), *checks))
    assert found["Reader/leaks"][0] == "PASS" and found["Echo/handle"][0] == "PASS"
    assert found["Reader+Writer/bytes"] == ("SKIP", "it needs a store: give --config, '{}' if no key is needed")


@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_our_connectors_without_a_server_keep_the_contract(name):
    result = plugin_check(BUILD / "plugins" / f"{name}.so", "--config", "{}")
    assert result.returncode == 0, result.stdout + result.stderr


def rsmq_check(server, *arguments):
    config = json.dumps({"port": server.port, "ns": "check", "vt": 5})
    return plugin_check(BUILD / "plugins" / "rsmq.so", "--config", config, *arguments)


def test_rsmq_delivers_settles_and_reports_as_the_contract_says(redis_server):
    names = ("lifecycle", "reports", "bytes", "thousand", "views", "settle", "two-consumers", "lease", "atomic")
    result = rsmq_check(redis_server, *(word for name in names for word in ("--only", name)))
    assert result.returncode == 0 and "10 passed" in result.stdout, result.stdout + result.stderr


@pytest.mark.faults
def test_rsmq_keeps_the_contract(redis_server):
    result = rsmq_check(redis_server)
    assert result.returncode == 0, result.stdout + result.stderr


def test_without_its_server_a_connector_fails_with_its_words():
    checks = [word for name in ("create", "wrong-config", "lifecycle") for word in ("--only", name)]
    found = findings(plugin_check(f"{BUILD / 'plugins' / 'rsmq.so'}:RsmqConsumer", "--config", '{"port": 1}', *checks))
    assert found["RsmqConsumer/create"][0] == "PASS" and found["RsmqConsumer/wrong-config"][0] == "PASS"
    status, reason = found["RsmqConsumer/lifecycle"]
    assert status == "FAIL" and "open returned VOLLEY_E_RETRY" in reason, reason


def test_a_run_is_repeated_by_its_seed(tmp_path):
    plugin = build_plugin(PLUGINS / "wrong" / "crashes.c", tmp_path)

    def reason(seed):
        return plugin_check(plugin, "--only", "Reader/config-fuzz", "--seed", seed).stdout

    assert reason(7) == reason(7)


def test_the_report_as_json(tmp_path):
    plugin = build_plugin(PLUGINS / "right.c", tmp_path)
    report = json.loads(plugin_check(plugin, "--only", "class", "--json").stdout)
    assert report["failed"] == 0 and [check["name"] for check in report["checks"]] == ["Reader/class", "Writer/class", "Echo/class"]


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "give a file"),
    (["x.so", "--config", "{"], "no JSON object"),
    (["x.so", "--config", "nothing.json"], "cannot be read"),
    (["x.so", "--only", "leak"], 'did you mean "leaks"?'),
    (["x.so", "--timeout", "soon"], "is not a duration"),
])
def test_wrong_arguments_are_told(arguments, words):
    result = plugin_check(*arguments)
    assert result.returncode == 64 and words in result.stderr, result.stderr


def test_the_configuration_may_be_yaml(tmp_path):
    """Its errors have their line; relative paths begin at its folder."""
    file = tmp_path / "store.yml"
    file.write_text("# of tests\npath: here.db\n")
    checks = ["--only", "identity", "--only", "atomic-lost", "--only", "find-remove", "--only", "purge"]
    result = plugin_check(BUILD / "plugins" / "sqlite.so", "--config", str(file), *checks)
    assert result.returncode == 0 and {status for status, _ in findings(result).values()} == {"PASS"}, result.stdout
    assert (tmp_path / "here.db").exists()
    file.write_text("path: a\n- b\n")
    result = plugin_check(BUILD / "plugins" / "sqlite.so", "--config", str(file))
    assert result.returncode == 64 and f"{file}:2" in result.stderr, result.stderr


def test_a_file_that_is_no_plugin_is_one_failed_check(tmp_path):
    text = tmp_path / "text.so"
    text.write_text("no plugin")
    result = plugin_check(text)
    assert result.returncode == 1 and findings(result)["text.so/loads"][0] == "FAIL"
    result = plugin_check(build_plugin(PLUGINS / "right.c", tmp_path), "--list")
    assert result.returncode == 0 and "two-consumers" in result.stdout


def test_a_class_that_is_not_there_gets_the_nearest_name(tmp_path):
    result = plugin_check(f"{build_plugin(PLUGINS / 'right.c', tmp_path)}:Raeder")
    assert result.returncode == 1 and "it has no class Raeder; did you mean Reader?" in result.stdout
