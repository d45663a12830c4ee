"""Child processes that load slowly, cannot start, end, linger and lie: what it costs, and what it must not cost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEYD, Volleyd

HOSTILE = Path(__file__).parent / "support" / "handlers" / "hostile.py"

ANSWER = 'print(json.dumps({"id": m["id"], "outputs": [{"queue": "out", "body": m["body"]}]}), flush=True)'
PLAIN = f"import json, os, sys, time\nfor line in sys.stdin:\n    m = json.loads(line)\n    {ANSWER}\n"


class Job:
    """A Python handler between SQLite queues."""

    def __init__(self, folder, handler, arguments=(), *, messages=0, more="", component="", flags=()):
        (folder / "handler.py").write_text(handler)
        self.store = Sqlite(folder)
        if messages:
            self.put(messages)
        queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {self.store.config()}}}\n" for q in ("in", "out", "dead"))
        command = json.dumps([sys.executable, "-S", "-E", "handler.py", *arguments])
        self.config = (f"app: children\nqueues:\n{queues}components:\n  - name: work\n    input: in\n    outputs: [out]\n"
                       f"    dead_letter_queue: dead\n    handler: {{exec: {command}}}\n"
                       f"{''.join('    ' + line + chr(10) for line in component.splitlines())}"
                       f'operations: {{listen: "127.0.0.1:0"}}\n{more}')
        self.volleyd = Volleyd(folder, self.config, *flags)

    def put(self, count):
        self.store.put("in", [json.dumps({"n": n}) for n in range(count)], ["k"] * count)

    def out(self):
        return [json.loads(body)["n"] for body in self.store.take("out")]

    def wait_delivered(self, count):
        wait_until(lambda: len(self.out()) >= count, f"{count} are delivered")
        assert self.out() == list(range(count)), self.volleyd.log
        assert self.store.take("dead") == [], self.volleyd.log

    def failures(self):
        return self.volleyd.metric("volley_message_failures_total")

    def stop(self):
        assert self.volleyd.stop() == 0, self.volleyd.log


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_the_time_of_a_message_does_not_run_while_the_program_loads(tmp_path):
    job = Job(tmp_path, PLAIN.replace("for line", "time.sleep(1.5)\nfor line"), messages=3,
              component="handler_timeout: 300ms\nretry: {max_attempts: 1}")
    job.wait_delivered(3)
    assert job.failures() == 0 and "replaced" not in job.volleyd.log
    job.stop()


def test_a_child_that_cannot_start_holds_the_input_and_costs_no_attempt(tmp_path):
    handler = "import os, sys\nif not os.path.exists('mended'): sys.exit('the model is missing')\n" + PLAIN
    job = Job(tmp_path, handler, component="retry: {max_attempts: 1}")
    why = wait_until(lambda: job.volleyd.address and "ended before it read" in job.volleyd.get("/readyz")[1], "it is not ready while idle")
    job.put(3)
    wait_until(lambda: "the model is missing" in job.volleyd.get("/readyz")[1], "readiness has its last words")
    assert job.volleyd.get("/readyz")[0] == 503 and why
    assert job.failures() == 0 and job.store.take("dead") == []
    (tmp_path / "mended").touch()
    job.wait_delivered(3)
    wait_until(lambda: job.volleyd.get("/readyz")[0] == 200, "it is ready")
    job.stop()


def test_a_stop_while_no_child_can_start_leaves_the_messages(tmp_path):
    job = Job(tmp_path, "raise SystemExit(1)", messages=3)
    wait_until(lambda: "cannot start" in job.volleyd.log, "it has tried")
    job.stop()
    assert len(job.store.take("in")) == 3 and job.store.take("dead") == []


def test_a_child_that_ends_by_itself_between_two_messages_costs_nothing(tmp_path):
    handler = PLAIN.replace("for line in", "for count, line in").replace("sys.stdin:", "enumerate(sys.stdin):") + "    if count == 2: sys.exit(0)\n"
    job = Job(tmp_path, handler, messages=30, component="retry: {max_attempts: 1}")
    job.wait_delivered(30)
    assert job.failures() == 0
    job.stop()


def test_a_message_that_ends_its_child_with_status_0_is_not_handed_out_without_end(tmp_path):
    job = Job(tmp_path, PLAIN.replace("    print", '    if m["body"]["n"] == 2: os._exit(0)\n    print'), messages=5,
              component="retry: {max_attempts: 2, initial_delay: 1ms}\norder: none")
    wait_until(lambda: len(job.store.take("dead")) == 1 and len(job.out()) == 4, "one is dead, the others are out")
    assert job.failures() == 2
    job.stop()


def test_a_child_that_closes_its_input_is_replaced(tmp_path):
    job = Job(tmp_path, "import os, time\nif not os.path.exists('closed'):\n    open('closed', 'w'); os.close(0); time.sleep(1000)\n" + PLAIN,
              messages=5, component="retry: {max_attempts: 1}\nhandler_timeout: 1h")
    job.wait_delivered(5)
    job.stop()


HELPER = """import json, os, subprocess, sys
for line in sys.stdin:
    m = json.loads(line)
    if m["body"]["n"] == 2 and not os.path.exists("helper.pid"):
        open("helper.pid", "w").write(str(subprocess.Popen(["sleep", "1000"], start_new_session=True, stdin=subprocess.DEVNULL).pid))
        os._exit(1)
    """ + ANSWER + "\n"


def test_a_death_is_noticed_although_a_daemon_holds_the_pipes(tmp_path):
    """Nobody hears the end of the pipes, and handler_timeout is an hour."""
    job = Job(tmp_path, HELPER, messages=5, component="handler_timeout: 1h\nretry: {max_attempts: 2, initial_delay: 1ms}\norder: partition")
    job.wait_delivered(5)
    assert job.volleyd.metric("volley_message_failures_total", reason="crash") == 1
    job.stop()
    helper = int((tmp_path / "helper.pid").read_text())
    assert not has_ended(helper)  # so it was not waited for
    os.kill(helper, 9)


LINGERS = ("import os, time\nhelper = os.fork()\nif helper == 0: time.sleep(1000)\nopen('helper.pid', 'w').write(str(helper))\n"
           + PLAIN + "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)\n")


def test_a_child_that_lingers_is_killed_with_its_helpers_and_the_stop_is_clean(tmp_path):
    job = Job(tmp_path, LINGERS, messages=3, more="shutdown_timeout: 2s\n")
    job.wait_delivered(3)
    job.stop()
    wait_until(lambda: has_ended((tmp_path / "helper.pid").read_text()), "the helper is gone")


@pytest.mark.parametrize("how", ["deadline", "second signal"])
def test_helpers_do_not_outlive_a_stop_that_is_not_clean(how, tmp_path):
    handler = "import os, sys, time\nhelper = os.fork()\nif helper == 0: time.sleep(1000)\nsys.stdin.readline()\n" \
              "open('tmp', 'w').write(str(helper))\nos.rename('tmp', 'helper.pid')\ntime.sleep(1000)\n"
    job = Job(tmp_path, handler, messages=1, more=f"shutdown_timeout: {'1s' if how == 'deadline' else '1h'}\n")
    wait_until((tmp_path / "helper.pid").exists, "the handler hangs")
    job.volleyd.process.terminate()
    if how == "second signal":
        wait_until(lambda: "draining" in job.volleyd.log, "it drains")
        job.volleyd.process.send_signal(signal.SIGINT)
    assert job.volleyd.wait() == 75, job.volleyd.log
    assert "left behind" not in job.volleyd.log
    wait_until(lambda: has_ended((tmp_path / "helper.pid").read_text()), "the helper is gone")
    assert len(job.store.take("in")) == 1


def test_the_first_message_of_an_ordering_group_is_answered_before_the_next_one_runs(tmp_path):
    handler = """import json, sys
