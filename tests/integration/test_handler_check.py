"""volley handler-check: the echo program of each language passes, and programs with a fault are caught by the right check."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.servers import ROOT
from support.volleyd import VOLLEY

PROTOCOL = ROOT / "plugin_api" / "protocol"
FAULTY = Path(__file__).parent / "support" / "handlers" / "faulty.py"


def run(*command, timeout=300, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, **options)


def handler_check(*arguments, cwd=None):
    return run(VOLLEY, "handler-check", *arguments, cwd=cwd)


def built(*command, **options):
    result = run(*command, **options)
    assert result.returncode == 0, result.stdout + result.stderr


def need(tool):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")


def python(folder):
    return [sys.executable, PROTOCOL / "echo" / "echo.py"]


def node(folder):
    need("node")
    return ["node", PROTOCOL / "echo" / "echo.mjs"]


def cpp(folder):
    need("c++")
    built("c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", folder / "echo", PROTOCOL / "echo" / "echo.cpp")
    return [folder / "echo"]


def go(folder):
    need("go")
    built("go", "build", "-o", folder / "echo", "./echo", cwd=ROOT / "plugin_api" / "go")
    return [folder / "echo"]


def rust(folder):
    need("cargo")
    crate = ROOT / "plugin_api" / "rust"
    if run("cargo", "fetch", "--locked", cwd=crate).returncode != 0:
        pytest.skip("the dependencies of the crate cannot be fetched")
    built("cargo", "build", "--locked", "--example", "echo", cwd=crate, env=cargo_environment())
    return [Path(cargo_environment()["CARGO_TARGET_DIR"]) / "debug" / "examples" / "echo"]


def cargo_environment():
    return {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "build" / "rust")}


def java(folder):
    need("javac")
    package = ROOT / "plugin_api" / "java"
    built("javac", "-nowarn", "-d", folder, *package.glob("src/volley/handler/*.java"), package / "echo" / "Echo.java")
    return ["java", "-cp", folder, "Echo"]


# What the package of a language cannot do: its numbers are doubles, and its header names are text.
TOLERATED = {python: ["echo-digits"], node: ["echo-digits", "echo-header-names"]}
LANGUAGES = [python, node, cpp, go, rust, java]


@pytest.fixture(params=LANGUAGES, ids=[language.__name__ for language in LANGUAGES])
def language(request):
    return request.param


def test_the_echo_program_of_a_language_passes(language, tmp_path):
    program = language(tmp_path)
    tolerated = [word for name in TOLERATED.get(language, []) for word in ("--tolerate", name)]
    result = handler_check("--echo", "--json", "--timeout", "30s", *tolerated, "--", *program)
    report = json.loads(result.stdout)
    failures = {check["name"]: check["reason"] for check in report["checks"] if check["status"] == "fail"}
    assert not failures and result.returncode == 0, result.stderr
    assert report["passed"] >= 30


def test_the_handlers_of_version_1_pass_as_such(tmp_path):
    result = handler_check("--version", "1", "--timeout", "30s", "--", *python(tmp_path))
    assert result.returncode == 0, result.stdout
    assert "FAIL" not in result.stdout


@pytest.mark.parametrize("language", [cpp, go, java], ids=["cpp", "go", "java"])
def test_version_1_has_no_partial_answers(language, tmp_path):
    result = handler_check("--echo", "--version", "1", "--timeout", "30s", "--only", "echo-parts", "--only", "echo-chains",
                           "--only", "echo-concurrency", "--", *language(tmp_path))
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith("PASS  echo-chains\nPASS  echo-parts\nSKIP  echo-concurrency"), result.stdout


def example(language, fence):
    text = (ROOT / "plugin_api" / language / "README.md").read_text()
    return re.search(rf"```{fence}\n(.*?)```", text, re.S).group(1)


def go_example(folder):
    need("go")
    (folder / "main.go").write_text(example("go", "go"))
    module = ROOT / "plugin_api" / "go"
    (folder / "go.mod").write_text(f"module ship\n\ngo 1.21\n\nrequire volleyhandler v0.0.0\n\nreplace volleyhandler => {module}\n")
    built("go", "build", "-o", folder / "ship", ".", cwd=folder)
    return [folder / "ship"]


def java_example(folder):
    need("javac")
    (folder / "Ship.java").write_text(example("java", "java"))
    built("javac", "-nowarn", "-d", folder, *(ROOT / "plugin_api" / "java").glob("src/volley/handler/*.java"), folder / "Ship.java")
    return ["java", "-cp", folder, "Ship"]


@pytest.mark.parametrize("program", [go_example, java_example], ids=["go", "java"])  # cargo test compiles that for Rust
def test_the_example_of_a_page_is_a_handler(program, tmp_path):
    result = handler_check("--timeout", "30s", "--", *program(tmp_path))
    assert result.returncode == 0, result.stdout


def faulty(fault, *arguments):
    return handler_check(*arguments, "--", sys.executable, FAULTY, fault)


def test_the_program_of_the_faults_passes_without_one():
    result = faulty("", "--timeout", "30s")
    assert result.returncode == 0 and "WARN" not in result.stdout, result.stdout


@pytest.mark.parametrize("fault, check, words", [
    ("answers twice", "each-once", ["sent 50 messages", "message 1 was answered twice", "one line for each message"]),
    ("wrong id", "answers", ["an answer to message 1001, which was not sent", 'repeat the "id"']),
    ("half a line", "answers", ["a line without its end", "newline"]),
    ("no flush", "answers", ["until its standard input was closed", "flush standard output"]),
    ("never answers", "answers", ["sent one message", "within 4000 ms", "answer each message"]),
    ("never reads", "starts", ["1 of 1 message without an answer within 4000 ms", "as soon as the program has loaded"]),
    ("dies", "answers", ["the program ended (exit status 1)", "ValueError: it cannot work"]),
    ("ends after one", "pipelined", ["the program ended (exit status 0)", "runs until its standard input is closed"]),
    ("prints without a newline", "answers", ["a line that is not an answer", "handled: {", "print to standard error"]),
    ("body outside of outputs", "answers", ['"body" stands outside of "outputs"']),
    ("writes numbers anew", "big-numbers", ["is no value", "write each answer as one line of valid JSON"]),
    ("reverses a chain", "chains", ["message 159 was answered before message 102", "one after another"]),
    ("skips all", "chains", ["was skipped, and it is not in a chain"]),
    ("does not skip", "echo-chains", ["instead of skipped", "in which a message was answered"]),
    ("ignores the end", "ends", ["sent the end of standard input", "no end within 4000 ms", "end when standard input ends"]),
    ("ends with 1", "ends", ["came exit status 1", "end with exit status 0"]),
    ("forgets the last", "ends-after-work", ["the end with exit status 0, and 2 messages without an answer", "answer everything"]),
    ("takes SIGTERM", "sigterm", ["SIGTERM to the process group", "killed by SIGTERM", "ignore SIGTERM"]),
    ("loses a header", "echo-headers", ["the header `b` is missing", "write each header as it came"]),
    ("joins repeated headers", "echo-headers", ["the header `via` has 1 values instead of 3"]),
    ("writes numbers anew", "echo-digits", ["the body is `1.1` instead of `1.10`", "keep the text of the body"]),
])
def test_a_fault_is_caught(fault, check, words):
    result = faulty(fault, "--timeout", "4s", "--only", check)
    assert result.returncode == 1, result.stdout
    line = result.stdout.splitlines()[0]
    assert line.startswith(f"FAIL  {check}: sent ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("fault, check, words", [
    ("prints lines", "clean-output", ["a line that is not an answer", "`handled it`", "print to standard error"]),
    ("version 1", "sigterm", ["SIGTERM to the process group", "killed by SIGTERM"]),
])
def test_what_only_surprises_is_a_warning(fault, check, words):
    result = faulty(fault, "--timeout", "4s", "--only", check)
    assert result.returncode == 0, result.stdout
    line = result.stdout.splitlines()[0]
    assert line.startswith(f"WARN  {check}: sent ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("script", ["while True: print('noise')", "while True: print('noise', end='')"], ids=["lines", "one line"])
def test_a_program_that_prints_without_end_has_failed(script):
    result = handler_check("--timeout", "1s", "--", sys.executable, "-c", script)
    assert result.returncode == 1
    assert result.stdout.startswith("FAIL  starts: sent one message; came 1 of 1 message without an answer"), result.stdout
    assert "SKIP  answers: the program does not start" in result.stdout


def test_a_program_that_does_not_exist_has_failed():
    result = handler_check("--", "/nonexistent/handler")
    assert result.returncode == 1
    assert result.stdout.startswith('FAIL  starts: the handler program "/nonexistent/handler" cannot be started')
    assert "SKIP  answers: the program does not start" in result.stdout


def test_a_tolerated_failure_is_a_warning():
    result = faulty("ends with 1", "--timeout", "30s", "--only", "ends", "--tolerate", "ends")
    assert result.returncode == 0 and result.stdout.startswith("WARN  ends: sent")


def test_the_report_is_json():
    result = faulty("ends with 1", "--timeout", "30s", "--only", "ends", "--only", "answers", "--json")
    report = json.loads(result.stdout)
    assert result.returncode == 1
    assert report["program"] == [sys.executable, str(FAULTY), "ends with 1"]
    assert (report["passed"], report["failed"], report["warnings"], report["skipped"]) == (1, 1, 0, 0)
    assert [(check["name"], check["status"]) for check in report["checks"]] == [("answers", "pass"), ("ends", "fail")]


def test_the_environment_of_a_handler_is_that_of_volleyd():
    script = ('import os, sys; print("{}", file=sys.stderr); sys.stdin.readline(); '
              'sys.exit(f"error: {os.environ.get(\'VOLLEY_COMPONENT\')} {os.environ.get(\'VOLLEY_CONCURRENCY\')}")')
    said = {version: handler_check("--version", version, "--only", "answers", "--", sys.executable, "-c", script).stdout
            for version in ("1", "2")}
    assert "error: handler-check None" in said["1"] and "error: handler-check 1" in said["2"]


def test_the_words_of_the_program_reach_it_as_they_are():
    words = ["-c", "import sys; sys.exit(f'error: {sys.argv[1:]}')", "[a, b]", "--json", "-x", "--", ""]
    said = handler_check("--only", "answers", "--", sys.executable, *words).stdout
    assert "error: ['[a, b]', '--json', '-x', '--', '']" in said


def test_the_checks_are_listed():
    listed = handler_check("--list")
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert listed.returncode == 0 and names[0] == "starts" and len(set(names)) == len(names)
    vectors = {f"echo-{json.loads(file.read_text())['name']}" for file in PROTOCOL.glob("vectors/*.json")}
    assert vectors and vectors <= set(names)


@pytest.mark.parametrize("arguments, word", [
    ([], "give the program"),
    (["true"], "not expected"),
    (["--only", "answer", "--", "true"], 'did you mean "answers"?'),
    (["--timeout", "soon", "--", "true"], "--timeout is not a duration"),
    (["--body", "{", "--", "true"], "--body is not JSON"),
    (["--version", "3", "--", "true"], "--version"),
])
def test_mistakes_of_the_command_line(arguments, word):
    result = handler_check(*arguments)
    assert result.returncode == 64 and word in result.stderr


def test_the_unit_tests_of_the_go_module():
    need("go")
    built("go", "vet", "./...", cwd=ROOT / "plugin_api" / "go")
    built("go", "test", "./...", cwd=ROOT / "plugin_api" / "go")


def test_the_unit_tests_of_the_rust_crate(tmp_path):
    rust(tmp_path)
    built("cargo", "test", "--locked", cwd=ROOT / "plugin_api" / "rust", env=cargo_environment())


def test_the_unit_tests_of_the_java_package(tmp_path):
    need("javac")
    package = ROOT / "plugin_api" / "java"
    built("javac", "-nowarn", "-d", tmp_path, *package.glob("src/volley/handler/*.java"), *package.glob("test/volley/handler/*.java"))
    built("java", "-ea", "-cp", tmp_path, "volley.handler.PackageTest")
