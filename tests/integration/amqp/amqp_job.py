"""volleyd between queues of RabbitMQ, and pika beside it."""

import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import pika
from support.ledger import Ledger
from support.servers import wait_until
from support.volleyd import Volleyd

SLOW = f'{{exec: ["{sys.executable}", "{Path(__file__).parents[1]}/support/slow_forward.py"]}}'
# Answers each message with ANSWER after PAUSE seconds.
ANSWERS = """import json, sys, time
for line in sys.stdin:
    time.sleep(PAUSE)
    print(json.dumps({"id": json.loads(line)["id"], **ANSWER}), flush=True)
"""
CLEAN = {"lost": [], "duplicates": 0, "phantoms": 0}


def answering(folder, answer, pause=0.0):
    program = folder / "answers.py"
    program.write_text(ANSWERS.replace("PAUSE", repr(pause)).replace("ANSWER", repr(answer)))
    return f'{{exec: ["{sys.executable}", "{program}"]}}'


class Job:
    """Queues of its own in a broker that tests share."""

    def __init__(self, broker, folder, port=None):
        self.broker, self.folder, self.port = broker, folder, port or broker.port
        self.tag = uuid.uuid4().hex[:8]
        self.lines = {}
        for name in ("in", "out"):
            self.queue(name)

    def name(self, queue):
        return f"{queue}-{self.tag}"

    def queue(self, name, **config):
        place = {"port": self.port, **config}
        self.lines[name] = (f"{{value: {self.name(name)}, type: amqp, "
                            f"config: {{{', '.join(f'{k}: {v}' for k, v in place.items())}}}}}")
        return self

    def config(self, handler="forward", **component):
        extra = "".join(f", {key}: {value}" for key, value in component.items())
        return ("app: ledger\nqueues:\n" + "".join(f"  {name}: {text}\n" for name, text in self.lines.items())
                + f"components: [{{name: move, input: in, outputs: [out], handler: {handler}{extra}}}]\n"
                'operations: {listen: "127.0.0.1:0"}\n')

    def start(self, handler="forward", **component):
        return Volleyd(self.folder, self.config(handler, **component)).wait_ready()

    @contextmanager
    def channel(self):
        def connect():  # a broker that has just started resets connections
            try:
                return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.broker.port))
            except pika.exceptions.AMQPConnectionError:
                return None

        connection = wait_until(connect, "RabbitMQ takes a connection")
        try:
            yield connection.channel()
        finally:
            connection.close()

    def put(self, count) -> Ledger:
        ledger = Ledger(count)
        self.publish(ledger.bodies())
        return ledger

    def publish(self, bodies, **properties):
        with self.channel() as channel:
            channel.queue_declare(self.name("in"), durable=True)
            channel.confirm_delivery()  # otherwise a broker that is killed may not have them on disk
            for body in bodies:
                channel.basic_publish("", self.name("in"), body, pika.BasicProperties(delivery_mode=2, **properties))

    def count(self, queue="out") -> int:
        with self.channel() as channel:
            return channel.queue_declare(self.name(queue), passive=True).method.message_count

    def take(self, queue="out"):
        """All that are ready, as (properties, body)."""
        taken = []
        with self.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(self.name(queue), auto_ack=True)
                if method is None:
                    return taken
                taken.append((properties, body.decode()))

    def wait_out(self, count, timeout=90):
        wait_until(lambda: self.count() >= count, f"{count} are out", timeout)

    def verdict(self, ledger):
        verdict = ledger.judge([body for _, body in self.take()])
        del verdict["disordered"]  # what is put back comes later
        return verdict


def settled(volleyd, outcome="ok"):
    return volleyd.metric("volley_messages_settled_total", outcome=outcome)
