"""Applications of py-volley run unmodified on volleyd: same inputs, same outputs."""

import json
import signal
import urllib.request

import pytest
from support.environments import py_volley
from support.py_volley import APPS, BOTH, Run
from support.servers import free_port
from support.stores import Kafka, Rsmq

OFFSET_INVALID = -1001  # the group has committed none


@pytest.fixture(autouse=True)
def no_application_is_left_behind():
    yield
    while Run.running:
        Run.running.pop().kill()


class OnRsmq:
    """The queues of one run, in a namespace of their own."""

    profile = "rsmq"

    def __init__(self, server):
        self.store = Rsmq(server)

    def environment(self, vt=30, codec="", dead="-dlq"):
        place = {"host": "127.0.0.1", "port": self.store.server.port, "ns": self.store.ns}
        queues = {"IN": codec, "OUT": codec, "OTHER": codec, "DEAD": dead}
        return {name: json.dumps({"value": name.lower(), "profile": self.profile + ending,
                                  "config": {**place, "vt": vt} if name == "IN" else place})
                for name, ending in queues.items() if ending is not None}

    def put(self, bodies):
        client = self.store.client()
        client.createQueue(qname="in", vt=30).exceptions(False).execute()
        for body in bodies:
            client.sendMessage(qname="in", message=body, encode=False).execute()

    def stored(self, queue):
        """Bodies as they are, in the order of their sending; nothing is received."""
        redis = self.store.redis()
        key = f"{self.store.ns}:{queue}"
        ids = redis.zrange(key, 0, -1)
        return sorted(redis.hget(f"{key}:Q", each) for each in ids)


class OnKafka:
    profile = "confluent"

    def __init__(self, server):
        self.store = Kafka(server, partitions=1)

    def environment(self, codec="", dead="-dlq", **config):
        servers = {"bootstrap.servers": self.store.server.bootstrap}
        reads = {**servers, "group.id": self.store.group, "session.timeout.ms": 6000, "poll_interval": 0.2, **config}
        queues = {"IN": codec, "OUT": codec, "OTHER": codec, "DEAD": dead}
        return {name: json.dumps({"value": self.store.topic(name.lower()), "profile": self.profile + ending,
                                  "config": reads if name == "IN" else servers})
                for name, ending in queues.items() if ending is not None}

    def put(self, bodies, **options):
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.store.server.bootstrap})
        for body in bodies:
            producer.produce(self.store.topic("in"), body, **options)
        assert producer.flush(60) == 0

    def stored(self, queue):
        return sorted(message.value() for message in self.store.take_messages(queue))

    def committed(self):
        from confluent_kafka import Consumer, TopicPartition

        reader = Consumer({"bootstrap.servers": self.store.server.bootstrap, "group.id": self.store.group})
        try:
            return reader.committed([TopicPartition(self.store.topic("in"), 0)], timeout=30)[0].offset
        finally:
            reader.close()


@pytest.fixture(params=[OnRsmq, OnKafka], ids=["rsmq", "kafka"])
def queues(request):
    """Makes the queues of a run."""
    server = request.getfixturevalue("redis_server" if request.param is OnRsmq else "kafka_server")
    return lambda: request.param(server)


@pytest.fixture
def rsmq(redis_server):
    return lambda: OnRsmq(redis_server)


@pytest.fixture
def kafka(kafka_server):
    return lambda: OnKafka(kafka_server)


ORDERS = [
    {"id": 1}, {"id": "2", "do": "both"}, {"id": 3, "do": "true"}, {"id": 4, "do": "empty"}, {"id": "no number"}, {}, [1], "text",
    {"id": 5, "at": "2024-02-29T12:00:00", "price": "10.10", "uuid": "6b1f1c7e-8f43-4f38-9b5c-1d6c0f6c8b11"},
    {"id": 6, "at": "2024-02-29T12:00:00.5+02:00", "tags": ["a\n", "\u2028", "🌍", "\x00"], "unknown": 1},
]
BAD_BYTES = [b"", b"{", b"\xff\xfe\x00", b"null"]


def encoded(codec):
    if "msgpack" not in codec:
        return [json.dumps(order).encode() for order in ORDERS] + BAD_BYTES
    # By hand, for this interpreter has no msgpack: {"id": n}.
    return [b"\x81\xa2id" + bytes([n]) for n in range(5)] + [b"\x81\xa2id\xa17", b"\x81\xa2id\xa1x", b"\xc1", b"\x90", b""]


