"""PostgreSQL -> forward -> PostgreSQL, round after round in the same two tables: messages a second, beside a bare loop of libpq
with the same statements, and how large the tables are.

    python3 bench/postgresql_bench.py [ROUNDS] [MESSAGES]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "integration"))

from support import servers  # noqa: E402
from support.volleyd import BUILD, VOLLEYD  # noqa: E402


def run(folder, server):
    config = folder / "volley.yml"
    config.write_text("queues:\n" + "".join(f'  {q}: {{type: postgresql, config: {{dsn: "{server.dsn}"}}}}\n' for q in ("in", "out"))
                      + 'components: [{input: in, outputs: [out], handler: forward}]\noperations: {listen: "127.0.0.1:0"}\n')
    start = time.monotonic()
    subprocess.run([str(VOLLEYD), "--config", str(config), "--exit-when-idle"], check=True, cwd=folder, capture_output=True)
    return time.monotonic() - start


def fill(server, count):
    server.sql(f"""INSERT INTO volley."in" (body, key) SELECT convert_to('{{"pad":"{"x" * 88}"}}', 'UTF8'),
               convert_to((i % 100)::text, 'UTF8') FROM generate_series(1, {count}) AS i""")


def emptied(server, count):
    assert server.sql("SELECT count(*) FROM volley.out").strip() == str(count)
    server.sql("DELETE FROM volley.out")


def bare(server, count):
    result = subprocess.run([str(BUILD / "bin" / "bench_postgresql_bare"), server.dsn, "volley", "in", "out", str(count)],
                            capture_output=True, text=True, check=True)
    return float(result.stdout)


def main(rounds=6, count=50_000):
    folder = Path(tempfile.mkdtemp(prefix="volley-bench-"))
    server = servers.Postgres(folder).start()
    try:
        empty = run(folder, server)  # also makes the tables
        size = "SELECT pg_size_pretty(sum(pg_total_relation_size(oid))) FROM pg_class WHERE relname IN ('in', 'out') AND relkind = 'r'"
        dead = "SELECT n_dead_tup || ' dead rows, vacuumed ' || autovacuum_count || ' times' FROM pg_stat_user_tables WHERE relname = 'in'"
        print(f"an empty run takes {empty:.2f} s")
        for number in range(1, rounds + 1):
            fill(server, count)
            plain = bare(server, count)
            emptied(server, count)
            fill(server, count)
            seconds = run(folder, server) - empty
            emptied(server, count)
            print(f"round {number}: bare {count / plain:,.0f}, volleyd {count / seconds:,.0f} messages a second, ratio {plain / seconds:.2f}; "
                  f"{server.sql(size).strip()}; {server.sql(dead).strip()}", flush=True)
    finally:
        server.stop()
        servers.remove(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
