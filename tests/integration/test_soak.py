"""Memory over time: messages up to 900 kB, a tenth fails, and the outputs are down for a third of the time. `./dev soak 30` runs it
for half an hour."""

import os
import random
import threading
import time

import pytest
from support.proxy import Proxy
from support.servers import ROOT, wait_until
from support.volleyd import Volleyd

MIB = 1 << 20
LIMIT = 32 * MIB
FETCHED = 16 * MIB  # queued.max.messages.kbytes
WORKERS = 2
LARGEST = 900_000
# docs/operations.md, "Memory": what comes on top of max_in_flight_bytes.
CONSTANT = LIMIT // 4 + FETCHED + WORKERS * 2 * LARGEST + 8 * MIB + 60 * MIB  # the last: an idle engine, and librdkafka's own
PERIOD = 60  # seconds, of which the outputs are down for a third


def rss(pid) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


class Load(threading.Thread):
    """A tenth of the messages is large. Waits where the broker does not take them."""

    def __init__(self, server, topic):
        super().__init__(daemon=True)
        from confluent_kafka import Producer

        self.producer = Producer({"bootstrap.servers": server.bootstrap, "queue.buffering.max.kbytes": 16384})
        self.topic = topic
        self.over = threading.Event()
        self.sent = 0

    def run(self):
        bytes_of = random.Random(1)
        pad = os.urandom(LARGEST).hex()
        while not self.over.wait(0.01):
            size = bytes_of.randrange(20_000, LARGEST) if bytes_of.random() < 0.1 else bytes_of.randrange(10, 2000)
            try:
                self.producer.produce(self.topic, f'"{pad[:size]}"'.encode(), str(self.sent % 50).encode())
                self.sent += 1
            except BufferError:
                pass
            self.producer.poll(0)
        self.producer.flush(30)


@pytest.mark.soak
def test_memory_stays_within_its_bound(kafka_server, tmp_path):
    minutes = float(os.environ.get("VOLLEY_SOAK_MINUTES", "2"))
    small = {"retention_bytes": 64 * MIB, "segment_bytes": 16 * MIB, "max_message_bytes": 2 * MIB}
    topics = {queue: kafka_server.topic(queue, 3, **(small if queue != "in" else {**small, "retention_bytes": 1024 * MIB}))
              for queue in ("in", "out", "dead")}
    def declared(queue, serializer, config):
        return f"  {queue}: {{type: kafka, value: {topics[queue]}, serializer: {serializer}, config: {{{config}}}}}\n"

    reads = f'bootstrap.servers: "{kafka_server.bootstrap}", queued.max.messages.kbytes: {FETCHED // 1024}'
    writes = f'bootstrap.servers: "{kafka_server.behind_proxy}", message.timeout.ms: 5000, message.max.bytes: 2000000'
    queues = declared("in", "json", reads) + declared("out", "json", writes) + declared("dead", "none", writes)
    config = (f"app: soak\nmax_message_bytes: 1MiB\nqueues:\n{queues}components:\n"
              f"  - {{name: move, input: in, outputs: [out], dead_letter_queue: dead, workers: {WORKERS}, order: key,\n"
              f"     max_in_flight_bytes: {LIMIT}, retry: {{initial_delay: 100ms, max_delay: 10s}},\n"
              f'     handler: {{exec: [python3, "{ROOT}/tests/integration/support/handlers/flaky.py"]}}}}\n'
              'operations: {listen: "127.0.0.1:0"}\n')
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugin_api" / "python")}
    proxy = Proxy(kafka_server.behind_port, kafka_server.proxy_port)
    load = Load(kafka_server, topics["in"])
    try:
        volleyd = Volleyd(tmp_path, config, env=environment).wait_ready()
        load.start()
        begin = time.monotonic()
        highest, down, done = 0, False, 0
        print(f"\n  bound {(LIMIT + CONSTANT) / MIB:.0f} MB: max_in_flight_bytes {LIMIT / MIB:.0f} and {CONSTANT / MIB:.0f}")
        while (at := time.monotonic() - begin) < minutes * 60:
            if down != (at % PERIOD > PERIOD * 2 / 3):
                down = not down
                proxy.freeze() if down else proxy.calm()
            now = rss(volleyd.process.pid)
            highest = max(highest, now)
            if int(at) // 10 >= done:
                done = int(at) // 10 + 1
                print(f"  {at:6.0f} s  RSS {now / MIB:6.1f} MB  in flight {volleyd.metric('volley_in_flight_bytes') / MIB:5.1f} MB,"
                      f" {volleyd.metric('volley_in_flight_messages'):5.0f}; sent"
                      f" {volleyd.metric('volley_messages_sent_total'):7.0f}{'  outputs down' if down else ''}", flush=True)
            assert now <= LIMIT + CONSTANT, volleyd.log
            assert volleyd.process.poll() is None, volleyd.log
            time.sleep(0.5)
        proxy.calm()
        load.over.set()
        load.join(60)
        wait_until(lambda: volleyd.metric("volley_messages_received_total") >= load.sent
                   and volleyd.metric("volley_in_flight_messages") == 0, "all has passed", 120)
        assert volleyd.metric("volley_message_failures_total") > load.sent * 0.05
        print(f"  highest {highest / MIB:.1f} MB, {load.sent} messages")
        assert volleyd.stop() == 0, volleyd.log
    finally:
        load.over.set()
        proxy.close()
