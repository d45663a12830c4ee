"""The three connectors as a test sees them from outside: put in and take out with clients that are not ours."""

import json
import sqlite3
import uuid

from .servers import wait_until


class Sqlite:
    """Plain SQL beside the engine, as plugins/sqlite/README.md allows."""

    type = "sqlite"

    def __init__(self, folder):
        self.path = folder / "queues.db"

    def config(self, reads=False) -> str:
        return f'{{path: "{self.path}"}}'

    def connect(self):
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        return connection

    def put(self, queue, bodies, keys):
        import subprocess

        from .volleyd import VOLLEY

        config = self.path.parent / "put.yml"
        config.write_text(f"queues: {{{queue}: {{type: sqlite, config: {self.config()}}}}}\n"
                          f"components: [{{input: {queue}, handler: forward}}]\n")
        for key in sorted(set(keys)):
            lines = "\n".join(body for body, of in zip(bodies, keys) if of == key)
            subprocess.run([str(VOLLEY), "--config", str(config), "send", queue, "--key", key, "--file", "-"], input=lines,
                           text=True, check=True, capture_output=True)

    def take(self, queue):
        connection = self.connect()
        try:
            rows = connection.execute("SELECT body FROM volley_messages WHERE queue = ? ORDER BY id", (queue,)).fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            connection.close()
        return [bytes(row[0]).decode() if isinstance(row[0], bytes) else row[0] for row in rows]


class Postgresql:
    """Plain SQL beside the engine, as plugins/postgresql/README.md allows."""

    type = "postgresql"

    def __init__(self, server, dsn=None, **more):
        self.server = server
        self.dsn = dsn or server.dsn
        self.schema = "t" + uuid.uuid4().hex[:8]
        self.more = "".join(f", {key}: {value}" for key, value in more.items())

    def config(self, reads=False) -> str:
        return f'{{dsn: "{self.dsn}", schema: {self.schema}, lease_ms: 1000{self.more}}}'

    def put(self, queue, bodies, keys):
        """The queue's table is there: a volleyd has made it."""
        calls = "".join(f"SELECT {self.schema}.send('{queue}', '{body}', key => '{key}');" for body, key in zip(bodies, keys))
        assert self.server.sql("SET client_min_messages = error;" + calls, file=True).strip()

    def take(self, queue):
        return self.server.sql(f"SELECT convert_from(body, 'UTF8') FROM {self.schema}.\"{queue}\" ORDER BY id").splitlines()


class Rsmq:
    """PyRSMQ."""

    type = "rsmq"

    def __init__(self, server):
        self.server = server
        self.ns = "t" + uuid.uuid4().hex[:8]
        self.taken = {}

    def config(self, reads=False) -> str:
        return f"{{port: {self.server.port}, ns: {self.ns}, vt: 5}}"

    def client(self):
        from rsmq import RedisSMQ

        return RedisSMQ(host="127.0.0.1", port=self.server.port, ns=self.ns)

    def redis(self):
        import redis

        return redis.Redis(port=self.server.port)

    def put(self, queue, bodies, keys):
        client = self.client()
        client.createQueue(qname=queue, vt=5, delay=0).exceptions(False).execute()
        for body in bodies:
            client.sendMessage(qname=queue, message=body, encode=False).execute()

    def take(self, queue):
        client = self.client()
        client.quiet = True
        bodies = self.taken.setdefault(queue, [])
        if not self.redis().sismember(f"{self.ns}:QUEUES", queue):
            return bodies
        while True:
            message = client.receiveMessage(qname=queue, vt=60, quiet=True).exceptions(False).execute()
            if not message:
                return bodies
            body = message["message"]
            # PyRSMQ reads JSON by itself.
            bodies.append(body if isinstance(body, str) else body.decode() if isinstance(body, bytes) else json.dumps(body))
            client.deleteMessage(qname=queue, id=message["id"]).execute()


class Kafka:
    """confluent-kafka."""

    type = "kafka"

    def __init__(self, server, partitions=3):
        self.server = server
        self.topics = {}
        self.partitions = partitions
        self.readers = {}
        self.next = {}  # offsets of theirs
        self.taken = {}
        self.group = "g" + uuid.uuid4().hex[:8]

    def topic(self, queue):
        if queue not in self.topics:
            self.topics[queue] = self.server.topic(queue, self.partitions)
        return self.topics[queue]

    def config(self, reads=False) -> str:
        # A static member has its partitions again at once when it comes back after a kill.
        member = f", group.instance.id: {self.group}, session.timeout.ms: 6000, heartbeat.interval.ms: 500" if reads else ""
        return f'{{bootstrap.servers: "{self.server.bootstrap}"{member}}}'

    def put(self, queue, bodies, keys):
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.server.bootstrap})
        for body, key in zip(bodies, keys):
            producer.produce(self.topic(queue), body.encode(), key.encode())
            producer.poll(0)
        assert producer.flush(60) == 0

    def take(self, queue):
        return [m.value().decode() for m in self.take_messages(queue)]

    def take_messages(self, queue):
        """All that came so far, up to where each partition ends now; what there is, if the broker does not answer."""
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        topic = self.topic(queue)
        messages = self.taken.setdefault(queue, [])
        if queue not in self.readers:
            reader = Consumer({"bootstrap.servers": self.server.bootstrap, "group.id": "reader", "enable.auto.commit": False,
                               "auto.offset.reset": "earliest"})
            reader.assign([TopicPartition(topic, p, 0) for p in range(self.partitions)])
            self.readers[queue], self.next[queue] = reader, [0] * self.partitions
        reader, following = self.readers[queue], self.next[queue]
        try:
            ends = [reader.get_watermark_offsets(TopicPartition(topic, p), timeout=5)[1] for p in range(len(following))]
        except KafkaException:
            return messages
        while any(at < end for at, end in zip(following, ends)):
            message = reader.poll(5)
            if message is None:
                break
            if message.error() is None:
                messages.append(message)
                following[message.partition()] = message.offset() + 1
        return messages


def declared(store, queue, reads=False, **more):
    """The line of a configuration's `queues:` that declares it."""
    value = store.topic(queue) if store.type == "kafka" else queue
    settings = "".join(f", {key}: {setting}" for key, setting in more.items())
    return f"  - {{name: {queue}, value: {value}, type: {store.type}{settings}, config: {store.config(reads=reads)}}}\n"


def wait_for_all(store, ledger, queue="out", dead=None, timeout=120):
    """Takes until everything of the ledger is out; the ledger judges what came."""

    def complete():
        verdict = ledger.judge(store.take(queue), store.take(dead) if dead else ())
        return verdict if not verdict["lost"] else None

    try:
        return wait_until(complete, "everything is out", timeout, every=0.2)
    except AssertionError:
        return ledger.judge(store.take(queue), store.take(dead) if dead else ())
