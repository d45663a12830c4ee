"""The plugin ABI over time: the header is plain C and C++, structs only grow, and plugins that were built with another
version of the header are loaded."""

import copy
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.plugins import build_plugin, plugin_check
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

HEADER = ROOT / "plugin_api" / "include" / "volley" / "plugin.h"
MAJOR = re.search(r"#define VOLLEY_ABI_MAJOR (\d+)", HEADER.read_text()).group(1)
FROZEN = sorted((ROOT / "tests" / "abi").glob(f"{MAJOR}.*/volley/plugin.h"))  # another major is another ABI
RIGHT = ROOT / "tests" / "plugins" / "right.c"

spec = importlib.util.spec_from_file_location("layout", ROOT / "plugin_api" / "layout.py")
layout = importlib.util.module_from_spec(spec)
spec.loader.exec_module(layout)


@pytest.mark.parametrize("standard", ["c11", "c++17", "c++20"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_header_is_clean_with_all_warnings(compiler, standard, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    source = tmp_path / ("only.c" if standard == "c11" else "only.cpp")
    source.write_text('#include "volley/plugin.h"\nint main(void) { return (int)volley_text(0).size; }\n')
    result = subprocess.run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror",
                             "-fsyntax-only", "-I", str(HEADER.parent.parent), str(source)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_layout_in_the_repository_is_that_of_the_header():
    result = subprocess.run([str(ROOT / "plugin_api" / "layout.py")], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.parent.parent.name)
def test_the_header_has_only_grown_since(frozen):
    old, new = layout.layout_of(frozen), layout.layout_of(HEADER)
    assert old["abi"]["minor"] <= new["abi"]["minor"]
    assert layout.breaks(old, new) == []


def test_the_list_has_every_struct_of_the_header():
    text = layout.without_comments(HEADER.read_text())
    defined = set(re.findall(r"struct\s+(volley_\w+)\s*\{", text))
    table = json.loads((ROOT / "plugin_api" / "layout.json").read_text())
    assert {struct["name"] for struct in table["structs"]} == defined and len(defined) > 20
    for struct in table["structs"]:
        end = max(field["offset"] + field["size"] for field in struct["fields"])
        assert end <= struct["size"] < end + 8, f"a field of {struct['name']} is missing"


def changed(change):
    table = json.loads((ROOT / "plugin_api" / "layout.json").read_text())
    after = copy.deepcopy(table)
    change(next(struct for struct in after["structs"] if struct["name"] == "volley_message"), after)
    return layout.breaks(table, after)


def test_what_a_plugin_would_notice_is_a_break():
    def appended(message, table):
        message["fields"].append({"name": "later", "offset": message["size"], "size": 8})
        message["size"] += 8

    def inserted(message, table):
        message["fields"].insert(2, {"name": "early", "offset": 24, "size": 8})

    def widened(message, table):
        message["fields"][-1]["size"] += 4

    def renumbered(message, table):
        table["constants"]["VOLLEY_NACK"] = 5

    def removed(message, table):
        table["structs"].remove(message)

    assert changed(appended) == []
    assert all(changed(change) for change in (inserted, widened, renumbered, removed))


def larger(folder):
    """A copy of the header as of a later minor version: each struct that may grow has two more fields."""
    text = HEADER.read_text()

    def grow(match):
        if match.group(1) in ("volley_view", "volley_header"):
            return match.group(0)
        return f"{match.group(0)[:-len(match.group(3))]}  uint64_t added_later;\n  const char *also_added;\n{match.group(3)}"

    text = re.sub(r"struct\s+(volley_\w+)\s*\{(.*?)(\n\}\s*\w*\s*;)", grow, text, flags=re.S)
    text = re.sub(r"(#define VOLLEY_ABI_MINOR) \d+", r"\1 99", text)
    (folder / "volley").mkdir(parents=True)
    (folder / "volley" / "plugin.h").write_text(text)
    return folder


def include_of(name, tmp_path):
    return larger(tmp_path / "larger") if name == "larger" else ROOT / "tests" / "abi" / name


VERSIONS = [path.parent.parent.name for path in FROZEN] + ["larger"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plugin_that_was_built_with_another_header_keeps_the_contract(version, tmp_path):
    plugin = build_plugin(RIGHT, tmp_path, include_of(version, tmp_path))
    checks = [word for name in ("class", "lifecycle", "bytes", "thousand", "settle", "handle") for word in ("--only", name)]
    result = plugin_check(plugin, "--config", "{}", *checks)
    assert result.returncode == 0 and "10 passed" in result.stdout, result.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plugin_that_was_built_with_another_header_works_in_the_engine(version, tmp_path):
    plugin = build_plugin(RIGHT, tmp_path, include_of(version, tmp_path))
    store = Sqlite(tmp_path)
    bodies = [json.dumps({"n": n}) for n in range(200)]
    store.put("in", bodies, ["a"] * 200)
    volleyd = Volleyd(tmp_path, f"""
app: other-header
queues:
  in: {{type: sqlite, serializer: json, config: {store.config()}}}
  out: {{type: sqlite, serializer: json, config: {store.config()}}}
  between: {{consumer: '{plugin}:Reader', producer: '{plugin}:Writer', serializer: json}}
components:
  - {{name: first, input: in, outputs: [between], handler: forward}}
  - {{name: second, input: between, outputs: [out], handler: '{plugin}:Echo'}}
operations: {{listen: "127.0.0.1:0"}}
""").wait_ready()
    wait_until(lambda: len(store.take("out")) == 200, "all came out")
    assert volleyd.stop() == 0, volleyd.log
    assert [json.loads(body)["n"] for body in store.take("out")] == list(range(200))


def test_the_larger_header_is_larger(tmp_path):
    before, after = layout.layout_of(HEADER), layout.layout_of(larger(tmp_path / "larger") / "volley" / "plugin.h")
    assert layout.breaks(before, after) == []
    grown = [a["name"] for b, a in zip(before["structs"], after["structs"]) if a["size"] > b["size"]]
    assert len(grown) == len(before["structs"]) - 2
