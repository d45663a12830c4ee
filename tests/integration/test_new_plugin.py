"""`volley new plugin`: the example connector in each language, as a project outside of the tree, against an installed Volley."""

import os
import re
import shutil
import subprocess

import pytest
from support.servers import ROOT, wait_until
from support.volleyd import BUILD, VOLLEY, Volleyd

EXAMPLES = ROOT / "examples" / "plugins"
TOOLS = {"c++": "cmake", "c": "cmake", "rust": "cargo", "go": "go"}
# A handler that panics for one message.
PANICS = {"rust": ("src/lib.rs", "let body = message.body()",
                   'if message.body() == Some(b"boom") { panic!("it is boom") }\n        let body = message.body()'),
          "go": ("lines.go", "if message.Body == nil {",
                 'if string(message.Body) == "boom" {\n\t\tpanic("it is boom")\n\t}\n\tif message.Body == nil {')}

PAGE = (ROOT / "docs" / "writing-a-connector.md").read_text()
BLOCKS = re.findall(r"```cpp\n(.*?)```", PAGE, re.S)


def run(command, folder, env=None):
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=500)


def new(folder, *arguments):
    return run([str(VOLLEY), "new", *arguments], folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of somebody who has installed Volley."""
    prefix = tmp_path_factory.mktemp("installed")
    done = run(["cmake", "--install", str(BUILD), "--prefix", str(prefix)], prefix)
    assert done.returncode == 0, done.stderr
    pc, = prefix.rglob("volley-plugin.pc")
    return {**os.environ, "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}", "CMAKE_PREFIX_PATH": str(prefix),
            "PKG_CONFIG_PATH": str(pc.parent), "GOPROXY": "off", "GOFLAGS": "-mod=mod", "CARGO_NET_OFFLINE": "true"}


@pytest.mark.parametrize("language", list(TOOLS))
def test_a_new_plugin_builds_tests_itself_and_moves_messages(language, tmp_path, installed):
    if not shutil.which(TOOLS[language]):
        pytest.skip(f"{TOOLS[language]} is not installed")
    if language == "go" and BUILD.name != "release":
        pytest.skip("LeakSanitizer does not see what Go's memory points to")
    made = new(tmp_path, "plugin", "lines", "--lang", language)
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    project = tmp_path / "lines"
    if language == "c++":
        assert BLOCKS[0] == (project / "lines.cpp").read_text() == (EXAMPLES / "c++" / "lines.cpp").read_text()
        (project / "lines.cpp").write_text(BLOCKS[0])
    if language in PANICS:
        source, before, after = PANICS[language]
        text = (project / source).read_text()
        assert text.count(before) == 1
        (project / source).write_text(text.replace(before, after))
    tested = run(["sh", "test.sh"], project, installed)
    assert tested.returncode == 0 and tested.stdout.endswith("passed\n"), tested.stdout + tested.stderr
    assert not re.search(r"@\w+@", "".join(path.read_text(errors="replace") for path in project.iterdir() if path.is_file()))
    moves_messages(project, language)


def moves_messages(project, language):
    """With the handler of the example, and a file that comes when volleyd already runs."""
    (project / "in.txt").unlink()
    out = project / "out.txt"
    out.unlink()
    handler = {"rust": "liblines.so:Upper", "go": "lines.so:Upper"}.get(language, "forward")
    directories = re.search(r"plugin_dirs: .*\n", (project / "volley.yml").read_text()).group()
    volleyd = Volleyd(project, f"app: lines\n{directories}queues:\n  in: {{type: lines, value: in.txt}}\n"
                      "  out: {type: lines, value: out.txt}\ncomponents: [{name: upper, input: in, outputs: [out], "
                      f"handler: '{handler}', on_fail: drop, retry: {{max_attempts: 2, initial_delay: 1ms}}}}]\n"
                      'operations: {listen: "127.0.0.1:0"}\n')
    wait_until(lambda: "in.txt" in volleyd.log, "it says what it waits for")  # open is called again
    lines = [f"LINE {n}" for n in range(2000)] + ["boom", "", "LAST"]
    (project / "new.txt").write_text("\n".join(lines) + "\n")
    (project / "new.txt").rename(project / "in.txt")
    wait_until(lambda: out.exists() and out.read_text().endswith("LAST\n"), "all lines came out")
    assert volleyd.stop() == 0, volleyd.log
    assert sorted(out.read_text().split("\n")[:-1]) == sorted(line for line in lines if language not in PANICS or line != "boom")
    if language in PANICS:
        assert "it is boom" in volleyd.log


def test_a_plugin_without_a_good_name_or_language_is_refused_with_advice(tmp_path):
    for name in ("Orders", "my-store", "1st", "ä"):
        refused = new(tmp_path, "plugin", name)
        assert refused.returncode == 64 and "lower-case letters" in refused.stderr, refused.stderr
    refused = new(tmp_path, "plugin", "store", "--lang", "rusty")
    assert refused.returncode == 64 and 'must be one of c++, c, rust, go, not "rusty"; did you mean "rust"?' in refused.stderr
    refused = new(tmp_path, "handler", "ship", "--lang", "cobol")
    assert refused.returncode == 64 and "python, node, go, rust, c++, c" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_new_handler_is_the_project_of_init(tmp_path):
    assert new(tmp_path, "handler", "ship", "--lang", "python").returncode == 0
    (tmp_path / "other").mkdir()
    assert run([str(VOLLEY), "init", "other/ship", "--handler", "python"], tmp_path).returncode == 0
    files = sorted(path.name for path in (tmp_path / "ship").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "other" / "ship").iterdir())


def test_the_other_code_of_the_page_compiles(tmp_path):
    assert "```sh\nvolley new plugin lines\nsh lines/test.sh\n```" in PAGE  # what the tests above do
    classes = re.findall(r"struct (\w+) : volley::(?:Consumer|Producer|BatchConsumer|BatchProducer)", "".join(BLOCKS[1:]))
    assert classes == ["Inbox", "Topic", "Pipe"]
    listed = ", ".join(f"VOLLEY_CLASS({name})" for name in classes)
    (tmp_path / "page.cpp").write_text("".join(BLOCKS[1:]) + f'VOLLEY_PLUGIN("page", "1.0.0", {listed});\n')
    compiled = run(["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/plugin_api/include", "page.cpp"],
                   tmp_path)
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.parametrize("source", ["c++/lines.cpp", "c/lines-consumer.c", "c/lines-producer.c", "c/upper.c", "rust/src/lib.rs",
                                    "go/lines.go"])
def test_an_example_is_short(source):
    assert len((EXAMPLES / source).read_text().splitlines()) < 100


def test_plugins_looks_into_the_directories_of_the_configuration(tmp_path):
    (tmp_path / "mine").mkdir()
    shutil.copy(BUILD / "examples" / "c" / "upper.so", tmp_path / "mine" / "capitals.so")
    config = tmp_path / "volley.yml"
    listed = run([str(VOLLEY), "plugins"], tmp_path)
    assert listed.returncode == 0 and "capitals.so" not in listed.stdout
    config.write_text("plugin_dirs: [mine]\nqueues: {}\n")  # what else is wrong does not matter
    listed = run([str(VOLLEY), "plugins"], tmp_path)
    assert listed.returncode == 0 and f"{tmp_path}/mine/capitals.so" in listed.stdout, listed.stderr
    missing = run([str(VOLLEY), "--config", "nowhere.yml", "plugins"], tmp_path)
    assert missing.returncode == 78 and "nowhere.yml" in missing.stderr


def test_root_loads_no_plugin_that_every_user_may_write(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root is refused")
    plugin = tmp_path / "capitals.so"
    shutil.copy(BUILD / "examples" / "c" / "upper.so", plugin)
    listed = [str(VOLLEY), "--plugin-dir", str(tmp_path), "plugins"]
    plugin.chmod(0o646)
    refused = run(listed, tmp_path).stdout
    assert f"every user may write this file, and volleyd runs as root. Run `chmod o-w {plugin}`" in refused
    plugin.chmod(0o644)
    tmp_path.chmod(0o777)
    assert f"every user may replace this file, and volleyd runs as root. Run `chmod o-w {tmp_path}`" in run(listed, tmp_path).stdout
    tmp_path.chmod(0o1777)
    assert "handler Upper" in run(listed, tmp_path).stdout
