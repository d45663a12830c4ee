"""The benches on Kafka: one broker, of which both sides use the same topics."""

import statistics
import subprocess
import time
import uuid
from contextlib import contextmanager

from measure import BIN, BUILD, PAIRS, ROOT, Cpu, Volleyd, bare, head, pairs, py_volley, servers, volley

SCHEMA = '{type: object, required: [pad], properties: {pad: {type: string, minLength: 1}}}'


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


def beside_bare(folder, server, name, count, size=100, partitions=1, kind=(), **of_config):
    source, to = fill(server, count, size, partitions), target(server, partitions)
    pairs(name, count, lambda: bare("bench_kafka_bare", server.bootstrap, uuid.uuid4().hex, source, to, count, *kind),
          lambda: volley(folder, config(server, source, to, **of_config), count))
    server.admin.delete_topics([source, to])


def forward(folder):
    with broker(folder) as server:
        head()
        beside_bare(folder, server, "Kafka, forward, 100 B", 2_000_000)
        beside_bare(folder, server, "beside a loop blind for headers", 2_000_000, kind=["lean"])
        beside_bare(folder, server, "beside one that fetches limitless", 2_000_000, kind=["greedy"])


def sizes(folder):
    with broker(folder) as server:
        head()
        for partitions in (1, 12):
            for size, count in ((100, 2_000_000), (1_000, 600_000), (100_000, 10_000)):
                beside_bare(folder, server, f"forward, {named(size)}, {partitions} partitions", count, size, partitions)


def schema(folder):
    handler = BUILD / "bench" / "libbench_pass.so"
    with broker(folder) as server:
        head()
        beside_bare(folder, server, "C++ handler, JSON Schema, 100 B", 1_000_000, handler=f"{handler}:Pass",
                    of_input=f", schema: {SCHEMA}")


def latency(folder):
    """From produce to consume through each, at 1,000 messages a second; the probe's own two hops are in both."""
    count = 5_000
    with broker(folder) as server:
        def run_bare(source, to):
            loop = subprocess.Popen([BIN / "bench_kafka_bare", server.bootstrap, uuid.uuid4().hex, source, to, str(count)],
                                    stdout=subprocess.DEVNULL)
            return lambda: loop.wait(30)

        def run_volleyd(source, to):
            return Volleyd(folder, config(server, source, to) + 'operations: {listen: "127.0.0.1:0"}\n').wait_ready().stop

        def run_benthos(source, to):
            benthos = subprocess.Popen(benthos_command(folder, server, source, to))

            def stop():
                benthos.terminate()
                return benthos.wait(30)
            return stop

        sides = {"bare loop": run_bare, "volleyd": run_volleyd, "Benthos": run_benthos}
        seen = {side: [] for side in sides}
        warm_up = 3  # rounds in which the broker compiles itself
        for number in range(warm_up + PAIRS):
            for side, run in sides.items():
                source, to = server.topic("in"), server.topic("out")
                stop = run(source, to)
                probe = subprocess.run([BIN / "bench_kafka_latency", server.bootstrap, source, to, str(count)], check=True,
                                       capture_output=True, text=True)
                if number >= warm_up:
                    seen[side].append(tuple(map(float, probe.stdout.split())))
                assert stop() == 0
        print(f"{'latency at 1,000/s, ms':34} {'p50':>8} {'p99':>8}")
        for side, results in seen.items():
            p50, p99 = (statistics.median(r[i] for r in results) for i in (0, 1))
            print(f"{side:34} {p50:8.2f} {p99:8.2f}", flush=True)


def benthos_command(folder, server, source, to):
    """bench/benthos, built at the first run, moving messages from one topic to another."""
    program = ROOT / "build" / "benthos"
    if not program.exists():
        subprocess.run(["go", "build", "-o", program, "."], cwd=ROOT / "bench" / "benthos", check=True)
    place = f"seed_brokers: ['{server.bootstrap}']"
    file = folder / "benthos.yaml"
    file.write_text(f"http: {{enabled: false}}\nlogger: {{level: 'OFF'}}\n"
                    f"input: {{kafka_franz: {{{place}, topics: [{source}], consumer_group: g{uuid.uuid4().hex}, commit_period: 100ms}}}}\n"
                    f"output: {{kafka_franz: {{{place}, topic: {to}, max_in_flight: 1000}}}}\n")
    return [program, "-c", file]


def benthos(folder):
    count, slow_count = 1_000_000, 100_000
    with broker(folder) as server:
        source, to = fill(server, count), target(server)
        head("Benthos")
        pairs("forward, 100 B", count, lambda: watched(folder, server, slow_count,
                                                       lambda own: benthos_command(folder, server, source, own)),
              lambda: volley(folder, config(server, source, to), count), slow_count)


def watched(folder, server, count, command):
    """Seconds and seconds of CPU for so many messages of a program that tells nothing: what it has done is seen by the end of its
    output topic."""
    from confluent_kafka import Consumer, TopicPartition

    own = server.topic("out")
    watch = Consumer({"bootstrap.servers": server.bootstrap, "group.id": "watch"})
    log = folder / "watched.log"
    with Cpu() as cpu, open(log, "wb") as out:
        worker = subprocess.Popen(command(own), stdout=out, stderr=out)

        def stored():
            assert worker.poll() is None, log.read_text()[-2000:]
            return watch.get_watermark_offsets(TopicPartition(own, 0), timeout=5)[1]

        servers.wait_until(lambda: stored() > 0, "its first message", every=0.01)
        begin, first = time.perf_counter(), stored()
        servers.wait_until(lambda: stored() >= count, "its last", 300, 0.02)
        # As for `count` messages, whatever it did before and after the two looks.
        seconds = (time.perf_counter() - begin) * count / (stored() - first)
        done = stored()
        worker.kill()
        worker.wait()
    watch.close()
    return seconds, cpu.seconds * count / done


def python(folder):
    """The same function in both."""
    slow_count, count = 20_000, 300_000
    interpreter = py_volley()
    here = ROOT / "bench"
    with broker(folder) as server:
        source, to = fill(server, count), target(server)

        def run_py_volley():
            return watched(folder, server, slow_count,
                           lambda own: [interpreter, here / "py_volley.py", server.bootstrap, uuid.uuid4().hex, source, own])

        handler = f'{{exec: [python3, "{here / "python_handler.py"}"]}}'
        head("py-volley")
        pairs("Python handler, 100 B", count, run_py_volley,
              lambda: volley(folder, config(server, source, to, handler, ", serializer: json"), count), slow_count)
