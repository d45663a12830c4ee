"""The pages for maintainers name what exists: functions, files, verbs of ./dev, flags, links. Reads the sources and needs no build."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIFE = ROOT / "docs" / "life-of-a-message.md"
ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = [LIFE, ROOT / "docs" / "glossary.md", ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md", *ADRS]
# Where a function may be declared, and where a name that is no function may occur.
SOURCES = ("engine", "plugins", "plugin_api", "cli")
OTHERS = ("tests/simulation", "config")

# Comments and literals, in which neither names nor braces count.
NO_CODE = re.compile(
    r'R"lua\(.*?\)lua"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.S)
QUALIFIED = re.compile(r"^(\w+)::(\w+)(?:\(\))?$")
FREE = re.compile(r"^(\w+)\(\)$")
PATH = re.compile(r"^[\w.-]+(?:/[\w.-]+)+/?$")
TYPE = re.compile(r"\b(?:class|struct|enum)\s+(?:class\s+|alignas\(\w+\)\s+|[A-Z_]+\s+)*(?:\w+::)*(\w+)\b[^;{}()]*\{")
BRACE = re.compile(r"[{}]")
IDENTIFIER = re.compile(r"^[A-Za-z]+_\w+$")


@cache
def sources():
    """The code of each source file, by its path from the root."""
    files = {}
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".cpp", ".hpp", ".h", ".in"):
                files[str(file.relative_to(ROOT))] = NO_CODE.sub(" ", file.read_text())
    return files


@cache
def words():
    files = [file for folder in SOURCES + OTHERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    return set(re.findall(r"\w+", "\n".join(file.read_text(errors="replace") for file in files)))


def types(code):
    """(name, what stands between its braces) of each type that the code defines."""
    for match in TYPE.finditer(code):
        depth, end = 1, match.end()
        while depth > 0 and (brace := BRACE.search(code, end)):
            depth += 1 if brace.group() == "{" else -1
            end = brace.end()
        yield match.group(1), code[match.end():end]


@cache
def index():
    """The files that declare or define a function, by (type or nothing, function); and the members that types declare."""
    files, members = {}, set()
    for path, code in sources().items():
        # What begins at the start of a line is no call.
        found = {("", name) for name in re.findall(r"^[A-Za-z][\w:<>,&* ]*[ &*](\w+)\s*\(", code, re.M)}
        found |= set(re.findall(r"^\S.*?\b(\w+)::(\w+)\s*\(", code, re.M))
        for name, body in types(code):
            own = {(name, word) for word in re.findall(r"\b\w+\b", body)}
            members |= own
            found |= own
        for pair in found:
            files.setdefault(pair, []).append(path)
    return files, members


def places(owner, function):
    return index()[0].get((owner, function), [])


def marks(text):
    return re.findall(r"`([^`\n]+)`", text)


def functions(text):
    """(what stands in the page, class or nothing, function) of each code mark that names one."""
    for mark in marks(text):
        if match := QUALIFIED.match(mark):
            yield mark, *match.groups()
        elif match := FREE.match(mark):
            yield mark, "", match.group(1)


def paths(text):
    return [mark for mark in marks(text) if PATH.match(mark)]


NAMED = sorted(set(functions(LIFE.read_text())))
ROWS = [line for line in LIFE.read_text().splitlines() if line.startswith("|") and list(functions(line))]


def test_the_page_names_functions():
    assert len(NAMED) > 80 and len(ROWS) > 20


@pytest.mark.parametrize("mark, owner, function", NAMED, ids=[mark for mark, _, _ in NAMED])
def test_a_function_of_the_life_of_a_message_is_declared(mark, owner, function):
    is_declared = (owner, function) in index()[1] if owner else places("", function)
    elsewhere = sorted({path for (_, name), files in index()[0].items() if name == function for path in files})
    assert is_declared, f"{LIFE.name} names `{mark}`, which no source declares; {function} is in {elsewhere}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_a_row_names_the_files_of_its_functions(row):
    named = paths(row)
    assert named, "a row with functions names their files"
    for mark, owner, function in functions(row):
        found = places(owner, function)
        assert set(found) & set(named), f"{LIFE.name}: `{mark}` is not in {named}, but in {found}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_path_in_a_page_exists(page):
    # What a build makes is not there. The page of the architecture is about engine/.
    named = [path for path in paths(page.read_text()) if not path.startswith("build/")]
    assert [path for path in named if not (ROOT / path).exists() and not (ROOT / "engine" / path).exists()] == []


@pytest.mark.parametrize("page", [LIFE, *ADRS], ids=lambda page: page.name)
def test_a_name_in_a_page_occurs_in_the_sources(page):
    names = {mark for mark in marks(page.read_text()) if IDENTIFIER.match(mark)}
    assert sorted(names - words()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_in_a_page_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_adr_is_linked_and_numbered():
    assert [int(page.name[:4]) for page in ADRS] == list(range(1, len(ADRS) + 1))
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    assert [page.name for page in ADRS if f"(adr/{page.name})" not in architecture] == []


def test_the_architecture_page_lists_the_parts_of_the_runtime():
    section = (ROOT / "docs" / "architecture.md").read_text().split("## The parts of the runtime", 1)[1].split("\n## ", 1)[0]
    listed = sorted(mark for mark in marks(section) if mark.endswith(".hpp"))
    assert listed == sorted(file.name for file in (ROOT / "engine" / "runtime").glob("*.hpp"))


def test_the_glossary_is_sorted_and_says_each_word_once():
    terms = re.findall(r"^\*\*(.+?)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    assert len(terms) > 50
    assert terms == sorted(set(terms), key=str.lower)


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
VERBS = re.findall(r"^verb_([a-z]+)\(\) \{", (ROOT / "dev").read_text(), re.M)


def test_contributing_mentions_every_verb_of_dev_and_no_other():
    assert len(VERBS) > 10
    mentioned = set(re.findall(r"\./dev ([a-z]+)", CONTRIBUTING))
    assert mentioned == set(VERBS)


def test_contributing_names_the_flags_that_the_simulator_has():
    known = set(re.findall(r'"(--[a-z]+)"', (ROOT / "tests" / "simulation" / "main.cpp").read_text()))
    section = CONTRIBUTING.split("## From a failing seed to its cause", 1)[1].split("\n## ", 1)[0]
    named = {flag for mark in marks(section) for flag in re.findall(r"(?<!\S)--[a-z-]+", mark)}
    assert named - {"--args"} == known  # --args is gdb's
