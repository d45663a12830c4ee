"""Handlers: a bare loop over pipes beside volleyd with a child, and how many messages a waiting handler moves."""

import os
import re
import shutil
import statistics
import subprocess
import time
from datetime import datetime

from measure import BIN, BUILD, PAIRS, ROOT, Cpu, head, pairs, servers
from support.environments import environment

HERE = ROOT / "bench" / "handlers"
CREATE = """
import sys
where = sys.argv[1]
if where.startswith("sqlite:"):
    import sqlite3
    db = sqlite3.connect(where.removeprefix("sqlite:"), isolation_level=None)
else:
    import psycopg
    db = psycopg.connect(where, autocommit=True)
db.execute("DROP TABLE IF EXISTS orders")
db.execute("CREATE TABLE orders (body TEXT)")
"""
BYTES = 200


def run_volleyd(folder, handler, count, component=""):
    """Seconds from ready to the end, by its log, and seconds of CPU."""
    (folder / "volley.yml").write_text(
        f"queues:\n  in: {{type: memory, serializer: json, config: {{generate: {count}, body_bytes: {BYTES}}}}}\n"
        "  out: {type: memory, config: {discard: true}}\n"
        f"components: [{{input: in, outputs: [out], handler: {handler}, on_fail: requeue{component}}}]\noperations: off\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugin_api" / "python")}
    with Cpu() as cpu:
        log = subprocess.run([BIN / "volleyd", "--config", folder / "volley.yml", "--exit-when-idle"], check=True, capture_output=True,
                             text=True, env=environment).stderr
    assert f"done={count}" in log, log
    begin, end = (datetime.fromisoformat(re.search(rf"^(\S+)Z .*{what}", log, re.M).group(1)) for what in ("is ready", "has ended"))
    return (end - begin).total_seconds(), cpu.seconds


def run_bare(folder, count):
    """Through pipes, as volleyd does: a writer and a reader beside the child."""
    lines = folder / "lines"
    if not lines.exists():
        body = '{"pad":"' + "x" * (BYTES - 10) + '"}'
        lines.write_text("".join(f'{{"id":"{1_000_000 + n}","attempt":1,"body":{body}}}\n' for n in range(count)))
    begin = time.perf_counter()
    with Cpu() as cpu:
        subprocess.run(f"cat {lines} | python3 {HERE / 'bare.py'} | cat > /dev/null", shell=True, check=True)
    return time.perf_counter() - begin, cpu.seconds


def programs(folder, name):
    """What runs bench/handlers/NAME in each language, as the configuration says it."""
    yield "Python", f'{{exec: [python3, "{HERE / name}.py"]}}'
    if shutil.which("node"):
        shutil.copytree(ROOT / "plugin_api" / "node", folder / "node_modules" / "volley-handler", dirs_exist_ok=True)
        shutil.copy(HERE / f"{name}.mjs", folder)
        yield "Node.js", f"{{exec: [node, {name}.mjs]}}"
    yield "C++", str(BUILD / "bench" / f"libbench_{name}.so")


def handlers(folder):
    count = 200_000
    head("bare Python")
    for language, handler in programs(folder, "pass"):
        pairs(f"{language}, {BYTES} B, memory", count, lambda: run_bare(folder, count), lambda h=handler: run_volleyd(folder, h, count))
    print(f"\n{'handler waits for 50 ms':34} {'messages/s':>12} {'of ideal':>9}", flush=True)
    for concurrency in (1, 64, 512):
        ideal = concurrency / 0.05
        for language, handler in programs(folder, "wait"):
            seconds = statistics.median(
                run_volleyd(folder, handler, int(ideal * 10), f", concurrency: {concurrency}")[0] for _ in range(PAIRS // 2 + 1))
            rate = ideal * 10 / seconds
            print(f"{language + ', concurrency ' + str(concurrency):34} {rate:12,.0f} {rate / ideal:8.2f}x", flush=True)
    inserts(folder)


def inserts(folder):
    """Rows a second of a handler that inserts durably: one message in a transaction, and batches of up to 500."""
    python = environment("psycopg", "psycopg[binary]==3.2.3")
    server = servers.Postgres(folder).start()
    try:
        print(f"\n{'handler inserts rows':34} {'one by one/s':>12} {'batches/s':>12} {'ratio':>7}", flush=True)
        for name, where in (("SQLite", f"sqlite:{folder / 'orders.db'}"), ("PostgreSQL", server.dsn)):
            subprocess.run([python, "-c", CREATE, where], check=True)
            rates = {"single": [], "batch": []}
            for _ in range(PAIRS):
                for kind, count, more in (("single", 2_000, ""), ("batch", 50_000, ", batch: {max_messages: 500, max_wait: 200ms}")):
                    handler = f'{{exec: ["{python}", "{HERE / "insert.py"}", {kind}, "{where}"]}}'
                    rates[kind].append(count / run_volleyd(folder, handler, count, more)[0])
            one, many = (statistics.median(rates[kind]) for kind in ("single", "batch"))
            print(f"{name + ', Python, one worker':34} {one:12,.0f} {many:12,.0f} {many / one:6.1f}x", flush=True)
    finally:
        server.stop()
