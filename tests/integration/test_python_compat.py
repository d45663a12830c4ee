"""What the package for py-volley's applications does beside what py-volley does: tests/integration/test_py_volley_apps.py
compares the two."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import urllib.request

import pytest
from support.environments import COMPAT_V1, compat
from support.py_volley import Run, on_volleyd
from support.servers import ROOT, free_port
from support.stores import Kafka
from support.volleyd import BUILD, VOLLEYD

PACKAGE = ROOT / "plugin_api" / "python-compat"

# An application between queues of SQLite, whose function is given.
START = """
import json, os, sys
from typing import Any
from pydantic import BaseModel
from volley import Engine, QueueConfig
from volley.data_models import ComponentMessage, GenericMessage

config = {name: {"value": name, "profile": "sqlite-dlq" if name == "dead" else "sqlite"} for name in ("in", "out", "dead")}
engine = Engine(input_queue="in", output_queues=["out"], dead_letter_queue="dead", metrics_port=None, queue_config=config)
"""


@pytest.fixture(autouse=True)
def no_application_is_left_behind():
    yield
    while Run.running:
        Run.running.pop().kill()


class App:
    """A script in a folder, and its queues."""

    def __init__(self, folder, script, *words, packages=None, **environment):
        self.folder = folder
        (folder / "app.py").write_text(script)
        more = {"packages": packages} if packages else {}
        self.run = on_volleyd(folder, *(words or ["app.py"]), **more, **environment)
        self.run.wait_for("the queues are there", self.is_open)

    def is_open(self):
        with sqlite3.connect(self.folder / "volley.db") as database:
            return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'volley_messages'").fetchone()

    def put(self, *bodies):
        with sqlite3.connect(self.folder / "volley.db", timeout=30) as database:
            database.executemany("INSERT INTO volley_messages (queue, body) VALUES ('in', ?)", [(body,) for body in bodies])

    def rows(self, queue, columns="body"):
        with sqlite3.connect(self.folder / "volley.db", timeout=30) as database:
            return database.execute(f"SELECT {columns} FROM volley_messages WHERE queue = ? ORDER BY id", (queue,)).fetchall()

    def bodies(self, queue="out"):
        return [json.loads(body) for body, in self.rows(queue)]

    def wait_empty(self):
        self.run.wait_for("all is dealt with", lambda: not self.rows("in"))

    def stop(self):
        assert self.run.stop() == 0, self.run.log


def test_results_of_every_kind(tmp_path):
    app = App(tmp_path, START + """
@engine.stream_app
def handle(message):
    do = message.do
    if do == "raise":
        raise KeyError("it is bad")
    return {"none": None, "true": True, "empty": [], "one": ("out", message), "two": [("out", message)] * 2,
            "unknown": [("nowhere", message)], "wrong": [("out", {"a": 1})]}[do]
handle()
""", VOLLEY_MAX_ATTEMPTS="2")
    ways = ["none", "true", "empty", "one", "two", "unknown", "wrong", "raise"]
    app.put(*[json.dumps({"do": way}) for way in ways])
    app.wait_empty()
    app.stop()
    assert [body["do"] for body in app.bodies()] == ["one", "two", "two"]
    dead = {json.loads(body)["do"]: dict(json.loads(headers)) for body, headers in app.rows("dead", "body, headers")}
    assert set(dead) == {"unknown", "wrong", "raise"}
    assert dead["raise"]["volley-error"] == "KeyError: 'it is bad'" and dead["raise"]["volley-attempts"] == "2"


@pytest.mark.parametrize("words", [["app.py", "-v", "x"], ["-m", "app", "-v", "x"]], ids=["script", "module"])
def test_what_a_script_prepares_is_there(words, tmp_path):
    """Its arguments, its folder, its whole environment, and what it does before it calls the application."""
    app = App(tmp_path, START + """
prepared = None

@engine.stream_app
def handle(message):
    return [("out", GenericMessage(prepared=prepared, words=sys.argv[1:], here=os.path.exists("app.py"),
                                   secret=os.environ["MY_API_KEY"], paths="PYTHONPATH" in os.environ, name=__name__))]

if __name__ == "__main__":
    prepared = "in the guard"
    handle()
    print("after it")
""", *words, MY_API_KEY="s3cret")
    app.put("{}")
    app.wait_empty()
    app.stop()
    assert app.bodies() == [{"prepared": "in the guard", "words": ["-v", "x"], "here": True, "secret": "s3cret",
                             "paths": "PYTHONPATH" in os.environ, "name": "__main__"}]
    assert app.run.lines.count("after it") == 1
    assert "s3cret" not in app.run.log


def test_an_application_of_another_module_and_the_second_of_two(tmp_path):
    (tmp_path / "parts.py").write_text(START + """
def of(word):
    @engine.stream_app
    def handle(message):
        return [("out", GenericMessage(word=word))]
    return handle
first, second = of("first"), of("second")
""")
    app = App(tmp_path, "import parts\nparts.second()\n")
    app.put("{}")
    app.wait_empty()
    app.stop()
    assert app.bodies() == [{"word": "second"}]


def test_an_application_in_a_process_of_multiprocessing(tmp_path):
    app = App(tmp_path, START + """