@pytest.mark.parametrize("codec", ["", "-pydantic", "-orjson-pydantic", "-msgpack-pydantic"])
def test_outputs_and_dead_letters_are_the_same_bytes(codec, queues, tmp_path):
    stored = {}
    for name, start in BOTH.items():
        at = queues()
        bodies = [body for body in encoded(codec) if body or isinstance(at, OnKafka)]  # PyRSMQ does not send an empty one
        at.put(bodies)
        app = start(tmp_path / name, APPS / "orders.py", **at.environment(codec=codec))
        # What is stored beside the input's two that come to nothing: one goes to three queues.
        expected = len(bodies) - 2 + 2 if "msgpack" not in codec else len(bodies)
        app.wait_for("all is dealt with", lambda: sum(len(at.stored(queue)) for queue in ("out", "other", "dead")) >= expected)
        assert app.stop() == 0, app.log
        assert "the end" in app.lines, app.log
        stored[name] = {queue: at.stored(queue) for queue in ("out", "other", "dead")}
    assert stored["volleyd"] == stored["py-volley"]


def test_messages_that_the_function_refuses_come_back(rsmq, tmp_path):
    """After the visibility timeout, and for as long as it refuses them: they are no dead letters."""
    for name, start in BOTH.items():
        at = rsmq()
        at.put([b'{"id": 1, "do": "false once"}', b'{"id": 2}', b'{"id": 3, "do": "never"}'])
        app = start(tmp_path / name, APPS / "orders.py", **at.environment(vt=1))
        app.wait_for("it was tried seven times", lambda: app.said.count("handling 3 never") > 6)
        app.wait_for("the others are done", lambda: len(at.stored("out")) == 2)
        assert app.stop() == 0, app.log
        assert len(at.stored("in")) == 1 and at.stored("dead") == []


def test_a_refused_message_stops_an_application_of_kafka(kafka, tmp_path):
    for name, start in BOTH.items():
        at = kafka()
        at.put([b'{"id": 1}', b'{"id": 2, "do": "never"}'])
        app = start(tmp_path / name, APPS / "orders.py", **at.environment())
        app.wait()
        assert len(at.stored("out")) == 1 and at.stored("dead") == []
        # py-volley may close its consumer before the first message is confirmed.
        assert at.committed() in ((1,) if name == "volleyd" else (1, OFFSET_INVALID)), app.log


def test_delays_keys_and_headers_go_out_as_asked(rsmq, kafka, tmp_path):
    stored = {}
    for name, start in BOTH.items():
        in_redis, in_kafka = rsmq(), kafka()
        in_redis.put([b'{"id": 1, "do": "options", "options": {"delay": 3600}}'])
        in_kafka.put([b'{"id": 1, "do": "options", "options": {"key": "k\\u00fc", "headers": {"a": "b", "c": ""}}}', b'{"id": 2}'])
        first = start(tmp_path / name, APPS / "orders.py", **in_redis.environment())
        second = start(tmp_path / name, APPS / "orders.py", **in_kafka.environment())
        first.wait_for("the delayed one is there", lambda: in_redis.stored("out"))
        second.wait_for("both are there", lambda: len(in_kafka.stored("out")) == 2)
        assert (first.stop(), second.stop()) == (0, 0), first.log + second.log
        redis = in_redis.store.redis()
        [(_, visible)] = redis.zrange(f"{in_redis.store.ns}:out", 0, -1, withscores=True)
        assert visible / 1000 - redis.time()[0] > 3000
        stored[name] = sorted((m.key() or b"", m.headers() or [], m.value()) for m in in_kafka.store.take_messages("out"))
    assert stored["volleyd"] == stored["py-volley"]
    assert stored["volleyd"][1][:2] == ("kü".encode(), [("a", b"b"), ("c", b"")])


def test_an_application_goes_on_where_the_other_stopped(kafka, tmp_path):
    """The same group, and its offsets."""
    at = kafka()
    environment = at.environment()
    for turn, (name, start) in enumerate([*BOTH.items(), *BOTH.items()]):
        at.put([b'{"id": %d}' % (100 * turn + n) for n in range(50)])
        app = start(tmp_path / name, APPS / "orders.py", **environment)
        app.wait_for("all is out", lambda: len(at.stored("out")) >= 50 * (turn + 1))
        assert app.stop() == 0, app.log
        assert at.committed() == 50 * (turn + 1)
    ids = [json.loads(body)["id"] for body in at.stored("out")]
    assert sorted(ids) == sorted({100 * turn + n for turn in range(4) for n in range(50)}), "none twice, none missing"


def readme_apps(folder, replaced):
    """The application that py-volley's package has in its description, with other addresses."""
    folder.mkdir()
    site = next((py_volley().parent.parent / "lib").glob("python3*/site-packages"))
    text = next(site.glob("py_volley-*.dist-info/METADATA")).read_text()
    for name in ("my_config.py", "app_0.py", "app_1.py"):
        block = next(part for part in text.split("```python\n") if part.startswith(f"# ./{name}")).split("```")[0]
        for old, new in replaced.items():
            block = block.replace(old, new)
        (folder / name).write_text(block)


