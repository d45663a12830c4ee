"""rsmq_py_volley.py PORT NS FROM TO COUNT: as bench_rsmq_bare, with py-volley's engine. COUNT 0: until it is killed."""
import os
import sys
import time

from volley import Engine

port, ns, source, target, count = int(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5])
place = {"host": "127.0.0.1", "port": port, "ns": ns}
app = Engine(input_queue="in", output_queues=["out"], metrics_port=None, poll_interval_seconds=0.001, queue_config={
    "in": {"value": source, "profile": "rsmq", "config": dict(place)},
    "out": {"value": target, "profile": "rsmq", "config": dict(place)}})
begin, done = 0.0, 0


@app.stream_app
def forward(message):
    global begin, done
    if done == count and count:
        # The handler is called for one more after the last that counts is settled.
        print(time.perf_counter() - begin, flush=True)
        os._exit(0)
    begin = begin or time.perf_counter()
    done += 1
    return [("out", message)]


forward()