import multiprocessing

@engine.stream_app
def handle(message):
    return [("out", message)]

if __name__ == "__main__":
    process = multiprocessing.Process(target=handle)
    process.start()
    sys.stdin.read()
""")
    app.put('{"a": 1}')
    app.wait_empty()
    assert app.bodies() == [{"a": 1}]


def test_async_functions_keep_their_loop(tmp_path):
    app = App(tmp_path, START + """
import asyncio
lock = None

@engine.stream_app
async def handle(message):
    global lock
    lock = lock or asyncio.Lock()
    async with lock:
        await asyncio.sleep(0)
        return [("out", message)]
handle()
""")
    app.put(*[json.dumps({"n": n}) for n in range(100)])
    app.wait_empty()
    app.stop()
    assert [body["n"] for body in app.bodies()] == list(range(100))


def test_a_yaml_file_with_the_keys_of_earlier_versions(tmp_path):
    (tmp_path / "volley_config.yml").write_text("""
queues:
  in: {value: in, profile: sqlite, data_model: app.In}
  out: {value: out, profile: sqlite, schema: volley.data_models.ComponentMessage, serializer: volley.serializers.JsonSerialization}
  another: {value: another, profile: confluent}
""")
    app = App(tmp_path, """
from pydantic import BaseModel
from volley import Engine
from volley.data_models import ComponentMessage

class In(BaseModel):
    n: int

engine = Engine(input_queue="in", output_queues=["out"], metrics_port=None)

@engine.stream_app
def handle(message) -> None:
    return [("out", ComponentMessage(n=message.n + 1))]

if __name__ == "__main__":
    handle()
""")
    app.put('{"n": "41"}')
    app.wait_empty()
    app.stop()
    assert app.rows("out") == [('{"n": 42}',)]


def test_serializers_and_model_handlers_of_its_own(tmp_path):
    app = App(tmp_path, START + """
from dataclasses import dataclass
from volley.models.base import BaseModelHandler
from volley.serializers.base import BaseSerialization

class Words(BaseSerialization):
    def serialize(self, message):
        return b" ".join(message)
    def deserialize(self, message):
        return message.split(b" ")

@dataclass
class Pair:
    name: bytes
    value: bytes

class Pairs(BaseModelHandler):
    def construct(self, message, schema):
        return schema(*message)
    def deconstruct(self, model):
        return [model.name, model.value]

for queue in ("in", "out"):
    config[queue].update(serializer=Words, model_handler=Pairs, data_model=Pair)
engine = Engine(input_queue="in", output_queues=["out"], dead_letter_queue="dead", metrics_port=None, queue_config=config)

@engine.stream_app
def handle(pair):
    return [("out", Pair(pair.value, pair.name))]
handle()
""")
    app.put("a b", b"\xff \x00", "a b c")
    app.wait_empty()
    app.stop()
    assert app.rows("out", "CAST(body AS BLOB)") == [(b"b a",), (b"\x00 \xff",)]
    assert app.rows("dead") == [("a b c",)]


def test_pydantic_1(tmp_path):
    script = START.replace('"sqlite"', '"sqlite" + os.environ["CODEC"]') + """
class Order(BaseModel):
    id: int
config["in"]["data_model"] = config["out"]["data_model"] = Order
engine = Engine(input_queue="in", output_queues=["out"], dead_letter_queue="dead", queue_config=[
    QueueConfig(name=name, **given) for name, given in config.items()])

@engine.stream_app
def handle(order: Order):
    return [("out", order)]
handle()
"""
    for codec in ("", "-pydantic"):
        folder = tmp_path / f"of{codec}"
        folder.mkdir()
        app = App(folder, script, packages=COMPAT_V1, CODEC=codec)
        app.put('{"id": "7"}', '{"id": "x"}')
        app.wait_empty()
        app.stop()
        assert app.bodies() == [{"id": 7}] and app.bodies("dead") == [{"id": "x"}]
    assert "prometheus_client is not installed" in app.run.log


def test_a_function_is_tested_without_an_engine(tmp_path):
    (tmp_path / "app.py").write_text(START + """
@engine.stream_app
def handle(message, msg_ctx: Any):
    "Says so."
    return [("out", message)]
""")
    test = """
import app
from volley.connectors.rsmq import RSMQConsumer
from volley.data_models import GenericMessage
class Own(RSMQConsumer):
    pass
message = GenericMessage(a=1)
assert app.handle.__wrapped__(message, None) == [("out", message)]
assert (app.handle.__name__, app.handle.__doc__) == ("handle", "Says so.")
assert app.engine.queue_map["out"].value == "out" and app.engine.output_queues == ["out", "dead"]
for wrong in (lambda: 1, lambda a, b: 1):
    try:
        app.engine.stream_app(wrong)
    except TypeError:
        continue
    raise AssertionError
