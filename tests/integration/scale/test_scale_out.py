"""One queue and 1, 2, 4 and 8 processes: what they process together, and what joining, dying and leaving costs. The ledger judges."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from support import measured
from support.kafka_jobs import everything
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka, Postgresql, Rsmq, Sqlite, declared, wait_for_all
from support.volleyd import VOLLEY, Volleyd, check

pytestmark = pytest.mark.scale

MESSAGES = int(os.environ.get("VOLLEY_SCALE_MESSAGES", "1000"))  # for each process
KINDS = ["sqlite", "rsmq", "postgresql", "kafka"]
PARTITIONS = 16
KEYS = 32
# A millisecond a message, as a handler that waits for something: what one process does is bounded, what many do is not.
SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parents[1]}/support/slow_forward.py"]}}'


@pytest.fixture(params=KINDS)
def shared(request, tmp_path):
    """A queue that several processes share."""
    if request.param == "sqlite":
        return Sqlite(tmp_path)
    if request.param == "rsmq":
        return Rsmq(request.getfixturevalue("redis_server"))
    if request.param == "postgresql":
        return Postgresql(request.getfixturevalue("postgres_server"))
    return Kafka(request.getfixturevalue("kafka_server"), partitions=PARTITIONS)


def config(store, handler=SLOW, member=None):
    queue = declared(store, "in")
    if store.type == "kafka":
        more = ", session.timeout.ms: 6000, heartbeat.interval.ms: 500" + (member or "")
        queue = queue.replace("}}\n", more + "}}\n")
    return (f"app: scale\nqueues:\n{queue}{declared(store, 'out')}"
            f"components: [{{name: move, input: in, outputs: [out], handler: {handler}, order: key, max_in_flight: 50}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


class Fleet:
    def __init__(self, tmp_path, store, **options):
        self.tmp_path, self.store, self.options = tmp_path, store, options
        self.processes = []
        self.logs = []
        self.known = {}

    def launch(self, name=None):
        folder = self.tmp_path / (name or f"p{len(self.logs)}")
        folder.mkdir(exist_ok=True)
        options = {key: value(folder.name) if callable(value) else value for key, value in self.options.items()}
        volleyd = Volleyd(folder, config(self.store, **options))
        self.processes.append(volleyd)
        self.logs.append(volleyd)
        return volleyd

    def add(self, count=1):
        launched = [self.launch() for _ in range(count)]
        for volleyd in launched:
            volleyd.wait_ready(120)

    def kill_one(self):
        self.processes.pop(0).kill()

    def remove_one(self):
        volleyd = self.processes.pop(0)
        assert volleyd.stop() == 0, volleyd.log

    def stop(self):
        while self.processes:
            self.remove_one()

    def operate(self, verb):
        ran = [subprocess.Popen([str(VOLLEY), verb, "--all", "--address", volleyd.address], stdout=subprocess.DEVNULL)
               for volleyd in self.processes]
        assert [one.wait(60) for one in ran] == [0] * len(ran)

    def sent(self):
        """What they have sent; of one that does not answer now, what it had sent before."""
        for volleyd in self.processes:
            try:
                self.known[volleyd] = volleyd.metric("volley_messages_sent_total")
            except OSError:
                assert volleyd.process.poll() is None, volleyd.log[-3000:]
        return sum(self.known.get(volleyd, 0) for volleyd in self.processes)

    def processor_seconds(self):
        """Of the engines, without their handlers."""
        return sum(measured.processor_seconds(volleyd.process.pid) for volleyd in self.processes)


def fill(store, tmp_path, count):
    if store.type == "postgresql":  # its tables are made by an engine
        assert check(tmp_path, config(store), "--exit-when-idle")[0] == 0
    ledger = Ledger(count, keys=KEYS)
    store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])
    return ledger


def sound(store, verdict):
    """Only Kafka and PostgreSQL keep the order of a key among processes."""
    ordered = store.type not in ("kafka", "postgresql") or verdict["disordered"] == []
    return verdict["lost"] == [] and verdict["phantoms"] == 0 and ordered


def another(shared, folder):
    """A queue of its own on the same server, or in another file."""
    if shared.type == "sqlite":
        return Sqlite(folder)
    return Kafka(shared.server, partitions=PARTITIONS) if shared.type == "kafka" else type(shared)(shared.server)


def test_throughput_of_1_2_4_and_8_processes(shared, tmp_path):
    table = f"Messages a second on {shared.type}, {os.cpu_count()} cores, one worker each, a handler that waits 1 ms"
    measured.row(table, "processes", "messages/s", "ratio to one", "processor of the engines, µs a message", "duplicates")
    first = None
    for processes in (1, 2, 4, 8):
        folder = tmp_path / f"of{processes}"
        folder.mkdir()
        store = another(shared, folder)
        if store.type == "kafka":
            store.topic("in"), store.topic("out")
        fleet = Fleet(folder, store)
        fleet.add(processes)
        fleet.operate("pause")  # nobody begins before all are there and everything is in
        ledger = Ledger(MESSAGES * processes, keys=KEYS)
        store.put("in", ledger.bodies(), [entry["key"] for entry in ledger.sent])
        fleet.operate("resume")
        began, used = time.monotonic(), fleet.processor_seconds()
        wait_until(lambda: fleet.sent() >= len(ledger.sent) * 0.9, "90 % are out", 600, every=0.1)
        sent = fleet.sent()
        rate, cost = sent / (time.monotonic() - began), (fleet.processor_seconds() - used) * 1e6 / sent
        wait_for_all(store, ledger, timeout=300)
        fleet.stop()
        verdict = ledger.judge(store.take("out"))
        first = first or rate
        measured.row(table, processes, int(rate), rate / first, cost, verdict["duplicates"])
        assert sound(store, verdict) and verdict["duplicates"] == 0, verdict


def test_processes_join_die_and_leave_under_load(shared, tmp_path):
    ledger = fill(shared, tmp_path, max(6000, MESSAGES * 6))  # as many as the changes take time for
    fleet = Fleet(tmp_path, shared)
    fleet.add(2)

    def some_more(count=100):
        had = len(shared.take("out"))
        wait_until(lambda: len(shared.take("out")) >= min(had + count, len(ledger.sent)), f"{count} more came out", 120)

    for change in (lambda: fleet.add(2), fleet.kill_one, lambda: fleet.add(1), fleet.remove_one, fleet.kill_one, lambda: fleet.add(2)):
        some_more()
        change()
    assert ledger.judge(shared.take("out"))["lost"], "the changes came too late to prove anything"
    wait_for_all(shared, ledger, timeout=300)
    fleet.stop()
    verdict = ledger.judge(shared.take("out"))
    # What was in flight in the killed ones, or done since their last commit; elsewhere outputs and acks are one transaction.
    bound = 2 * 600 if shared.type == "kafka" else 0
    table = "Two joined, one killed, one joined, one left, one killed, two joined, under load"
    if table not in measured.tables:
        measured.row(table, "store", "messages", "lost", "duplicates (bound)")
    measured.row(table, shared.type, len(ledger.sent), len(verdict["lost"]), f"{verdict['duplicates']} ({bound})")
    assert sound(shared, verdict) and verdict["duplicates"] <= bound, verdict


MEMBERS = {
    "dynamic, range": lambda name: "",
    "static, range": lambda name: f", group.instance.id: {name}",
    "static, cooperative-sticky": lambda name: f", group.instance.id: {name}, partition.assignment.strategy: cooperative-sticky",
}


@pytest.mark.parametrize("members", MEMBERS)
def test_how_long_work_stands_still_in_a_rolling_deploy(kafka_server, tmp_path, members):
    """Each of three processes is replaced in turn. Timestamps of the broker's own records say when nothing came out."""
    store = Kafka(kafka_server, partitions=6)
    store.topic("in"), store.topic("out")
    fleet = Fleet(tmp_path, store, handler="forward", member=MEMBERS[members])
    for volleyd in [fleet.launch(f"m{number}") for number in range(3)]:
        volleyd.wait_ready()
    ledger = Ledger(20_000, keys=KEYS)
    ended = threading.Event()
    put = []

    def load():
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": store.server.bootstrap, "linger.ms": 0, "enable.idempotence": True})
        for entry, body in zip(ledger.sent, ledger.bodies()):
            if ended.is_set():
                break
            producer.produce(store.topic("in"), body.encode(), entry["key"].encode())
            producer.poll(0)
            put.append(entry)
            time.sleep(0.002)
        producer.flush(60)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        wait_until(lambda: len(put) > 300, "the load has begun")
        for name in ("m0", "m1", "m2"):
            fleet.remove_one()
            fleet.launch(name).wait_ready()
            had = len(put)
            wait_until(lambda: len(put) > had + 300, "the load goes on")
    finally:
        ended.set()
        thread.join()
    ledger.sent = put
    wait_for_all(store, ledger)
    fleet.stop()
    verdict = ledger.judge(store.take("out"))
    out = {m.value(): m.timestamp()[1] for m in everything(store, "out")}
    times = sorted(out.values())
    still = max(b - a for a, b in zip(times, times[1:]))
    late = max(out[m.value()] - m.timestamp()[1] for m in everything(store, "in"))
    table = "Rolling deploy of three members, 6 partitions, milliseconds"
    if table not in measured.tables:
        measured.row(table, "members", "nothing came out for", "one message waited for", "duplicates")
    measured.row(table, members, still, late, verdict["duplicates"])
    of_producer = len(everything(store, "in")) - len(put)
    assert sound(store, verdict), verdict
    twice = [body for body, count in Counter(m.value() for m in everything(store, "out")).items() if count > 1]
    assert verdict["duplicates"] == of_producer, (verdict, of_producer, twice, "\n".join(v.log[-1500:] for v in fleet.logs))
