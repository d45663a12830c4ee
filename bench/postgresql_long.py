"""Many messages through one queue table of PostgreSQL: is it as fast at the end as at the start, and as small?

    python3 bench/postgresql_long.py [MESSAGES] [MINUTES]     ends with whichever comes first; 10,000,000 and 15

Each round inserts 50,000 messages by SQL and waits until volleyd has acked them all. Other work on the machine changes the rate, so
the CPU time of the server is shown, too: that of a message does not depend on others.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "integration"))

from support import servers  # noqa: E402
from support.volleyd import VOLLEYD  # noqa: E402

ROUND = 50_000
TICKS = os.sysconf("SC_CLK_TCK")


def postmaster(server):
    return int((server.data / "postmaster.pid").read_text().split("\n")[0])


def cpu_seconds(server):
    """Of the server and all its processes, those that have ended too."""
    pid = postmaster(server)
    own = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = sum(map(int, own[11:15]))
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            of_child = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(of_child[11]) + int(of_child[12])
    return ticks / TICKS


def sizes(server):
    table, indexes, dead = server.sql(
        "SELECT pg_relation_size(c.oid), pg_indexes_size(c.oid), n_dead_tup FROM pg_class AS c JOIN pg_stat_user_tables AS s ON s.relid = c.oid "
        "WHERE c.relname = 'in' AND s.schemaname = 'volley'").strip().split("|")
    return f"table {int(table) / 1e6:.0f} MB, indexes {int(indexes) / 1e6:.0f} MB, dead rows {int(dead):,}"


def wait_until_made(server, engine):
    while engine.poll() is None and server.sql("SELECT to_regclass('volley.\"in\"') IS NOT NULL").strip() != "t":
        time.sleep(0.1)


def round_of(server, engine):
    """Seconds and CPU seconds of the server for one round."""
    start, cpu = time.monotonic(), cpu_seconds(server)
    server.sql(f"""INSERT INTO volley."in" (body, key) SELECT convert_to('{{"pad":"{"x" * 88}"}}', 'UTF8'),
               convert_to((i % 100)::text, 'UTF8') FROM generate_series(1, {ROUND}) AS i""")
    while engine.poll() is None and server.sql('SELECT EXISTS (SELECT FROM volley."in")').strip() != "f":
        time.sleep(0.5)  # a look costs the server as much as some messages
    return time.monotonic() - start, cpu_seconds(server) - cpu


def summary(name, rounds):
    seconds, cpu = (sum(column) / len(rounds) for column in zip(*rounds))
    return f"{name}: {ROUND / seconds:,.0f} messages a second, {cpu / ROUND * 1e6:.1f} µs of the server's CPU a message"


def main(messages=10_000_000, minutes=15):
    folder = Path(tempfile.mkdtemp(prefix="volley-bench-"))
    server = servers.Postgres(folder).start()
    engine = None
    try:
        config = folder / "volley.yml"
        config.write_text(f'queues: {{in: {{type: postgresql, config: {{dsn: "{server.dsn}"}}}}}}\n'
                          "components: [{input: in, outputs: [], handler: forward}]\noperations: off\n")
        engine = subprocess.Popen([str(VOLLEYD), "--config", str(config)], cwd=folder, stderr=subprocess.DEVNULL)
        wait_until_made(server, engine)
        rounds, until = [], time.monotonic() + minutes * 60
        while engine.poll() is None and len(rounds) * ROUND < messages and time.monotonic() < until:
            rounds.append(round_of(server, engine))
            if len(rounds) % 5 == 1:
                print(f"{len(rounds) * ROUND:,}: {summary('this round', rounds[-1:])}; {sizes(server)}", flush=True)
        assert engine.poll() is None, "volleyd has ended"
        tenth = max(1, len(rounds) // 10)
        print(f"{len(rounds) * ROUND:,} messages")
        print(summary("first tenth", rounds[:tenth]))
        print(f"{summary('last tenth', rounds[-tenth:])}; {sizes(server)}", flush=True)
    finally:
        if engine is not None:
            engine.terminate()
            engine.wait()
        server.stop()
        servers.remove(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