print('{"volley":1,"chains":true}', flush=True)
failed = set()
for line in sys.stdin:
    m = json.loads(line)
    group = (m.get("call"), m.get("chain"))
    if m.get("chain") and group in failed:
        print(json.dumps({"id": m["id"], "skipped": True}), flush=True)
        continue
    open("handled.txt", "a").write(f"{m['body']['n']} {m['attempt']}\\n")
    if m["body"]["n"] == 0 and m["attempt"] < 2:
        failed.add(group)
        print(json.dumps({"id": m["id"], "retry": "later", "after_ms": 200}), flush=True)
        continue
    """ + ANSWER + "\n"
    job = Job(tmp_path, handler, messages=4)
    job.wait_delivered(4)
    job.stop()
    assert (tmp_path / "handled.txt").read_text().split("\n")[:-1] == ["0 1", "0 2", "1 1", "2 1", "3 1"]


def test_many_outputs_pass_and_too_many_name_the_limit_without_a_new_child(tmp_path):
    handler = PLAIN.replace(ANSWER, 'print(json.dumps({"id": m["id"], "outputs": [{"queue": "out", "body": '
                                    '{"n": m["body"]["n"], "pad": "x" * 100000}}] * (60 if m["body"]["n"] != 1 else 170)}), flush=True)')
    job = Job(tmp_path, handler, messages=3)
    wait_until(lambda: len(job.out()) == 120 and len(job.store.take("dead")) == 1, "two are out, one is dead")
    assert job.volleyd.metric("volley_message_failures_total", reason="too_large") == 1
    assert job.failures() == 1 and "16777216 bytes" in job.volleyd.log and "replaced" not in job.volleyd.log
    job.stop()


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_standard_descriptors_may_be_closed_at_the_start(closed, tmp_path):
    job = Job(tmp_path, PLAIN, messages=3, flags=("--check",))
    assert job.volleyd.wait() == 0
    done = subprocess.run(["sh", "-c", f'exec "$0" --exit-when-idle {closed}', str(VOLLEYD)], cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    assert job.out() == [0, 1, 2]


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_as_process_1_it_reaps_what_handlers_leave_behind_and_hands_signals_on(tmp_path):
    handler = PLAIN.replace("    print", '    os.system("setsid sleep 0.1 & sleep 1000 &")\n    print') + "    os._exit(0)\n"
    (tmp_path / "handler.py").write_text(handler)
    job = Job(tmp_path, handler, messages=5, flags=("--check",))
    assert job.volleyd.wait() == 0
    outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", str(VOLLEYD)], cwd=tmp_path,
                             stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(job.out()) == 5, "all are out")
        first = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())

        def left():
            pids = Path(f"/proc/{first}/task/{first}/children").read_text().split()
            return [pid for pid in pids if has_ended(pid)]

        wait_until(lambda: not left(), "there is no zombie")
        os.kill(first, 15)
        assert outer.wait(60) == 0
    finally:
        outer.kill()


@pytest.mark.parametrize("chains, order, workers, more", [
    ("chains", "partition", 1, ""), ("chains", "key", 2, ""), ("plain", "key", 2, ""), ("plain", "none", 2, "concurrency: 8"),
    ("chains", "key", 1, "concurrency: 8"), ("batches", "key", 2, "batch: {max_messages: 20, max_wait: 5ms}"),
    ("batches", "none", 1, "concurrency: 2\nbatch: {max_messages: 50, max_wait: 5ms}")])
def test_whatever_a_child_does_each_message_comes_out_once_or_is_a_dead_letter(chains, order, workers, more, tmp_path):
    """VOLLEY_HOSTILE_SECONDS makes it longer: messages keep coming for so long."""
    seconds = float(os.environ.get("VOLLEY_HOSTILE_SECONDS", "0"))
    job = Job(tmp_path, HOSTILE.read_text(), [chains, "0.03"], messages=1, more="max_message_bytes: 100KB\nlog: {level: error}\nshutdown_timeout: 20s\n",
              component=f"workers: {workers}\norder: {order}\n{more}\nhandler_timeout: 400ms\n"
                        "retry: {max_attempts: 6, initial_delay: 1ms, max_delay: 20ms}")
    sent, until = 1, time.monotonic() + seconds

    def left():
        assert job.volleyd.process.poll() is None, job.volleyd.log
        return len(job.store.take("in"))

    while sent == 1 or time.monotonic() < until:
        with job.store.connect() as db:
            db.executemany("INSERT INTO volley_messages (queue, body, key) VALUES ('in', ?, ?)",
                           [(json.dumps({"n": sent + n}), f"k{random.randrange(17)}") for n in range(400)])
        sent += 400
        wait_until(lambda: left() == 0, "all are settled", timeout=120, every=0.2)
    job.stop()
    out, dead = job.out(), [json.loads(body)["n"] for body in job.store.take("dead")]
    assert sorted(out + dead) == list(range(sent)), job.volleyd.log
    assert len(dead) < sent / 4
