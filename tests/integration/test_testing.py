"""`volley test`: components with real handlers, on the test's own clock. A test that should fail says why, and nothing hangs."""

import base64
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from support.servers import ROOT, wait_until
from support.volleyd import BUILD, VOLLEY, VOLLEYD

GOLDEN = Path(__file__).parent / "golden"

CONFIG = """
app: shop
queues:
  - {name: orders, type: sqlite, serializer: json}
  - {name: shipments, type: sqlite, serializer: json}
  - {name: dead, type: sqlite}
components:
  - name: ship
    input: orders
    outputs: [shipments]
    handler: {exec: [%s, handler.py]}
    dead_letter_queue: dead
    retry: {max_attempts: 3, initial_delay: 1s, max_delay: 20m}
""" % sys.executable

HANDLER = """
import os, sys, time
sys.path.insert(0, %r)
from volley_handler import Drop, Fail, Retry, run

def handle(message, out):
    order = message.body
    does = order.get("does")
    if does == "retry" or does == "once" and message.attempt == 1:
        raise Retry("not now")
    if does == "later" and message.attempt == 1:
        raise Retry("in ten minutes", after=600)
    if does == "fail":
        raise Fail("it is wrong")
    if does == "drop":
        raise Drop("not wanted")
    if does == "die":
        print("I die", file=sys.stderr, flush=True)
        os._exit(3)
    if does == "hang":
        time.sleep(1000)
    if does == "garbage":
        os.write(1, b'\\x00\\xff{"id"[' * 100 + b"\\n")
        time.sleep(1000)
    out.send("shipments", {"order": order["id"], "parcels": order.get("parcels", 1)})

run(handle)
""" % str(ROOT / "plugin_api" / "python")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "volley.yml").write_text(CONFIG)
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "tests").mkdir()
    return tmp_path


