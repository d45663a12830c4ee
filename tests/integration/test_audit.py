"""The engine's own counters against what is really in the stores, to the message."""

import json
import re
import sys

from support.servers import wait_until
from support.stores import Kafka, Sqlite
from support.volleyd import Volleyd

# What becomes of a message is its number's last digit.
FATES = """
import json, sys, time
for line in sys.stdin:
    m = json.loads(line)
    n = m["body"]["n"]
    answer = {"id": m["id"]}
    if n % 10 == 0: answer["drop"] = "not wanted"
    elif n % 10 == 1: answer["fail"] = "bad"
    elif n % 10 == 2: answer["retry"] = "always"
    elif n % 10 == 3 and m["attempt"] == 1: answer["retry"] = "once"
    elif n % 10 == 4: answer["outputs"] = []
    elif n % 10 == 5: answer["outputs"] = [{"queue": "one", "body": n}, {"queue": "two", "body": n}]
    else: answer["outputs"] = [{"queue": "one", "body": n}]
    time.sleep(float(sys.argv[1]))
    print(json.dumps(answer), flush=True)
"""
COUNT = 1000
EACH = COUNT // 10


def queues(store, value=lambda queue: queue):
    return "queues:\n" + "".join(f"  - {{name: {q}, value: {value(q)}, type: {store.type}, serializer: json, config: {store.config()}}}\n"
                                 for q in ("in", "one", "two", "dead"))


def config(store, tmp_path, seconds=0.002, **component):
    (tmp_path / "fates.py").write_text(FATES)
    settings = {"workers": 4, "order": "none", "retry": "{max_attempts: 3, initial_delay: 1ms, max_delay: 5ms}", **component}
    extra = "".join(f", {key}: {value}" for key, value in settings.items())
    return (f"components: [{{name: judge, input: in, outputs: [one, two], dead_letter_queue: dead,\n"
            f'  handler: {{exec: ["{sys.executable}", fates.py, "{seconds}"]}}{extra}}}]\n'
            'operations: {listen: "127.0.0.1:0"}\n')


def settled(volleyd):
    return {outcome: volleyd.metric("volley_messages_settled_total", outcome=outcome)
            for outcome in ("ok", "dead_letter", "dropped", "requeued", "released")}


