"""Messages that wait for their next attempt, or behind one that does, keep no others from being handled."""

import sys

import pytest
from support.servers import wait_until
from support.stores import Rsmq, Sqlite, declared
from support.volleyd import Volleyd

# Slow enough that a worker gets few messages at a time.
HANDLER = """import json, sys, time
for line in sys.stdin:
    message = json.loads(line)
    time.sleep(0.2)
    body = {"text": message["text"]} if "text" in message else {"body": message["body"]}
    bad = "bad" in json.dumps(body)
    print(json.dumps({"id": message["id"], **({"retry": "bad"} if bad else {"outputs": [body]})}), flush=True)
"""


@pytest.fixture(params=["sqlite", "rsmq"])
def store(request, tmp_path):
    return Sqlite(tmp_path) if request.param == "sqlite" else Rsmq(request.getfixturevalue("redis_server"))


@pytest.mark.parametrize("order", ["none", "key"])
def test_those_behind_are_handled_meanwhile(store, tmp_path, order):
    (tmp_path / "handler.py").write_text(HANDLER)
    volleyd = Volleyd(tmp_path, f"app: slow\nqueues:\n{declared(store, 'in', reads=True)}{declared(store, 'out')}"
                                f"components: [{{name: move, input: in, outputs: [out], order: {order}, on_fail: drop, "
                                f'handler: {{exec: ["{sys.executable}", handler.py]}}, '
                                "retry: {max_attempts: 50, initial_delay: 1h, max_delay: 1h}}]\n"
                                'operations: {listen: "127.0.0.1:0"}\n').wait_ready()
    # A success between failures, so that the breaker stays closed.
    bodies = ['{"bad": 1}', '{"good": 0}'] * 8 + [f'{{"good": {n}}}' for n in range(1, 11)]
    store.put("in", bodies, [f"k{n}" for n in range(len(bodies))])
    wait_until(lambda: volleyd.metric("volley_messages_sent_total", component="move") == 18, "all but the bad ones are sent")
    assert volleyd.metric("volley_in_flight_messages", component="move") == 8
    assert volleyd.stop() == 0, volleyd.log