def run(folder, *arguments, timeout=60):
    return subprocess.run([VOLLEY, "test", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=timeout)


def check(folder, text, *arguments, code=0):
    """Runs one test file. Returns what was printed."""
    (folder / "tests" / "ship.yml").write_text(text)
    done = run(folder, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_outputs_retries_dead_letters_and_drops_are_as_expected(project):
    begin = time.monotonic()
    printed = check(project, """
component: ship
tests:
  - name: an order becomes a shipment
    given:
      - {body: {id: 1}, key: a, headers: {trace: t1, other: x}}
      - {body: '{"id": 2.0, "parcels": 4}'}
    expect:
      outputs:
        shipments:
          - {body: {parcels: 1, order: 1}, key: a, headers: {trace: t1}}
          - {body: {order: 2, parcels: 4}, key: null}
      acked: [1, 2]
  - name: a message is tried again, and given up
    given: [{body: {id: 1, does: retry}}, {body: {id: 2, does: once}}]
    expect:
      outputs: {shipments: [{body: {order: 2, parcels: 1}}]}
      retries: {1: [1s, 2s], 2: [1s]}
      dead_letters: [{message: 1, reason: handler_retry, attempts: 3, error: not now}]
  - name: a delay of ten minutes takes no time
    given: [{body: {id: 1, does: later}}]
    expect:
      outputs: {shipments: [{body: {order: 1, parcels: 1}}]}
      retries: {1: [10m]}
  - name: what is dropped is acked
    given: [{body: {id: 1, does: drop}}]
    expect: {dropped: [1], acked: [1]}
  - name: what is no JSON becomes a dead letter
    given: [{body: 'no JSON'}, {body_base64: /w==}]
    expect: {dead_letters: [{message: 1, reason: decode}, {message: 2, reason: decode}]}
""")
    assert printed.endswith("5 passed, 0 failed\n"), printed
    assert printed.count("ok    tests/ship.yml:") == 5
    assert time.monotonic() - begin < 300  # and not 600 s for the delay
    assert not (project / "volley.db").exists()


def test_faults_are_survived(project):
    check(project, """
component: ship
tests:
  - name: the output is down
    given: [{body: {id: 1}}]
    faults: [{output: shipments, down_for: 30m}]
    expect: {outputs: {shipments: [{body: {order: 1, parcels: 1}}]}}
  - name: the dead-letter queue is down
    given: [{body: {id: 1, does: fail}}]
    faults: [{output: dead, down_for: 30s, after: 0s}]
    expect: {dead_letters: [{message: 1, reason: handler_fail, attempts: 1}]}
  - name: the handler dies
    given: [{body: {id: 1}}, {body: {id: 2}}]
    faults: [{handler: dies, message: 2, times: 2}]
    expect:
      outputs: {shipments: [{body: {order: 1, parcels: 1}}, {body: {order: 2, parcels: 1}}]}
      retries: {2: [1s, 2s]}
  - name: the handler dies each time
    given: [{body: {id: 1}}]
    faults: [{handler: dies, message: 1, times: 3}]
    expect:
      retries: {1: [1s, 2s]}
      dead_letters: [{message: 1, reason: crash, attempts: 3}]
  - name: the handler really dies
    given: [{body: {id: 1, does: die}}]
    expect:
      retries: {1: [1s, 2s]}
      dead_letters: [{message: 1, reason: crash, attempts: 3, error: exit status 3}]
  - name: the handler hangs
    handler_timeout: 300ms
    given: [{body: {id: 1, does: hang}}, {body: {id: 2}}]
    expect:
      outputs: {shipments: [{body: {order: 2, parcels: 1}}]}
      retries: {1: [1s, 2s]}
      dead_letters: [{message: 1, reason: timeout}]
""")


def golden(name, printed):
    printed = re.sub(r"(  the log ends with\n)(?:    .*\n)+", r"\1    …\n", printed)
    file = GOLDEN / name
    if os.environ.get("VOLLEY_WRITE_EXPECTED"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(printed)
    assert printed == file.read_text()


WRONG = """component: ship
tests:
  - name: a shipment with other numbers, another key and no trace
    given:
      - {body: {id: 1, parcels: 3}, key: a}
    expect:
      outputs:
        shipments:
          - body: {order: 1, parcels: 4}
            key: b
            headers: {trace: t1}
  - name: one output too many, and one too few
    given: [{body: {id: 1}}, {body: {id: 2, does: fail}}]
    expect:
      dead_letters: [{message: 1}]
  - name: other delays
    given: [{body: {id: 1, does: once}}]
    expect:
      outputs: {shipments: [{body: {order: 1, parcels: 1}}]}
      retries: {1: [5s, 10s]}
  - name: another reason
    given: [{body: {id: 1, does: fail}}]
    expect:
      dead_letters:
        - {message: 1, reason: schema, error: quantity}
  - name: nothing is dropped
    given: [{body: {id: 1, does: drop}}]
    expect: {}
"""


def test_a_wrong_expectation_fails_with_both_sides(project):
    golden("wrong_expectations.txt", check(project, WRONG, code=1))


MISTAKES = """component: ship
tests:
  - nam: a typo
    given:
      - {bdy: {id: 1}, delivery_count: 0}
    faults: [{output: shipment, down_for: 30}]
    expect:
      outputs: {shipment: []}
      retries: {2: [1s]}
      dead_letters: [{message: 1, reason: handler_fial}]
"""


def test_mistakes_in_a_test_file_have_line_column_and_advice(project):
    printed = check(project, MISTAKES, code=1)
    golden("test_file_mistakes.txt", printed)
    for place in ("3:5", "5:10", "5:40", "6:23", "6:43", "8:17", "9:17", "10:43"):
        assert f"tests/ship.yml:{place}" in printed, place


@pytest.mark.parametrize("text, said", [
    ("", "the file is empty"), ("[1, 2]", "the test must be a mapping, not a list"), ("given: {", "tests/ship.yml:1"),
    ("component: shp\ngiven: [{body: 1}]\nexpect: {}", 'did you mean "ship"?'), ("tests: []", '"tests" has no test'),
    ("given: []\nexpect: {}", '"given" has no message'), ("given: [{body: 1}]", '"expect" is missing'),
    ("given: [{}]\nexpect: {}", "body: null is a tombstone"), ("given: [{body_base64: '%'}]\nexpect: {}", "this is not base64"),
    ("given: [{body: 1, headers: [a]}]\nexpect: {}", '"headers" must be a mapping'),
    ("given: [{body: 1}]\nexpect: {}\nfaults: [{handler: sleeps, message: 1}]", '"handler" must be dies'),
    ("given: [{body: 1}]\nexpect: {acked: 1}", '"acked" must be a list'),
    ("given: [{body: 1}]\nexpect: {acked: [2]}", "from 1 to 1"),
    ("given: [{body: 1}]\nexpect: []", '"expect" must be a mapping'),
    ("given: [{body: 1}]\nexpect: {outputs: []}", '"outputs" must be a mapping'),
    ("given: [{body: 1}]\nexpect: {outputs: {shipments: 1}}", "the outputs of a queue are a list"),
    ("given: 1\nexpect: {retries: 1, dead_letters: [1]}\nfaults: [1]\nwithin: 1", '"given" must be a list'),
])
def test_each_mistake_is_named(text, said, project):
    assert said in check(project, text, code=1)


@pytest.mark.parametrize("does, said", [
    ("die", "the handler's process ended (exit status 3)"), ("hang", "no answer within 200 ms"),
    ("garbage", "no answer within 200 ms")])
def test_a_handler_that_fails_unexpectedly_fails_the_test(does, said, project):
    printed = check(project, f"""
handler_timeout: 200ms
given: [{{body: {{id: 1, does: {does}}}}}]
expect: {{outputs: {{shipments: [{{body: {{order: 1}}}}]}}}}
""", code=1)
    assert said in printed and "dead letter of message 1" in printed, printed
    assert does != "die" or "I die" in printed.split("the log ends with")[1]  # what it printed


def test_a_test_that_does_not_end_is_ended(project):
    printed = check(project, "given: [{body: {id: 1, does: hang}}]\nexpect: {}\n", "--timeout", "2s", code=1)
    assert "it does not end within 2 s of real time: message 1 is in the handler, attempt 1" in printed
    config = (project / "volley.yml").read_text()
    (project / "volley.yml").write_text(config.replace("handler.py", "missing.py"))
    printed = check(project, "given: [{body: {id: 1}}]\nexpect: {}\n", "--timeout", "2s", code=1)
    assert "it does not end within 2 s of real time" in printed and "missing.py" in printed, printed
    (project / "volley.yml").write_text(config.replace(sys.executable, "no-such-program"))
    printed = check(project, "given: [{body: {id: 1}}]\nexpect: {}\n", code=1)
    assert '"no-such-program" cannot be started' in printed, printed


def test_a_message_that_is_never_settled_fails_the_test(project):
    config = (project / "volley.yml").read_text()
    (project / "volley.yml").write_text(config.replace("    dead_letter_queue: dead\n", ""))
    printed = check(project, "given: [{body: {id: 1, does: retry}}]\nexpect: {}\nwithin: 2h\n", code=1)
    assert re.search("message 1: [89] attempts: not now", printed) and "after 2h of the test's time" in printed, printed
    check(project, "given: [{body: {id: 1, does: fail}}]\nexpect: {requeued: [1]}\n")
    (project / "volley.yml").write_text(config.replace("dead_letter_queue: dead", "on_fail: stop"))
    stopping = "given: [{body: {id: 1}}, {body: {id: 2, does: fail}}, {body: {id: 3}}]\nexpect:\n" \
               "  outputs: {shipments: [{body: {order: 1, parcels: 1}}]}\n"
    check(project, stopping + "  unsettled: [2, 3]\n")
    assert "the component stopped: " in check(project, stopping, code=1)
    (project / "volley.yml").write_text(config.replace("dead_letter_queue: dead", "on_fail: drop"))
    check(project, "given: [{body: {id: 1, does: fail}}, {body: 'x'}]\nexpect: {dropped: [1, 2]}\n")


def test_a_handler_in_a_shared_object(project):
    (project / "volley.yml").write_text("""
queues:
  - {name: prices, type: sqlite}
  - {name: invoices, type: sqlite}
  - {name: dead, type: sqlite}
components:
  - {name: discount, input: prices, outputs: [invoices], handler: {library: %s/examples/discount.so, config: {limit: 500}},
     dead_letter_queue: dead, workers: 4}
""" % BUILD)
    check(project, """
given: [{body: '1000'}, {body: '499'}, {body: '-1'}, {body: '7'}]
faults: [{handler: dies, message: 4}]
expect:
  outputs:
    invoices:
      - {body: '900', headers: {discount: 10%}}
      - {body: '499', headers: {discount: none}}
      - {body: '7'}
  retries: {4: [100ms]}
  dead_letters: [{message: 3, reason: handler_fail, error: a price below zero}]
""")


def test_a_shared_object_that_crashes_or_hangs_ends_only_its_test(project):
    config = CONFIG.replace(f"{{exec: [{sys.executable}, handler.py]}}", f"{BUILD}/tests/integration/misbehaving.so")
    (project / "volley.yml").write_text(config)
    printed = check(project, """
component: ship
tests:
  - {given: [{body: {id: 1}}, {body: crash}, {body: '"crash"'}], expect: {}}
  - {given: [{body: '"hang"'}], expect: {}}
  - {given: [{body: {id: 1}}], expect: {outputs: {shipments: [{body: {id: 1}}]}}}
""", "--timeout", "2s", code=1)
    assert "the process of the test ended by SIGSEGV: message 3 is in the handler, attempt 1" in printed, printed
    assert "it does not end within 2 s of real time: message 1 is in the handler, attempt 1" in printed, printed
    assert printed.endswith("1 passed, 2 failed\n")


def test_junit(project):
    check(project, WRONG + "  - name: it passes <&>\n    given: [{body: {id: 1}}]\n"
          "    expect: {outputs: {shipments: [{}]}}\n", "--junit", "out.xml", code=1)
    (project / "tests" / "wrong.yml").write_text("nonsense: 1\n")
    assert run(project, "--junit", "out.xml").returncode == 1
    suites = xml.parse(project / "out.xml").getroot()
    assert suites.attrib == {"tests": "7", "failures": "5", "errors": "1"}
    assert [suite.get("name") for suite in suites] == ["tests/ship.yml", "tests/wrong.yml"]
    cases = suites.findall("./testsuite/testcase")
    assert [case.get("name") for case in cases if case.find("failure") is None and case.find("error") is None] == ["it passes <&>"]
    assert '"parcels": 4' in cases[0].find("failure").text
    assert run(project, "--junit", "no/such/folder.xml").returncode == 73


def test_the_command_line(project):
    assert run(project).returncode == 64
    assert "there is no tests/*.yml" in run(project).stderr
    (project / "good.yml").write_text("given: [{body: {id: 1}}]\nexpect: {outputs: {shipments: [{}]}}\n")
    assert run(project, "good.yml", "good.yml").stdout.endswith("2 passed, 0 failed\n")
    missing = run(project, "good.yml", "missing.yml")
    assert missing.returncode == 1 and "cannot read missing.yml" in missing.stdout
    assert run(project, "--timeout", "10", "good.yml").returncode == 64
    (project / "volley.yml").write_text("queues: 1\n")
    assert run(project, "good.yml").returncode == 78


def test_watching_runs_again_after_a_change(project):
    (project / "tests" / "ship.yml").write_text("given: [{body: {id: 1, does: fail}}]\nexpect: {dead_letters: [{message: 1}]}\n")
    with open(project / ".out", "w") as out:
        watching = subprocess.Popen([VOLLEY, "test", "--watch"], cwd=project, stdout=out, stderr=subprocess.STDOUT)
    try:
        def printed(what, times):
            wait_until(lambda: (project / ".out").read_text().count(what) >= times, what)
        printed("1 passed, 0 failed\nwaiting for a change", 1)
        (project / "handler.py").write_text(HANDLER.replace("it is wrong", "it is broken").replace("raise Fail", "raise Drop"))
        printed("0 passed, 1 failed\nwaiting for a change", 1)
        (project / "tests" / "ship.yml").write_text("given: [{body: {id: 1, does: fail}}]\nexpect: {dropped: [1]}\n")
        printed("1 passed, 0 failed\nwaiting for a change", 2)
        (project / "volley.yml").write_text("queues: [\n")
        printed("V0", 1)
        (project / "volley.yml").write_text(CONFIG)
        printed("1 passed, 0 failed\nwaiting for a change", 3)
        assert watching.poll() is None
    finally:
        watching.kill()
        watching.wait()


LETTERS = [
    (b'{"id": 1, "does": "fail"}', {"key": "k: 1", "headers": {"trace": "a # b", "null": None, "twice": ["1", "2"]}}),
    (b'{"id": 1.10, "does": "retry", "text": "\\ud83d\\ude00 \\u0000 \xc3\xbc"}', {}),
    (b'{"id": 1, "does": "die"}', {"key_base64": "/w==", "headers": {"bytes": {"base64": "/w=="}, "~": "", "1": "yes"}}),
    (b'{"id": 1\n, "does":\t"fail"}\n', {}), (b"\xff\x00", {}), (b"no JSON", {}), (b"", {}), (b"null", {}), (b"- a: [", {})]


def test_dead_letters_become_tests_that_pass(project):
    def volley(*arguments):
        done = subprocess.run([*arguments], cwd=project, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
    config = CONFIG.replace("1s", "10ms") + "operations: off\n"
    (project / "volley.yml").write_text(config)
    (project / "raw.yml").write_text(config.replace("serializer: json", "serializer: none"))
    (project / "letters").write_text("".join(
        json.dumps({"body_base64": base64.b64encode(body).decode(), **options}) + "\n" for body, options in LETTERS))
    volley(VOLLEY, "--config", "raw.yml", "send", "orders", "--file", "letters", "--json")
    volley(VOLLEYD, "--config", "volley.yml", "--exit-when-idle")
    letters = [json.loads(line)["id"] for line in volley(VOLLEY, "dlq", "list", "--json").splitlines()]
    assert len(letters) == len(LETTERS)
    for letter in letters:
        (project / "tests" / f"{letter}.yml").write_text(volley(VOLLEY, "dlq", "show", letter, "--as-test"))
    done = run(project)
    assert done.stdout.endswith(f"{len(LETTERS)} passed, 0 failed\n"), done.stdout
    first = (project / "tests" / f"{letters[0]}.yml").read_text()
    assert "component: ship\n" in first and 'body: {"id": 1, "does": "fail"}' in first
    assert volley(VOLLEY, "dlq", "show", letters[0], "--json")
    both = subprocess.run([VOLLEY, "dlq", "show", *letters[:2], "--as-test"], cwd=project, capture_output=True, text=True)
    assert both.returncode == 64 and "give one ID" in both.stderr


def test_the_commands_of_the_page_run(tmp_path):
    page = (ROOT / "docs" / "testing-a-component.md").read_text()
    env = {**os.environ, "PATH": f"{BUILD / 'bin'}{os.pathsep}{os.environ['PATH']}", "VOLLEY_LISTEN": "127.0.0.1:0"}
    script = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.S))
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" passed, 0 failed\n") == 3
    # The report that it shows.
    shop = tmp_path / "shop"
    large = shop / "tests" / "large.yml"
    large.write_text(large.read_text().replace("reason: handler_fail, error: 250 items are too many", "reason: schema"))
    printed = run(shop, "tests/large.yml").stdout
    shown = "".join(line[4:] for line in re.search(r"^    FAIL.*\n(?:^    .*\n)+", page, re.M).group(0).splitlines(True))
    assert shown in printed, printed


def test_the_example_of_the_page_is_that_of_the_tree():
    page = (ROOT / "docs" / "testing-a-component.md").read_text()
    example = (ROOT / "examples" / "handlers" / "discount" / "discount_test.cpp").read_text()
    for line in ('settings.config = {{"limit", "500"}};', "HandlerTest<Discount> discount(settings);", 'discount.handle("1000")'):
        assert line in page and line in example