for wrong, error in (({"queue_config": {"in": {"value": "x", "profile": "rsmq", "consumer": Own}}}, TypeError), ({"input_queue": "none"}, KeyError), ({"queue_config": {"in": {"value": "x", "profile": "none"}}}, ValueError),
                     ({"queue_config": {"in": {"value": "x"}}}, ValueError), ({"queue_config": {"in": {"profile": "rsmq"}}}, KeyError)):
    try:
        app.Engine(**{"input_queue": "in", "queue_config": app.config, **wrong})
    except error:
        continue
    raise AssertionError(wrong)
"""
    done = subprocess.run([compat(), "-c", test], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_missing_is_named(tmp_path):
    def ended(script, **environment):
        (tmp_path / "app.py").write_text(script)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "REDIS_"))}
        return subprocess.run([compat(), "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                              env={**clean, "VOLLEYD": str(VOLLEYD), **environment})

    def of(profile):
        return START.replace('"sqlite"', f'"{profile}"') + "engine.stream_app(lambda message: True)()\n"

    assert "KAFKA_BROKERS" in ended(of("confluent")).stderr
    assert "KAFKA_CONSUMER_GROUP" in ended(of("confluent"), KAFKA_BROKERS="localhost:9").stderr
    assert "REDIS_HOST" in ended(of("rsmq")).stderr
    assert "VOLLEYD" in ended(of("sqlite"), VOLLEYD="", PATH="").stderr
    done = ended(of("confluent"), KAFKA_BROKERS="localhost:9", KAFKA_CONSUMER_GROUP="g", VOLLEY_OPERATIONS="nonsense")
    assert done.returncode == 78, done.stderr


def test_the_package_installs(tmp_path):
    packages = tmp_path / "packages"
    for source in (PACKAGE, ROOT / "plugin_api" / "python"):
        copy = shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps",
                               "--target", packages, copy], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    installed = {str(path.relative_to(packages)) for path in packages.rglob("*.py") if path.parts[-2] != "__pycache__"}
    wanted = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert wanted <= installed


def test_workers_and_volleyds_own_probes_are_on_request(tmp_path):
    port = free_port()
    app = App(tmp_path, START + """
import time

@engine.stream_app
def handle(message):
    while len(os.listdir("busy")) < 2:
        open(f"busy/{os.getpid()}", "w").close()
        time.sleep(0.01)
    return [("out", message)]

if __name__ == "__main__":
    os.makedirs("busy", exist_ok=True)
    handle()
""", VOLLEY_WORKERS="2", VOLLEY_OPERATIONS=f"127.0.0.1:{port}")
    app.put("{}", "{}")
    app.wait_empty()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        assert 'volley_messages_settled_total' in response.read().decode()
    app.stop()
    assert len(app.rows("out")) == 2


def test_nothing_outlives_an_application_that_is_killed(tmp_path):
    app = App(tmp_path, START + "engine.stream_app(lambda message: [('out', message)])()\n")
    app.put("{}")
    app.wait_empty()
    app.run.process.kill()
    app.run.reader.join(60)
    assert not app.run.reader.is_alive(), "its output is still open in another process"


def page_blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)


def test_the_page_runs(kafka_server, tmp_path):
    """Every command and every snippet of docs/from-py-volley.md."""
    page = "docs/from-py-volley.md"
    for block in page_blocks(page, "python"):
        (tmp_path / re.match(r"# (\S+\.py)\n", block).group(1)).write_text(block)
    [configuration] = page_blocks(page, "yaml")
    (tmp_path / "volley.yml").write_text(configuration)
    install, start, start_volleyd = page_blocks(page, "console")

    shutil.copytree(ROOT / "plugin_api", tmp_path / "plugin_api")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    topics = {name: kafka_server.topic(name) for name in ("incoming.orders", "large.orders", "dead.orders")}
    for file in ("orders.py", "volley.yml"):
        text = (tmp_path / file).read_text()
        for name, topic in topics.items():
            text = text.replace(name, topic)
        (tmp_path / file).write_text(text)

    environment = {"PATH": f"{tmp_path / 'venv' / 'bin'}:{VOLLEYD.parent}:{os.environ['PATH']}",
                   "VOLLEY_PLUGIN_PATH": str(BUILD / "plugins")}
    done = subprocess.run(["sh", "-ec", install], cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(["python", "test_orders.py"], cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    at = Kafka(kafka_server, partitions=1)
    at.topics = topics
    for turn, command in enumerate((start, start_volleyd), 1):
        at.put("incoming.orders", ['{"id": "1", "amount": 5}', '{"id": "2", "amount": 1000}', '{"id": "x"}'], ["a", "b", "c"])
        command = command.replace("localhost:9092", kafka_server.bootstrap)
        app = Run(tmp_path, ["sh", "-c", "exec env " + command], environment)
        app.wait_for("all is dealt with", lambda: len(at.take("large.orders")) + len(at.take("dead.orders")) == 2 * turn)
        assert app.stop() == 0, app.log
    assert [(message.key(), message.value()) for message in at.take_messages("large.orders")] == [
        (b"2", b'{"id":2,"amount":1000.0}')] * 2
    assert at.take("dead.orders") == ['{"id": "x"}'] * 2
