"""`volley bench`: what it sends, what it measures, when it refuses, and how it ends."""

import json
import re
import signal
import subprocess
import sys

import pytest
from support.servers import free_port, wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEY, Volleyd, volley

HANDLER = """
import json, sys, time
for line in sys.stdin:
    message = json.loads(line)
    if message["body"].get("slow"):
        time.sleep(0.05)
    answer = {"fail": "as asked"} if message["body"].get("bad") else {"outputs": [{"body": message["body"]}]}
    print(json.dumps({"id": message["id"], **answer}), flush=True)
"""


class Setup:
    def __init__(self, folder):
        self.folder, self.store = folder, Sqlite(folder)
        (folder / "work.py").write_text(HANDLER)
        self.write()

    def write(self, out=None, handler=None, operations=None, more=""):
        own = f"{{type: sqlite, serializer: json, config: {self.store.config()}}}"
        handler = handler or f'{{exec: ["{sys.executable}", work.py]}}'
        operations = operations or f"{{listen: \"127.0.0.1:{free_port()}\"}}"
        self.config = (f"app: measured\nqueues:\n  in: {own}\n  out: {out or own}\n  dead: {own}\n  inner: {{type: memory}}\ncomponents:\n"
                       f"  - {{name: work, input: in, outputs: [out], dead_letter_queue: dead, handler: {handler}{more}}}\n"
                       f"  - {{name: inside, input: inner, outputs: [out], handler: forward, on_fail: requeue}}\n"
                       f"operations: {operations}\nshutdown_timeout: 5s\n")
        (self.folder / "volley.yml").write_text(self.config)

    def bench(self, *arguments, component="work"):
        return volley(self.folder, "bench", component, *arguments)

    def result(self, *arguments):
        ran = self.bench(*arguments, "--json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@pytest.fixture
def setup(tmp_path):
    return Setup(tmp_path)


def test_with_a_running_engine(setup, tmp_path):
    volleyd = Volleyd(tmp_path, setup.config).wait_ready()
    setup.store.put("in", [json.dumps({"n": -1})], ["k"])
    wait_until(lambda: len(setup.store.take("out")) == 1, "an earlier message is done")
    result = setup.result('{"n": {{n}}, "id": "{{uuid}}"}', "--template", "--count", "1200", "--key", "k{{n}}")
    assert (result["sent"], result["settled"], result["ok"], result["dead"], result["left"]) == (1200, 1200, 1200, 0, 0)
    assert not result["engine_was_started"] and not result["interrupted"]
    assert sum(bucket["count"] for bucket in result["histogram"]) == 1200
    latency = result["latency_seconds"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99_9"]
    assert 0 < result["cpu_seconds_per_message"] < 1 and result["resident_bytes"] > 1 << 20
    assert result["settled_per_second"] == pytest.approx(1200 / result["seconds"])
    bodies = [json.loads(body) for body in setup.store.take("out")][1:]
    assert sorted(body["n"] for body in bodies) == list(range(1, 1201)) and len({body["id"] for body in bodies}) == 1200
    # The metric that it reads.
    assert volleyd.metric("volley_ack_latency_seconds_count", component="work") == 1201
    assert volleyd.process.poll() is None
    assert volleyd.stop() == 0, volleyd.log


def test_it_starts_an_engine_and_ends_it(setup, tmp_path):
    ran = setup.bench('{"n": 1}', '{"n": 2, "bad": true}', "--count", "40", "--rate", "400")
    assert ran.returncode == 0, ran.stderr
    assert "no engine runs: one is started" in ran.stderr and "in and the handler of work into out" in ran.stderr
    lines = ran.stdout.splitlines()
    assert re.match(r"work: 40 messages settled in \d+\.\d\d s$", lines[0])
    assert "outcomes  20 ok, 20 dead letters" in ran.stdout
    assert re.search(r"latency   p50 [\d.]+ m?s, p99 [\d.]+ m?s, p99.9 [\d.]+ m?s", ran.stdout)
    assert re.search(r"volleyd   [\d.]+ us of processor time per message, \d+ MiB", ran.stdout)
    rows = [int(match.group(1)) for match in re.finditer(r"^ *<= \S+ m?s  [# ]{40}  (\d+)$", ran.stdout, re.M)]
    assert sum(rows) == 40
    assert len(setup.store.take("out")) == 20 and len(setup.store.take("dead")) == 20
    assert volley(tmp_path, "status").returncode == 69, "no engine is left"


def test_an_engine_of_its_own_may_choose_the_port(setup):
    setup.write(operations="{listen: \"127.0.0.1:0\"}")
    assert setup.result('{"n": 1}', "-n", "5")["ok"] == 5


def test_the_lines_of_a_file_are_sent_over_and_over(setup, tmp_path):
    (tmp_path / "lines").write_text('{"n": 1}\n{"n": 2}\n\n{"n": 3}\n')
    assert setup.result("--file", "lines", "-n", "7")["sent"] == 7
    assert sorted(json.loads(body)["n"] for body in setup.store.take("out")) == [1, 1, 1, 2, 2, 3, 3]
    peeked = volley(tmp_path, "peek", "out", "--json", "-n", "2").stdout
    (tmp_path / "saved").write_text(peeked)
    assert setup.result("--file", "saved", "--saved", "-n", "2")["sent"] == 2


def test_the_duration_ends_it(setup):
    result = setup.result('{"n": 1}', "--duration", "500ms", "--rate", "100")
    assert 1 < result["sent"] <= 51 and result["settled"] == result["sent"]


def test_a_queue_that_is_not_empty_is_refused_unless_told_otherwise(setup):
    setup.store.put("in", ['{"n": 1}', '{"n": 2}'], ["a", "b"])
    refused = setup.bench('{"n": 3}', "-n", "5")
    assert refused.returncode == 1 and 'the queue "in" is not empty: 2 wait' in refused.stderr and "--mix" in refused.stderr
    assert not refused.stdout and len(setup.store.take("in")) == 2, "nothing was sent, and no engine was started"
    ran = setup.bench('{"n": 3}', "-n", "5", "--mix")
    assert ran.returncode == 0, ran.stderr
    assert "2 wait" in ran.stderr
    wait_until(lambda: len(setup.store.take("out")) == 7, "the others were processed, too")


@pytest.mark.parametrize("own", [True, False])
def test_ctrl_c_ends_it_with_what_is_left(own, setup, tmp_path):
    volleyd = None if own else Volleyd(tmp_path, setup.config).wait_ready()
    process = subprocess.Popen([str(VOLLEY), "--config", "volley.yml", "bench", "work", '{"slow": true}', "--json"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(setup.store.take("out")) >= 3, "it runs")
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    result = json.loads(said)
    assert result["interrupted"] and result["engine_was_started"] == own
    assert 0 < result["settled"] < result["sent"]
    if own:
        assert result["left"] == len(setup.store.take("in")) and "nothing processes them now" in errors
        assert result["left"] + len(setup.store.take("out")) == result["sent"], "nothing is lost"
        assert volley(tmp_path, "status").returncode == 69, "no engine is left"
    else:
        assert result["left"] > 0 and "the engine goes on with them" in errors
        volleyd.kill()


def test_what_is_wrong_is_said_before_anything_is_sent(setup, tmp_path):
    for arguments, component, code, said in ((('{"n": 1}',), "wrok", 64, 'no component "wrok"; there are work, inside'),
                                             ((), "work", 64, "give a BODY or --file"),
                                             (('{"n": 1}', "--duration", "soon"), "work", 64, "no duration such as 30s"),
                                             (('{"n": 1}',), "inside", 64, "in the memory of volleyd"),
                                             (("--file", "nowhere"), "work", 64, "cannot read nowhere"),
                                             (("not json", "-n", "1"), "work", 65, "a message cannot be sent")):
        ran = setup.bench(*arguments, component=component)
        assert ran.returncode == code and said in ran.stderr, (arguments, ran.returncode, ran.stderr)
    assert setup.store.take("in") == []
    setup.write(operations="off")
    assert setup.bench('{"n": 1}').returncode == 78


def test_an_engine_that_does_not_start_is_told_with_its_log(setup):
    setup.write(handler="{exec: [./nothing]}")
    ran = setup.bench('{"n": 1}', "-n", "1")
    assert ran.returncode == 78 and "nothing" in ran.stderr, ran.stderr


def test_another_engine_at_the_address_is_not_measured(setup, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    volleyd = Volleyd(other, setup.config.replace("app: measured", "app: other").replace("volley.db", "other.db")).wait_ready()
    refused = setup.bench('{"n": 1}', "-n", "1")
    assert refused.returncode == 69 and '"other", not "measured"' in refused.stderr
    volleyd.kill()
