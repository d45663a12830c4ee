"""plugins/postgresql/README.md shows how volleyd consumes a table that exists already: its SQL and its YAML, as they are."""

from pathlib import Path

from support.volleyd import check

PAGE = Path(__file__).resolve().parents[3] / "plugins" / "postgresql" / "README.md"


def blocks():
    """The indented blocks of the section."""
    section = PAGE.read_text().split("## A table that exists already\n")[1].split("\n## ")[0]
    out = [[]]
    for line in section.splitlines():
        if line.startswith("    ") or (not line and out[-1]):
            out[-1].append(line[4:])
        elif out[-1]:
            out.append([])
    return ["\n".join(lines) for lines in out if lines]


def test_the_page_moves_its_orders_to_a_queue(postgres, tmp_path):
    table, columns, queues = blocks()
    config = queues.replace("host=db dbname=shop user=volley", postgres.dsn) + '\noperations: {listen: "127.0.0.1:0"}\n'
    assert postgres.dsn in config
    postgres.sql(table, file=True)
    code, log = check(tmp_path, config, "--exit-when-idle")
    assert code == 78, log
    assert "ALTER TABLE" in log and "volley_token" in log

    postgres.sql(columns, file=True)
    postgres.sql("INSERT INTO orders (payload, customer, status) SELECT jsonb_build_object('n', n), 'c' || n % 3, CASE WHEN n % 10 = 0 "
                 "THEN 'draft' ELSE 'new' END FROM generate_series(1, 100) AS n")
    code, log = check(tmp_path, config, "--exit-when-idle")
    assert code == 0, log
    assert "outputs and acks are one transaction" in log and "lacks indexes" not in log
    assert postgres.sql("SELECT status, count(*), count(volley_token) FROM orders GROUP BY status ORDER BY status").split() == [
        "draft|10|0", "shipped|90|0"]
    assert postgres.sql("SELECT sum((convert_from(body, 'UTF8')::json->>'n')::int), count(DISTINCT key) FROM volley.out").strip() == "4500|3"
