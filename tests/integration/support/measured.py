"""What a run of ./dev scale measured: rows that conftest.py prints as tables at the end, with the ratio to the first row."""

from pathlib import Path

tables = {}


def row(table, *columns):
    """The first row of a table has the names of its columns."""
    tables.setdefault(table, []).append(columns)


def lines():
    for name, rows in tables.items():
        yield ""
        yield name
        yield ""
        for number, columns in enumerate(rows):
            yield "| " + " | ".join(f"{c:.2f}" if isinstance(c, float) else f"{c:,}" if isinstance(c, int) else str(c) for c in columns) + " |"
            if number == 0:
                yield "|" + "---|" * len(columns)


def processor_seconds(pid):
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def family(pid):
    """A process and what it has started, as far as it is alive."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def family_seconds(pid):
    total = 0.0
    for one in family(pid):
        try:
            total += processor_seconds(one)
        except FileNotFoundError:  # it has ended
            continue
    return total


def resident_mib(pid):
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")) / 1024


def threads(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