def test_the_example_of_its_own_description_runs(kafka_server, redis_server, tmp_path):
    said = {}
    for name, start in BOTH.items():
        topic = kafka_server.topic("readme")
        readme_apps(tmp_path / name, {"localhost:9092": kafka_server.bootstrap, "6379": str(redis_server.port),
                                      "my.kafka.topic.name": topic, 'app_name="app_0",': 'app_name="app_0", metrics_port=None,'})
        at = OnKafka(kafka_server)
        at.store.topics["in"] = topic
        at.put([json.dumps({"my_values": [1, 2, 3]}).encode()])
        apps = [start(tmp_path / name, f"app_{n}.py") for n in range(2)]
        apps[1].wait_for("it says that it is done", lambda: "That's it, we are done!" in apps[1].said)
        assert [app.stop() for app in apps] == [0, 0], apps[0].log + apps[1].log
        lines = [[line for line in app.said if line.startswith(("Received", "the_max", "The maximum", "That"))] for app in apps]
        said[name] = lines, at.stored("in")
    assert said["volleyd"] == said["py-volley"]
    assert len(said["volleyd"][1]) == 5


def test_names_of_metrics_are_the_ones_of_py_volley(rsmq, tmp_path):
    """With the function's own metrics beside them. Its values are read from the child."""
    names = {}
    for name, start in BOTH.items():
        at, port = rsmq(), free_port()
        at.put([b'{"id": 1}', b'{"id": 2}', b"{"])
        app = start(tmp_path / name, APPS / "counting.py", METRICS_PORT=str(port), **at.environment())
        app.wait_for("all is dealt with", lambda: len(at.stored("out")) + len(at.stored("dead")) == 3)
        text = app.wait_for("its metrics", lambda: metrics(port))
        assert app.stop() == 0, app.log
        ours = ("messages_", "volley_app_", "heartbeats_total", "process_time_seconds_count", "orders_seen")
        names[name] = {line for line in text.splitlines() if line.startswith(ours) and "created" not in line}
    # py-volley beats also while there is nothing to do.
    assert {line for line in names["volleyd"] if "heart" not in line} == {line for line in names["py-volley"] if "heart" not in line}
    assert any("heartbeats_total" in line for line in names["volleyd"])


def metrics(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            return response.read().decode()
    except OSError:
        return None


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_connectors_in_python_run(end, tmp_path):
    """A consumer and a producer of the application's own; the consumer is told what became of each message."""
    stored = {}
    for name, start in BOTH.items():
        folder = tmp_path / name
        (folder / "in").mkdir(parents=True)
        for n, body in enumerate([b'{"n": 1}', b'{"n": "2"}', b'{"n": 3, "ok": false}', b"bad", b'{"n": 4}']):
            (folder / "in" / str(n)).write_bytes(body)
        app = start(folder, APPS / "folders.py")
        app.wait_for("all is told", lambda: (folder / "told").exists() and len((folder / "told").read_text().splitlines()) == 5)
        assert app.stop(end) == 0, app.log
        stored[name] = {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}
        stored[name].update(told=(folder / "told").read_text(), shut=(folder / "shut").read_text())
    assert stored["volleyd"] == stored["py-volley"]


def test_what_a_function_is_told_of_a_message(kafka, rsmq, tmp_path):
    stored = {}
    topic = kafka().store.topic("in")  # the same for both, for its name is in the output
    for name, start in BOTH.items():
        logged, queued = kafka(), rsmq()
        logged.store.topics["in"] = topic
        if not stored:
            logged.put([b'{"a": 1}'], key=b"k\xff", headers=[("h", b"1"), ("h", None)])
            logged.put([b'{"a": "\xc3\xbc"}'])
        queued.put([b'{"a": 1}'])
        apps = [start(tmp_path / name, APPS / "origins.py", **at.environment()) for at in (logged, queued)]
        apps[0].wait_for("both are there", lambda: len(logged.stored("out")) == 2)
        apps[1].wait_for("it is there", lambda: queued.stored("out"))
        assert [app.stop() for app in apps] == [0, 0], apps[0].log + apps[1].log
        stored[name] = logged.stored("out"), queued.stored("out")
    assert stored["volleyd"] == stored["py-volley"]


def test_a_profile_for_batches(kafka, tmp_path):
    """On volleyd each batch has one message."""
    stored = {}
    for name, start in BOTH.items():
        at = kafka()
        at.put([b'{"a": %d}' % n for n in range(7)])
        environment = at.environment()
        environment["IN"] = json.dumps({**json.loads(environment["IN"]), "profile": "confluent-batch-json"})
        app = start(tmp_path / name, APPS / "origins.py", **environment)
        app.wait_for("all are there", lambda: len(at.stored("out")) == 7)
        assert app.stop() == 0, app.log
        stored[name] = at.stored("out")
    assert stored["volleyd"] == stored["py-volley"]
