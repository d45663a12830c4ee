"""Messages and batches of the packages for handlers in Python and Node.js, over pipes, without an engine."""

import json
import os
import signal
import threading

import pytest
from support.handler_child import does, kill_children, message, outputs
from support.servers import wait_until

PYTHON_KINDS = ["coroutine", "threads", "wrapped"]
NODE_KINDS = ["node", "node-synchronous"]


@pytest.fixture(autouse=True)
def no_child_is_left_behind():
    yield
    kill_children()


@pytest.fixture(params=PYTHON_KINDS + NODE_KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=["batches", "coroutine-batches", "node-batches"])
def batches(request):
    return request.param


def test_as_many_messages_at_a_time_as_the_engine_allows(kind, tmp_path):
    child = does(kind, tmp_path, 4)
    child.hello()
    # The first four end only together; the fifth may then begin.
    child.write(*[message(n, until_active=4) for n in range(4)], message(4))
    child.by_id(5)
    begun = child.begun
    assert set(begun[:4]) == {"0", "1", "2", "3"}
    assert begun.index("4") > min(begun.index(f"{n} ends") for n in range(4))
    assert child.end() == []


def test_an_answer_does_not_wait_for_other_messages(kind, tmp_path):
    child = does(kind, tmp_path, 3)
    child.hello()
    child.write(message(1, until="gate"), message(2), message(3, until="gate"), message(4), message(5))
    assert set(child.by_id(3)) == {"2", "4", "5"}
    (tmp_path / "gate").touch()
    assert set(child.by_id(2)) == {"1", "3"}
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [None, 1])
def test_one_message_at_a_time_unless_the_engine_allows_more(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(*[message(n, turns=3) for n in range(20)])
    assert [line["id"] for line in child.take(20)] == [str(n) for n in range(20)]
    assert child.begun == [line for n in range(20) for line in (f"{n}", f"{n} ends")]
    assert child.end() == []


def test_messages_of_a_chain_are_handled_in_order(kind, tmp_path):
    child = does(kind, tmp_path, 8)
    child.hello()
    child.write(*[message(n, chain=n % 5, turns=n % 3) for n in range(300)])
    child.by_id(300)
    for chain in range(5):
        mine = [line for line in child.begun if int(line.split()[0]) % 5 == chain]
        assert mine == [line for n in range(chain, 300, 5) for line in (f"{n}", f"{n} ends")]
    assert child.end() == []


@pytest.mark.parametrize("then", ["retry", "fail", "throw"])
def test_what_waits_behind_a_failure_is_skipped(kind, tmp_path, then):
    child = does(kind, tmp_path, 4)
    child.hello()
    child.write(message(1, chain=1, until="gate", then=then), message(2, chain=1), message(3, chain=2), message(4, chain=1),
                message(5, chain=1, call=2), message(6))
    assert all("outputs" in answer for answer in child.by_id(3).values())
    (tmp_path / "gate").touch()
    answers = child.by_id(3)
    assert answers["2"] == {"id": "2", "skipped": True} and answers["4"] == {"id": "4", "skipped": True}
    assert ("fail" if then == "fail" else "retry") in answers["1"]
    # Later lines of the same call and chain, too.
    answers = child.ask(message(7, chain=1), message(8, chain=1, call=2), message(9, chain=2))
    assert answers["7"] == {"id": "7", "skipped": True} and "outputs" in answers["8"] and "outputs" in answers["9"]
    assert child.end() == []


def test_a_dropped_message_holds_nothing_up(kind, tmp_path):
    child = does(kind, tmp_path, 2)
    child.hello()
    answers = child.ask(message(1, chain=1, then="drop"), message(2, chain=1))
    assert answers["1"] == {"id": "1", "drop": "not wanted"} and "outputs" in answers["2"]


def test_a_message_is_cancelled_while_others_go_on(kind, tmp_path):
    child = does(kind, tmp_path, 3)
    child.hello()
    child.write(message(1, until_cancelled=True, then="retry"), message(2, until="gate"))
    child.wait_begun(1, 2)
    child.ask(message(3), message(4))
    child.write({"cancelled": "1"}, {"cancelled": "of no message"})
    assert child.take() == [{"id": "1", "retry": "later", "after_ms": 1500}]
    # One that has not begun; and another that has its name later is not cancelled.
    child.write(message(5, until="gate"), message(6, until="gate"), message(7, until_cancelled=True), {"cancelled": "7"})
    (tmp_path / "gate").touch()
    assert set(child.by_id(4)) == {"2", "5", "6", "7"}
    child.write(message(7, until_cancelled=True), message(8))
    assert child.take()[0]["id"] == "8"
    child.write({"cancelled": "7"})
    assert child.take()[0]["id"] == "7"
    assert child.end() == []


def test_handlers_that_ask_whether_they_are_cancelled_hold_nothing_up(kind, tmp_path):
    child = does(kind, tmp_path, 12)
    child.hello()
    child.write(*[message(n, until_cancelled=True) for n in range(10)])
    child.wait_begun(*range(10))
    for n in range(10, 510):  # lines that arrive while others ask
        child.ask(message(n))
    child.write(*[{"cancelled": str(n)} for n in range(10)])
    assert set(child.by_id(10)) == set(map(str, range(10)))
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_was_read_is_answered_after_standard_input_is_closed(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(*[message(n, until="gate") for n in range(10)])
    child.wait_begun(0)
    child.process.stdin.close()
    (tmp_path / "gate").touch()
    assert len({line["id"] for line in child.take(10)}) == 10
    assert child.take() == [None] and child.process.wait(60) == 0, child.log


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_signal_cuts_no_message_off_before_standard_input_is_closed(kind, tmp_path, name, concurrency):
    number = getattr(signal, name)
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(message(1, until="gate"))
    child.wait_begun(1)
    os.killpg(child.process.pid, number)
    (tmp_path / "gate").touch()
    assert "outputs" in child.take()[0]
    os.killpg(child.process.pid, number)
    assert "outputs" in child.ask(message(2))["2"]
    # From now on it has its usual effect.
    child.write(message(3, until="never"))
    child.wait_begun(3)
    child.process.stdin.close()

    def ends():
        if child.process.poll() is None:
            os.killpg(child.process.pid, number)
        return child.process.poll() is not None

    wait_until(ends, "the signal ends it")
    assert child.process.returncode == -number


def test_what_is_raised_is_the_outcome(kind, tmp_path):
    child = does(kind, tmp_path, 4)
    child.hello()
    answers = child.ask(*[message(n, then=then) for n, then in enumerate(["retry", "fail", "drop", "throw", "unprintable", "ok"])])
    assert answers["0"] == {"id": "0", "retry": "later", "after_ms": 1500}
    assert answers["1"] == {"id": "1", "fail": "never"}
    assert answers["2"] == {"id": "2", "drop": "not wanted"}
    assert "it broke" in answers["3"]["retry"] and answers["4"]["retry"]
    assert answers["5"]["outputs"]
    assert "it broke" in child.log
    assert child.end() == []


@pytest.mark.parametrize("kind", PYTHON_KINDS)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_other_ends_of_a_handler_in_python(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    answers = child.ask(message(1, then="list"), message(2, then="false"), message(3))
    assert "out.send" in answers["1"]["fail"] and "False" in answers["2"]["retry"] and answers["3"]["outputs"]
    if kind != "threads":
        assert "retry" in child.ask(message(4, then="cancelled"))["4"]
    # An exit ends the process, as in any script.
    child.write(message(5, then="exit"))
    assert child.take() == [None]
    assert child.process.wait(60) == 7


@pytest.mark.parametrize("concurrency", [None, 1, 16])
def test_ten_thousand_messages(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    lines = [message(n, chain=n % 97, call=n // 1000) for n in range(10_000)]
    writer = threading.Thread(target=child.write, args=lines)
    writer.start()
    assert all("outputs" in answer for answer in child.by_id(10_000).values())
    writer.join()
    assert child.end() == []


# ---- partial answers


def test_what_is_flushed_is_written_before_the_message_ends(kind, tmp_path):
    child = does(kind, tmp_path, 2)
    child.hello()
    child.write(message(1, flushed=3, sends=2))
    lines = child.take(4)
    assert [line.get("more") for line in lines] == [True, True, True, None]
    assert [outputs(line) for line in lines] == [["flushed"]] * 3 + [[[0, ""], [1, ""]]]
    # A failure says what becomes of the parts; none of what was not flushed goes out.
    child.write(message(2, flushed=1, then="fail"))
    assert child.take(2) == [{"id": "2", "outputs": [{"body": "flushed", "queue": "out"}], "more": True}, {"id": "2", "fail": "never"}]
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_many_outputs_are_written_in_parts(kind, tmp_path, concurrency):
    child = does(kind, tmp_path, concurrency)
    child.hello()
    child.write(message(1, sends=1000, size=2000), message(2, sends=3))
    sent = {"1": [], "2": []}
    ended, parts = set(), 0
    while len(ended) < 2:
        line, = child.take()
        assert line["id"] not in ended
        assert len(json.dumps(line)) < 300_000
        sent[line["id"]] += [number for number, _ in outputs(line)]
        if line.get("more"):
            parts += 1
        else:
            ended.add(line["id"])
    assert sent == {"1": list(range(1000)), "2": [0, 1, 2]} and parts >= 7
    assert child.end() == []


def test_an_engine_of_version_1_gets_no_parts(kind, tmp_path):
    child = does(kind, tmp_path)
    child.hello()
    answer, = child.ask(message(1, flushed=2, sends=1000, size=1000)).values()
    assert len(outputs(answer)) == 1002 and "more" not in answer
    assert child.end() == []


# ---- batches


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_batch_is_one_call_and_each_message_has_its_outcome(batches, tmp_path, concurrency):
    child = does(batches, tmp_path, concurrency)
    assert child.hello()["batches"] is True
    child.write({"batch": [message(n, then=then, sends=n) for n, then in enumerate(["ok", "retry", "fail", "drop", "ok"])]})
    answers = child.by_id(5)
    assert outputs(answers["0"]) == [] and len(outputs(answers["4"])) == 4
    assert answers["1"] == {"id": "1", "retry": "later", "after_ms": 1500}
    assert answers["2"] == {"id": "2", "fail": "never"} and answers["3"] == {"id": "3", "drop": "not wanted"}
    assert (tmp_path / "batches.txt").read_text().splitlines() == [f"{n} of 5" for n in range(5)]
    # A message that comes alone is a batch of one.
    assert len(outputs(child.ask(message(5))["5"])) == 1
    assert "5 of 1" in (tmp_path / "batches.txt").read_text()
    assert child.end() == []


def test_what_a_batch_handler_raises_applies_to_all_its_messages(batches, tmp_path):
    child = does(batches, tmp_path, 2)
    child.hello()
    child.write({"batch": [message(1), message(2, **{"raise": True}), message(3)]}, {"batch": [message(4), message(5, then="throw")]})
    answers = child.by_id(5)
    assert all(answers[n] == {"id": n, "retry": "all of them"} for n in "123")
    assert "it broke" in answers["4"]["retry"] and answers["4"]["retry"] == answers["5"]["retry"]
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 3])
def test_batches_keep_the_order_of_chains(batches, tmp_path, concurrency):
    child = does(batches, tmp_path, concurrency)
    child.hello()
    # 2 and 3 are behind 1 in its batch, 5 and 9 in later ones; 7 and 8 depend on nothing of it.
    child.write({"batch": [message(1, chain=1, until="gate", then="retry"), message(2, chain=1), message(3, chain=1, then="drop"),
                           message(4, chain=2)]},
                {"batch": [message(5, chain=1), message(6, chain=2), message(7)]},
                {"batch": [message(8, chain=3)]}, message(9, chain=1))
    child.wait_begun(1)
    if concurrency == 3:
        assert set(child.by_id(1)) == {"8"}
    assert not {"5", "6", "7", "9"} & set(child.begun)
    (tmp_path / "gate").touch()
    answers = child.by_id(9 if concurrency == 1 else 8)
    assert {n for n, answer in answers.items() if answer.get("skipped")} == {"2", "5", "9"}
    assert "retry" in answers["1"] and "drop" in answers["3"]
    assert not {"5", "9"} & set(child.begun)
    assert child.end() == []


def test_a_message_of_a_batch_is_cancelled(batches, tmp_path):
    child = does(batches, tmp_path, 2)
    child.hello()
    child.write({"batch": [message(1), message(2, until_cancelled=True, then="retry")]})
    child.wait_begun(2)
    child.write({"cancelled": "2"})
    answers = child.by_id(2)
    assert "outputs" in answers["1"] and answers["2"]["retry"] == "later"
    assert child.end() == []


@pytest.mark.parametrize("concurrency", [1, 4])
def test_ten_thousand_messages_in_batches(batches, tmp_path, concurrency):
    child = does(batches, tmp_path, concurrency)
    child.hello()
    lines = [{"batch": [message(n, chain=n % 7) for n in range(first, first + 50)]} for first in range(0, 10_000, 50)]
    writer = threading.Thread(target=child.write, args=lines)
    writer.start()
    assert all("outputs" in answer for answer in child.by_id(10_000).values())
    writer.join()
    assert child.end() == []


@pytest.mark.parametrize("name", ["coroutine", "threads", "batches", "coroutine-batches"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_message_that_python_cannot_read_fails_alone(name, tmp_path, concurrency):
    child = does(name, tmp_path, concurrency)
    child.hello()
    bad = b'{"id":"2","call":1,"chain":1,"body":{"n":[' + b"9" * 5000 + b"]}}"
    if "batches" in name:
        child.write(b'{"batch":[{"id":"1","body":{}},' + bad + b',{"id":"3","call":1,"chain":1,"body":{}},{"id":"4","body":{}}]}\n')
    else:
        child.write(message(1), bad + b"\n", message(3, chain=1), message(4))
    answers = child.by_id(4)
    assert "cannot read" in answers["2"]["fail"] and answers["3"] == {"id": "3", "skipped": True}
    assert outputs(answers["1"]) and outputs(answers["4"])
    assert child.end() == []
