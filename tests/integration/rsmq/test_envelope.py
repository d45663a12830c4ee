"""`envelope: true` makes an RSMQ queue one that has keys and headers, also in the eyes of the engine."""

import json

from job import Job
from support.servers import wait_until


def test_headers_of_the_engine_are_in_the_envelope_of_an_output(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False).queue("out", envelope="true")
    volleyd = job.start(output_ids="true")
    job.put(1)
    wait_until(lambda: job.count("out") == 1, "it is through")
    assert volleyd.stop() == 0, volleyd.log
    [stored] = map(json.loads, job.store.take("out"))
    assert stored["volley"] == 1 and stored["headers"]["volley-id"]


def test_keys_and_headers_pass_from_envelope_to_envelope(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False, envelope="true").queue("out", envelope="true")
    sent = {"volley": 1, "headers": {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "again": ["a", "b"]},
            "key": "k", "body": '{"n": 1}'}
    job.store.put("in", [json.dumps(sent, separators=(",", ":"))], [None])
    volleyd = job.start()
    wait_until(lambda: job.count("out") == 1, "it is through")
    assert volleyd.stop() == 0, volleyd.log
    assert list(map(json.loads, job.store.take("out"))) == [sent]


def test_a_dead_letter_is_in_one_envelope_and_not_in_two(redis, tmp_path):
    job = Job(redis, tmp_path).queue("in", output=False).queue("out").queue("dead", output=False, envelope="true")
    volleyd = job.start("poison.py", dead_letter_queue="dead")
    ledger = job.put(1)
    wait_until(lambda: job.count("dead") == 1, "it is dead")
    assert volleyd.stop() == 0, volleyd.log
    [letter] = map(json.loads, job.store.take("dead"))
    assert letter["volley"] == 1 and letter["headers"]["volley-reason"] == "handler_fail"
    assert json.loads(letter["body"]) == ledger.sent[0]
