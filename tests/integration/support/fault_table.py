"""What the fault matrix's rows cost in this run; conftest.py prints it as a table at the end."""

rows = []


def note(row, fault, verdict=None, bound=0, recovery=None, also=""):
    """`verdict` is the ledger's; `bound` of its duplicates; `recovery` in seconds until work went on."""
    rows.append((row, fault, verdict, bound, recovery, also))


def table():
    yield "| row | fault | lost | duplicates (bound) | work went on after | |"
    yield "|---|---|---|---|---|---|"
    for row, fault, verdict, bound, recovery, also in sorted(rows, key=lambda entry: entry[0]):
        lost = "" if verdict is None else len(verdict["lost"])
        duplicates = "" if verdict is None else f"{verdict['duplicates']} ({bound})"
        after = "" if recovery is None else f"{recovery:.1f} s"
        yield f"| {row} | {fault} | {lost} | {duplicates} | {after} | {also} |"
