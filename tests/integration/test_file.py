"""Files in and files out: standard streams, rotation, kill -9 under a ledger, a line that is too long, a full position."""

import json
import random
import subprocess
import sys
from pathlib import Path

from support.ledger import Ledger
from support.servers import wait_until
from support.volleyd import VOLLEYD, Volleyd, volley

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parent}/support/slow_forward.py"]}}'

KILLS = 5


def config(queues, handler="forward", **component):
    extra = "".join(f", {key}: {setting}" for key, setting in component.items())
    return (f"app: files\nqueues:\n{queues}components: [{{name: move, input: in, outputs: [out], handler: {handler}{extra}}}]\n"
            f'operations: {{listen: "127.0.0.1:0"}}\n')


def lines(path):
    text = path.read_text() if path.exists() else ""
    assert not text or text.endswith("\n"), "the last line is torn"
    return text.splitlines()


def test_standard_input_to_standard_output_ends_with_the_input(tmp_path):
    (tmp_path / "volley.yml").write_text(config('  in: {type: file, value: "-"}\n  out: {type: file, value: "-"}\n'))
    bodies = [json.dumps({"n": n, "pad": "x" * (n % 300)}) for n in range(3000)]
    run = subprocess.run([str(VOLLEYD), "--config", str(tmp_path / "volley.yml"), "--exit-when-idle"],
                         input="\ufeff" + "\r\n".join(bodies), capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == bodies


def test_a_pipe_that_pauses_is_not_at_its_end(tmp_path):
    (tmp_path / "volley.yml").write_text(config('  in: {type: file, value: "-"}\n  out: {type: file, value: out.txt}\n'))
    process = subprocess.Popen([str(VOLLEYD), "--config", str(tmp_path / "volley.yml"), "--exit-when-idle"],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        process.stdin.write("one\n")
        process.stdin.flush()
        wait_until(lambda: lines(tmp_path / "out.txt") == ["one"], "the first is through")
        try:
            assert process.wait(1.5) is None, "it ended before its input did"
        except subprocess.TimeoutExpired:
            pass
        log = process.communicate("two", timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert lines(tmp_path / "out.txt") == ["one", "two"]


def test_a_slow_reader_of_standard_output_gets_everything(tmp_path):
    (tmp_path / "volley.yml").write_text(config('  in: {type: file, value: in.ndjson}\n  out: {type: file, value: "-"}\n'))
    bodies = [json.dumps({"n": n, "pad": "x" * 9000}) for n in range(100)]
    (tmp_path / "in.ndjson").write_text("\n".join(bodies) + "\n")
    process = subprocess.Popen([str(VOLLEYD), "--config", str(tmp_path / "volley.yml"), "--exit-when-idle"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    try:
        position = tmp_path / "in.ndjson.files.move.position"
        wait_until(position.exists, "reading has begun")  # the pipe is full soon, and nobody reads
        out, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, log.decode()
    assert out.decode().splitlines() == bodies


def test_it_ends_when_idle_and_goes_on_where_it_was(tmp_path):
    text = config("  in: {type: file, config: {path: in.ndjson}}\n  out: {type: file, config: {path: out.ndjson}}\n")
    source = tmp_path / "in.ndjson"
    source.write_text("1\n2\n3\nhal")
    assert Volleyd(tmp_path, text, "--exit-when-idle").wait() == 0
    with source.open("a") as f:
        f.write("f\n4\n")
    peek = volley(tmp_path, "peek", "in", "--count")
    assert (peek.returncode, peek.stdout.strip().split()[-1]) == (0, "2"), peek
    assert Volleyd(tmp_path, text, "--exit-when-idle").wait() == 0
    assert lines(tmp_path / "out.ndjson") == ["1", "2", "3", "half", "4"]


def test_a_line_that_is_too_long_fails_alone_and_memory_stays_small(tmp_path):
    text = config("  in: {type: file, config: {path: in.txt, max_line_bytes: 65536}}\n  out: {type: file, value: out.txt}\n"
                  "  dead: {type: file, value: dead.ndjson}\n", dead_letter_queue="dead")
    with (tmp_path / "in.txt").open("wb") as f:
        f.write(b"before\n")
        for _ in range(300):
            f.write(b"x" * 1_000_000)
        f.write(b"\nafter\n")
    volleyd = Volleyd(tmp_path, text, "--exit-when-idle")
    assert volleyd.wait() == 0, volleyd.log
    assert lines(tmp_path / "out.txt") == ["before", "after"]
    [dead] = [json.loads(line) for line in lines(tmp_path / "dead.ndjson")]
    headers = dict(dead["headers"]) if isinstance(dead["headers"], list) else dead["headers"]
    assert headers["volley-reason"] == "too_large"
    assert headers["volley-truncated-from"] == "more than 16384"
    assert dead["body"] == "x" * 16384


def test_a_body_with_newlines_that_is_no_json_goes_to_the_dead_letters(tmp_path):
    text = config("  in: {type: sqlite}\n  out: {type: file, value: out.txt}\n  dead: {type: sqlite}\n", dead_letter_queue="dead")
    (tmp_path / "volley.yml").write_text(text)
    assert volley(tmp_path, "send", "in", "two\nlines").returncode == 0
    assert volley(tmp_path, "send", "in", '{\n "a": 1\n}').returncode == 0
    volleyd = Volleyd(tmp_path, text, "--exit-when-idle")
    assert volleyd.wait() == 0, volleyd.log
    assert lines(tmp_path / "out.txt") == ['{"a":1}']
    dead = volley(tmp_path, "peek", "dead", "--json")
    assert "contains newlines" in dead.stdout, dead


def test_kill_9_in_the_middle_loses_nothing_while_the_files_rotate(tmp_path):
    text = config("  in: {type: file, config: {path: in.ndjson, rotate_wait_ms: 100}}\n"
                  "  out: {type: file, config: {path: out.ndjson, rotate_bytes: 20000}}\n",
                  SLOW, workers=2, order="none", max_in_flight=400)
    ledger = Ledger(2400)
    bodies = ledger.bodies()
    source = tmp_path / "in.ndjson"
    chance = random.Random(1)
    per_run = len(bodies) // KILLS

    def out():
        return [line for path in sorted(tmp_path.glob("out.ndjson-*")) + [tmp_path / "out.ndjson"]
                if path.exists() for line in path.read_text().splitlines()]

    for run in range(KILLS):
        some = bodies[run * per_run:(run + 1) * per_run]
        with source.open("a") as f:
            f.write("\n".join(some[:200]) + "\n")
        volleyd = Volleyd(tmp_path, text).wait_ready()
        if run % 2 == 0:  # as logrotate does it: `create`
            source.rename(tmp_path / f"in.ndjson.{KILLS - run}")
        with source.open("a") as f:
            f.write("\n".join(some[200:]) + "\n")
        sent = chance.randrange(1, 150)
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") >= sent, f"{sent} were sent", every=0.005)
        volleyd.kill()
    whole = [line for line in out() if line.endswith("}")]
    assert ledger.judge(whole)["lost"], "the kills came too late to prove anything"
    volleyd = Volleyd(tmp_path, text, "--exit-when-idle")
    assert volleyd.wait() == 0, volleyd.log
    verdict = ledger.judge(out())
    print(f"file: {verdict['duplicates']} duplicates after {KILLS} kills")
    assert verdict["lost"] == [] and verdict["phantoms"] == 0, verdict
    assert verdict["duplicates"] <= KILLS * 400


def test_a_stop_duplicates_nothing(tmp_path):
    text = config("  in: {type: file, value: in.ndjson}\n  out: {type: file, value: out.ndjson}\n", SLOW, workers=2, order="none")
    ledger = Ledger(1500)
    (tmp_path / "in.ndjson").write_text("\n".join(ledger.bodies()) + "\n")
    for _ in range(2):
        volleyd = Volleyd(tmp_path, text).wait_ready()
        wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 0, "work has begun")
        assert volleyd.stop() == 0, volleyd.log
    assert Volleyd(tmp_path, text, "--exit-when-idle").wait() == 0
    verdict = ledger.judge(lines(tmp_path / "out.ndjson"))
    assert (verdict["lost"], verdict["duplicates"], verdict["phantoms"]) == ([], 0, 0)