def test_every_message_is_counted_once_and_every_reason_too(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", [json.dumps({"n": n}) for n in range(COUNT)], ["k"] * COUNT)
    volleyd = Volleyd(tmp_path, queues(store) + config(store, tmp_path)).wait_ready()
    wait_until(lambda: sum(settled(volleyd).values()) == COUNT, "all are settled")
    assert settled(volleyd) == {"ok": 7 * EACH, "dead_letter": 2 * EACH, "dropped": EACH, "requeued": 0, "released": 0}
    assert volleyd.metric("volley_messages_received_total") == COUNT
    assert volleyd.metric("volley_in_flight_messages") == 0
    assert volleyd.metric("volley_message_failures_total", reason="handler_fail") == EACH
    assert volleyd.metric("volley_message_failures_total", reason="handler_retry") == 3 * EACH + EACH
    assert volleyd.metric("volley_retries_total") == 2 * EACH + EACH
    assert volleyd.metric("volley_possible_duplicates_total") == 0
    for queue, rows in {"one": 6 * EACH, "two": EACH, "dead": 2 * EACH}.items():
        assert volleyd.metric("volley_messages_sent_total", destination=queue) == rows == len(store.take(queue)), queue
    assert volleyd.stop() == 0, volleyd.log


def test_what_a_killed_process_had_in_hand_is_counted_as_redelivered(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", [json.dumps({"n": n}) for n in range(COUNT)], ["k"] * COUNT)
    volleyd = Volleyd(tmp_path, queues(store) + config(store, tmp_path, seconds=0.01)).wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_sent_total") > 20, "work has begun", every=0.005)
    volleyd.kill()
    in_hand, left = store.connect().execute(
        "SELECT sum(attempts > 0), count(*) FROM volley_messages WHERE queue = 'in'").fetchone()
    assert in_hand > 0
    volleyd = Volleyd(tmp_path, queues(store) + config(store, tmp_path)).wait_ready()
    wait_until(lambda: sum(settled(volleyd).values()) == left, "all are settled")
    assert volleyd.metric("volley_messages_redelivered_total") == in_hand
    assert volleyd.stop() == 0, volleyd.log
    outputs = [int(n) for n in store.take("one")]
    assert len(outputs) == len(set(outputs)) == 6 * EACH


def test_what_a_revocation_leaves_is_counted_and_the_other_instance_has_it(kafka_server, tmp_path):
    store = Kafka(kafka_server, partitions=4)
    # Without those that are tried for long: what is done behind one of them is done again elsewhere.
    numbers = [n for n in range(COUNT) if n % 10 != 2]
    store.put("in", [json.dumps({"n": n}) for n in numbers], [f"k{n}" for n in numbers])
    text = f"app: {store.group}\n" + queues(store, store.topic) + config(store, tmp_path, seconds=0.04)
    first = Volleyd(tmp_path, text).wait_ready()
    wait_until(lambda: first.metric("volley_messages_sent_total") > 20, "work has begun")
    second = Volleyd(tmp_path, text)
    both = [first, second]
    wait_until(lambda: second.address and second.metric("volley_messages_received_total") > 0, "the second has a share")
    wait_until(lambda: len(store.take("one")) >= 6 * EACH and len(store.take("dead")) >= EACH, "all came through")
    wait_until(lambda: sum(v.metric("volley_in_flight_messages") for v in both) == 0, "nothing is in flight")
    for volleyd in both:
        assert volleyd.metric("volley_messages_received_total") == sum(settled(volleyd).values())
        assert volleyd.metric("volley_messages_released_total", reason="revocation") == settled(volleyd)["released"]
    finished = sum(sum(settled(v).values()) - settled(v)["released"] for v in both)
    sent = sum(v.metric("volley_messages_sent_total", destination="one") for v in both)
    assert sent == len(store.take("one"))
    # The revocation is drained, so nothing is done twice.
    assert finished == len(numbers) and sent == 6 * EACH
    for volleyd in both:
        assert volleyd.stop() == 0, volleyd.log


def test_outputs_carry_stable_ids_made_of_where_their_input_is_from(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 5}'], ["k"])
    volleyd = Volleyd(tmp_path, queues(store) + config(store, tmp_path, output_ids="true")).wait_ready()
    wait_until(lambda: len(store.take("two")) == 1, "both outputs are there")
    headers = [json.loads(text) for (text,) in store.connect().execute(
        "SELECT headers FROM volley_messages WHERE queue IN ('one', 'two') ORDER BY queue")]
    ids = [value for ((name, value),) in headers]
    assert all(re.fullmatch(f"in/1/[0-9a-f]{{16}}/judge/{index}", ids[index]) for index in (0, 1)), ids
    assert volleyd.stop() == 0, volleyd.log


def test_a_sender_cannot_forge_what_only_the_engine_says(tmp_path):
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 6}', '{"n": 11}'], ["k"] * 2)
    store.connect().execute("UPDATE volley_messages SET headers = ?",
                            ('[["volley-attempts", "99"], ["volley-id", "forged"], ["trace", "kept"]]',))
    volleyd = Volleyd(tmp_path, queues(store) + config(store, tmp_path)).wait_ready()
    wait_until(lambda: len(store.take("one")) == 1 and len(store.take("dead")) == 1, "one is out, one is dead")
    assert volleyd.stop() == 0, volleyd.log
    headers = {queue: json.loads(text) for queue, text in store.connect().execute("SELECT queue, headers FROM volley_messages")}
    assert headers["one"] == [["trace", "kept"]]
    assert ["trace", "kept"] in headers["dead"]
    assert [value for name, value in headers["dead"] if name == "volley-attempts"] == ["1"]
    assert "forged" not in json.dumps(headers["dead"])
