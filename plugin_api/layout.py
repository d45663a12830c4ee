#!/usr/bin/env python3
"""The layout of plugin.h's structs, as a list for people (layout.txt) and as a table for other languages (layout.json).

    plugin_api/layout.py            compares both files with the header; exit code 1 if they differ
    plugin_api/layout.py --write    writes them; refuses if an old line would change or vanish

The structs and constants are found in the text of the header; the numbers come from a C program that is compiled against
it."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
HEADER = HERE / "include" / "volley" / "plugin.h"


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def structs_in(text):
    """Pairs of a struct's name and the names of its fields, in the order of the header."""
    pattern = re.compile(r"(?:typedef\s+)?struct\s+(volley_\w+)\s*\{([^}]*)\}\s*\w*\s*;")
    return [(name, [field_name(field) for field in body.split(";") if field.strip()])
            for name, body in pattern.findall(without_comments(text))]


def field_name(declaration):
    function = re.search(r"\(\*\s*(?:const\s+)?(\w+)\)\s*\(", declaration)
    if function:
        return function.group(1)
    return re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", declaration.strip()).group(1)


def constants_in(text):
    """Names of enumerators and of flags, in the order of the header."""
    text = without_comments(text)
    found = [(m.start(), name.strip().split("=")[0].strip())
             for m in re.finditer(r"enum\s*\w*\s*\{([^}]*)\}", text) for name in m.group(1).split(",") if name.strip()]
    found += [(m.start(), m.group(1)) for m in re.finditer(r"#define\s+(VOLLEY_\w+)\s+\(UINT64_C", text)]
    return [name for _, name in sorted(found, key=lambda pair: pair[0])]


def program(text, header):
    lines = ["#include <stdio.h>", f'#include "{header}"', "int main(void) {",
             '  printf("abi %d %d\\n", VOLLEY_ABI_MAJOR, VOLLEY_ABI_MINOR);']
    for name, fields in structs_in(text):
        lines.append(f'  printf("struct {name} %zu\\n", sizeof({name}));')
        lines += [f'  printf("field {field} %zu %zu\\n", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));'
                  for field in fields]
    lines += [f'  printf("constant {name} %lld\\n", (long long){name});' for name in constants_in(text)]
    return "\n".join([*lines, "  return 0;", "}", ""])


def layout_of(header, compiler="cc"):
    """The table of a header, as layout.json has it."""
    header = Path(header).resolve()
    table = {"abi": {}, "structs": [], "constants": {}}
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "layout.c", Path(folder) / "layout"
        source.write_text(program(header.read_text(), header))
        subprocess.run([compiler, "-std=c11", "-o", str(binary), str(source)], check=True)
        output = subprocess.run([str(binary)], check=True, capture_output=True, text=True).stdout
    for kind, *words in map(str.split, output.splitlines()):
        if kind == "abi":
            table["abi"] = {"major": int(words[0]), "minor": int(words[1])}
        elif kind == "struct":
            table["structs"].append({"name": words[0], "size": int(words[1]), "fields": []})
        elif kind == "field":
            table["structs"][-1]["fields"].append({"name": words[0], "offset": int(words[1]), "size": int(words[2])})
        else:
            table["constants"][words[0]] = int(words[1])
    return table


def as_list(table):
    lines = ["# Structs of volley/plugin.h on 64-bit systems: name and size; offset, size and name of each field.",
             "# Made by plugin_api/layout.py. Lines are added at the end of a struct only; see docs/compatibility.md."]
    for struct in table["structs"]:
        lines += ["", f"{struct['name']} {struct['size']}"]
        lines += [f"  {field['offset']:5} {field['size']:4}  {field['name']}" for field in struct["fields"]]
    lines += ["", "constants"] + [f"  {value:8}  {name}" for name, value in table["constants"].items()]
    return "\n".join(lines) + "\n"


def breaks(old, new):
    """What a plugin that was built with the old table would notice: empty, if the new one only adds."""
    out = []
    if old["abi"]["major"] != new["abi"]["major"]:
        return out  # another entry symbol: another ABI
    structs = {struct["name"]: struct for struct in new["structs"]}
    for before in old["structs"]:
        name, after = before["name"], structs.get(before["name"])
        if after is None:
            out.append(f"{name} is gone")
            continue
        for position, field in enumerate(before["fields"]):
            now = after["fields"][position] if position < len(after["fields"]) else None
            is_used_now = field["name"] == "reserved" and now == {**field, "name": now and now["name"]}
            if now != field and not is_used_now:
                out.append(f"{name}.{field['name']} was {field}, and is {now}")
        is_frozen = name in ("volley_view", "volley_header")
        if after["size"] < before["size"] or (is_frozen and after != before):
            out.append(f"{name} had {before['size']} bytes, and has {after['size']}")
    for name, value in old["constants"].items():
        if new["constants"].get(name) != value:
            out.append(f"{name} was {value}, and is {new['constants'].get(name)}")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write layout.txt and layout.json")
    arguments = parser.parse_args()
    table = layout_of(HEADER)
    files = {HERE / "layout.txt": as_list(table), HERE / "layout.json": json.dumps(table, indent=1) + "\n"}
    broken = breaks(json.loads((HERE / "layout.json").read_text()), table) if (HERE / "layout.json").exists() else []
    for line in broken:
        print(line, file=sys.stderr)
    if broken:
        return 1
    for path, text in files.items():
        if arguments.write:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.name} is not that of plugin.h: run plugin_api/layout.py --write", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
