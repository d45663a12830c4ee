"""The benches on Kafka: one broker, of which both sides use the same topics."""

import statistics
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

from measure import BIN, BUILD, PAIRS, ROOT, Cpu, Volleyd, bare, head, pairs, servers, volley

SCHEMA = '{type: object, required: [pad], properties: {pad: {type: string, minLength: 1}}}'
PY_VOLLEY = "py-volley[kafka]==1.3.1"


def body(size: int) -> bytes:
    return b'{"pad":"' + b"x" * (size - 10) + b'"}'


def named(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size // 1000} KB"


@contextmanager
def broker(folder):
    own = folder / "kafka"
    own.mkdir()
    server = servers.Kafka(own).start()
    try:
        yield server
    finally:
        server.stop()


def fill(server, count: int, size: int = 100, partitions: int = 1) -> str:
    from confluent_kafka import Producer

    topic = server.topic("in", partitions)
    producer = Producer({"bootstrap.servers": server.bootstrap, "queue.buffering.max.messages": 1_000_000, "linger.ms": 20})
    for _ in range(count):
        while True:
            try:
                producer.produce(topic, body(size))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(300) == 0
    return topic


def target(server, partitions: int = 1) -> str:
    """A topic that does not keep what nobody reads."""
    return server.topic("out", partitions, retention_bytes=100_000_000, segment_bytes=50_000_000)


def config(server, source: str, to: str, handler: str = "forward", of_input: str = "") -> str:
    place = f'{{bootstrap.servers: "{server.bootstrap}"}}'
    return (f"app: b{uuid.uuid4().hex[:8]}\nqueues:\n  in: {{value: {source}, type: kafka, config: {place}{of_input}}}\n"
            f"  out: {{value: {to}, type: kafka, config: {place}}}\n"
            f"components: [{{input: in, outputs: [out], handler: {handler}, on_fail: stop}}]\n")


def beside_bare(folder, server, name, count, size=100, partitions=1, **of_config):
    source, to = fill(server, count, size, partitions), target(server, partitions)
    pairs(name, count, lambda: bare("bench_kafka_bare", server.bootstrap, uuid.uuid4().hex, source, to, count),
          lambda: volley(folder, config(server, source, to, **of_config), count))
    server.admin.delete_topics([source, to])


def forward(folder):
    with broker(folder) as server:
        head()
        beside_bare(folder, server, "Kafka, forward, 100 B", 1_000_000)


def sizes(folder):
    with broker(folder) as server:
        head()
        for partitions in (1, 12):
            for size, count in ((100, 1_000_000), (1_000, 300_000), (100_000, 5_000)):
                beside_bare(folder, server, f"forward, {named(size)}, {partitions} partitions", count, size, partitions)


def schema(folder):
    handler = BUILD / "bench" / "libbench_pass.so"
    with broker(folder) as server:
        head()
        beside_bare(folder, server, "C++ handler, JSON Schema, 100 B", 1_000_000, handler=f"{handler}:Pass",
                    of_input=f", schema: {SCHEMA}")


def latency(folder):
    """From produce to consume through each, at 1,000 messages a second; the probe's own two hops are in both."""
    count = 10_000
    with broker(folder) as server:
        seen = {"bare loop": [], "volleyd": []}
        for _ in range(PAIRS):
            for side, results in seen.items():
                source, to = server.topic("in"), server.topic("out")
                if side == "volleyd":
                    engine = Volleyd(folder, config(server, source, to) + 'operations: {listen: "127.0.0.1:0"}\n').wait_ready()
                else:
                    engine = subprocess.Popen([BIN / "bench_kafka_bare", server.bootstrap, uuid.uuid4().hex, source, to,
                                               str(count)], stdout=subprocess.DEVNULL)
                probe = subprocess.run([BIN / "bench_kafka_latency", server.bootstrap, source, to, str(count)], check=True,
                                       capture_output=True, text=True)
                results.append(tuple(map(float, probe.stdout.split())))
                assert (engine.stop() if side == "volleyd" else engine.wait(30)) == 0
        print(f"{'latency at 1,000/s, ms':34} {'p50':>8} {'p99':>8}")
        for side, results in seen.items():
            p50, p99 = (statistics.median(r[i] for r in results) for i in (0, 1))
            print(f"{side:34} {p50:8.2f} {p99:8.2f}", flush=True)


def py_volley():
    """The interpreter of an environment that has it."""
    home = ROOT / "build" / "py-volley"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", PY_VOLLEY], check=True)
        (home / "complete").touch()
    return home / "bin" / "python"


def python(folder):
    """The same function in both. What py-volley has done is seen by the end of its output topic."""
    from confluent_kafka import Consumer, TopicPartition

    slow_count, count = 20_000, 300_000
    interpreter = py_volley()
    here = ROOT / "bench"
    with broker(folder) as server:
        source, to = fill(server, count), target(server)

        def run_py_volley():
            own = server.topic("out")
            watch = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "watch"})
            log = folder / "py-volley.log"
            with Cpu() as cpu, open(log, "wb") as out:
                worker = subprocess.Popen([interpreter, here / "py_volley.py", server.bootstrap, uuid.uuid4().hex, source, own],
                                          stdout=out, stderr=out)

                def stored():
                    assert worker.poll() is None, log.read_text()[-2000:]
                    return watch.get_watermark_offsets(TopicPartition(own, 0), timeout=5)[1]

                servers.wait_until(lambda: stored() > 0, "its first message", every=0.01)
                begin, first = time.perf_counter(), stored()
                servers.wait_until(lambda: stored() >= slow_count, "its last", 300, 0.02)
                # As for slow_count messages, whatever it did before and after the two looks.
                seconds = (time.perf_counter() - begin) * slow_count / (stored() - first)
                done = stored()
                worker.kill()
                worker.wait()
            watch.close()
            return seconds, cpu.seconds * slow_count / done

        handler = f'{{exec: [python3, "{here / "python_handler.py"}"]}}'
        head("py-volley")
        pairs("Python handler, 100 B", count, run_py_volley,
              lambda: volley(folder, config(server, source, to, handler, ", serializer: json"), count), slow_count)
