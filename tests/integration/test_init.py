"""`volley init`: each project that it writes does what its own README says, and nothing is ever half written."""

import os
import re
import resource
import shutil
import subprocess
import sys

import pytest
from support.install import build_outside
from support.servers import ROOT
from support.volleyd import BUILD, VOLLEY, VOLLEYD

HANDLERS = ["python", "node", "go", "rust", "c++", "c", "forward"]
CONNECTORS = ["sqlite", "kafka", "rsmq"]
TOOLS = {"python": "python3", "node": "node", "go": "go", "rust": "cargo", "c++": "cmake", "c": "cmake"}
TEMPLATES = ROOT / "cli" / "templates"


def volley(*arguments, cwd=None, **options):
    return subprocess.run([str(VOLLEY), *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=60,
                          cwd=cwd, **options)


def init(folder, *arguments, **options):
    """Makes a project. Returns its folder."""
    made = volley("init", folder, *arguments, **options)
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    return folder


def need(handler):
    tool = TOOLS.get(handler)
    if tool and not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")


def environment(**variables):
    """No package can be fetched, and the port of the operations is a free one."""
    return {**os.environ, "PATH": f"{BUILD / 'bin'}{os.pathsep}{os.environ['PATH']}", "VOLLEY_LISTEN": "127.0.0.1:0",
            "GOPROXY": "off", "GOTOOLCHAIN": "local", "CARGO_NET_OFFLINE": "true", **variables}


def commands(text):
    """(command, the output that the page shows, or nothing) of each command in a page."""
    for block, shown in re.findall(r"```sh\n(.*?)```(?:\n\n[^\n]*\n\n```text\n(.*?)```)?", text, re.S):
        *lines, last = block.splitlines()
        yield from ((line, None) for line in lines)
        yield last, shown or None


def do_as_the_readme_says(folder, env):
    """Returns what the commands printed, by command."""
    printed = {}
    for command, shown in commands((folder / "README.md").read_text()):
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert shown in (None, done.stdout), command
        printed[command] = done.stdout
    assert {"volley send orders --file samples.ndjson", "volley test", "volleyd --config volley.yml --exit-when-idle",
            "volley peek shipments"} <= set(printed)
    return printed


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def check(folder):
    done = subprocess.run([str(VOLLEYD), "--config", str(folder / "volley.yml"), "--check"], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The handler in C++, built against an installed Volley. Returns where that is, and ship.so."""
    need("c++")
    folder = tmp_path_factory.mktemp("c++")
    return folder / "prefix", build_outside(folder, init(folder / "ship", "--handler", "c++")) / "ship.so"


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_project_does_what_its_readme_says(handler, tmp_path, request):
    need(handler)
    variables = {"CMAKE_PREFIX_PATH": str(request.getfixturevalue("installed")[0])} if handler in ("c", "c++") else {}
    folder = init(tmp_path / "my orders", "--handler", handler)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "new"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    printed = do_as_the_readme_says(folder, environment(**variables))
    assert printed["volley peek shipments"] != ""
    if handler in ("python", "node", "go", "rust"):
        assert "250 items are too many for a shipment" in printed["volley dlq list"]
    # What the commands leave is ignored by git; a lock file is for its user to commit.
    left = subprocess.run(["git", "status", "--porcelain"], cwd=folder, check=True, capture_output=True, text=True).stdout
    assert left.replace("?? Cargo.lock\n", "") == ""


def test_the_page_about_getting_started_runs(tmp_path):
    need("python")
    page = (ROOT / "docs" / "getting-started.md").read_text()
    done = subprocess.run(["bash", "-euc", re.search(r"```sh\n(.*?)```", page, re.S).group(1)], cwd=tmp_path, env=environment(),
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert '{"order":4,"to":"Edsger","parcels":10}\n' in done.stdout and "handler_fail" in done.stdout
    assert f"`{'`, `'.join(HANDLERS)}`" in page and f"`{'`, `'.join(CONNECTORS)}`" in page


@pytest.mark.parametrize("handler, tested", [("python", "Ran 2 tests"), ("node", "pass 2"), ("go", "ok"), ("rust", "4 passed")])
def test_the_test_of_a_handler_runs_and_fails_with_the_handler(handler, tested, tmp_path):
    need(handler)
    folder = init(tmp_path / "new", "--handler", handler)
    test = re.search(r"## Test it\n\n```sh\n(.*?)\n```", (folder / "README.md").read_text()).group(1)
    run = dict(cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    passed = subprocess.run(["bash", "-c", test], **run)
    assert passed.returncode == 0 and tested in passed.stdout + passed.stderr, passed.stdout + passed.stderr
    source = folder / {"python": "ship.py", "node": "handle.mjs", "go": "handle.go", "rust": "src/handle.rs"}[handler]
    source.write_text(source.read_text().replace("100", "10000", 1))
    assert subprocess.run(["bash", "-c", test], **run).returncode != 0


def test_a_project_from_a_server_to_a_server_does_what_its_readme_says(tmp_path, kafka_server, redis_server):
    env = environment(KAFKA_BROKERS=kafka_server.bootstrap, REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis_server.port))
    for source, target in (("rsmq", "sqlite"), ("kafka", "rsmq")):
        folder = init(tmp_path / f"{source}-{target}", "--from", source, "--to", target)
        printed = do_as_the_readme_says(folder, env)
        assert "250 items are too many for a shipment" in printed["volley dlq list"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_configuration_passes(handler, tmp_path, request):
    library = request.getfixturevalue("installed")[1] if handler in ("c", "c++") else None
    for source in CONNECTORS:
        for target in CONNECTORS:
            folder = init(tmp_path / f"{source}-{target}", "--handler", handler, "--from", source, "--to", target)
            if library:
                (folder / "build").mkdir()
                shutil.copy(library, folder / "build")
            assert check(folder) == (0, ""), f"{source} to {target}"


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_files_are_those_of_the_tree_and_the_readme_names_them(handler, tmp_path):
    folder = init(tmp_path / "new", "--handler", handler)
    readme = (folder / "README.md").read_text()
    named = set(re.findall(r"^\| `(.*?)` \|", readme, re.M))
    assert files_of(folder) - named - {"README.md", ".gitignore", "Cargo.toml", "go.mod"} == set()
    assert named <= files_of(folder)
    outputs = "orders" if handler in ("c++", "c", "forward") else "shipments"
    origins = [TEMPLATES / handler, TEMPLATES / outputs, TEMPLATES / "project", ROOT / "plugin_api" / "python",
               ROOT / "plugin_api" / "node", ROOT / "config"]
    for name in files_of(folder) - {"volley.yml", "README.md", ".gitignore"}:
        origin = next(origin / name for origin in origins if (origin / name).exists())
        assert (folder / name).read_bytes() == origin.read_bytes(), name
    assert not [line for line in readme.splitlines() if len(line) > 140]
    now = subprocess.run([str(VOLLEYD), "--config-schema"], capture_output=True, text=True, check=True).stdout
    assert (folder / "volley.schema.json").read_text() == now


@pytest.mark.parametrize("name", ["with space", "ünï-日本", "it's", 'say "a"', "$HOME", "a\nb", "-x", "true", "null", "123",
                                  "1e3", "~", "a: b", "#", "@app@", "{}", "x" * 255, "new/", "./a/../b"])
def test_a_project_may_have_any_name(name, tmp_path):
    (tmp_path / "a").mkdir()
    made = volley("init", "--", name, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert check(tmp_path / name) == (0, "")
    shown = subprocess.run(["bash", "-c", re.search(r"^  (cd (?:.|\n)*?)\n  volley", made.stderr, re.M).group(1) + "; pwd"],
                           cwd=tmp_path, capture_output=True, text=True)
    assert os.path.samefile(shown.stdout[:-1], tmp_path / name), made.stderr


def test_an_empty_folder_stays_the_same_folder(tmp_path):
    inode = tmp_path.stat().st_ino
    init(".", "--handler", "rust", cwd=tmp_path)
    assert tmp_path.stat().st_ino == inode
    assert {"volley.yml", "src/main.rs", ".gitignore"} <= files_of(tmp_path)
    assert not [name for name in files_of(tmp_path) if name.startswith(".volley")]
    assert check(tmp_path) == (0, "")


def refused(code, text, *arguments, cwd, **options):
    before = {str(path) for path in cwd.rglob("*")}
    answer = volley("init", *arguments, cwd=cwd, **options)
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert text in answer.stderr
    assert {str(path) for path in cwd.rglob("*")} == before


def test_what_is_in_the_way_is_refused_and_stays(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine\n")
    refused(73, '"full" is not empty; give the name of a new folder', "full", cwd=tmp_path)
    refused(73, '"." is not empty', ".", cwd=tmp_path)
    refused(73, '"full/file" is no folder; give the name of a new one', "full/file", cwd=tmp_path)
    refused(73, '"full/file" is no folder', "full/file/new", cwd=tmp_path)
    refused(73, '"no" does not exist; make that folder first', "no/new", cwd=tmp_path)
    refused(73, "File name too long", "x" * 300, cwd=tmp_path)
    refused(73, "cannot write into", "/proc/new", cwd=tmp_path)
    assert (tmp_path / "full" / "file").read_text() == "mine\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    parent = tmp_path / "parent"
    parent.mkdir(mode=0o555)
    refused(73, "Permission denied", "parent/new", cwd=tmp_path)


def test_what_is_no_choice_is_refused_with_those_that_are(tmp_path):
    refused(64, 'python, node, go, rust, c++, c, forward, not "pyton"; did you mean "python"?', "new", "--handler", "pyton", cwd=tmp_path)
    refused(64, "--from must be one of sqlite, kafka, rsmq, not \"memory\"", "new", "--from", "memory", cwd=tmp_path)
    refused(64, 'did you mean "kafka"?', "new", "--to", "kakfa", cwd=tmp_path)
    refused(64, "--to must be one of", "new", "--to", "", cwd=tmp_path)
    refused(64, "give a DIR, or --list", cwd=tmp_path)
    refused(64, "give a DIR, or --list", "", cwd=tmp_path)
    refused(64, "", "new", "--list", cwd=tmp_path)
    refused(64, "", "new", "other", cwd=tmp_path)


def test_the_list_shows_every_choice():
    listed = volley("init", "--list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[0] for line in listed.stdout.splitlines() if line.startswith("  ")] == HANDLERS + CONNECTORS
    assert not [line for line in listed.stdout.splitlines() if len(line) > 100]
    assert "init" in volley("--help").stdout


@pytest.mark.parametrize("exists", [False, True])
def test_a_limit_of_the_disk_leaves_nothing_behind(exists, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # less than volley.schema.json

    if exists:
        (tmp_path / "new").mkdir()
    refused(73, "File too large", "new", cwd=tmp_path, preexec_fn=limit)


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="no unshare(1)")
def test_a_full_disk_leaves_nothing_behind(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    script = (f"mount -t tmpfs -o size=32k none {small} || exit 99; {VOLLEY} init {small}/new; code=$?; "
              f"ls -A {small}; exit $code")
    ended = subprocess.run(["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True, timeout=60)
    if ended.returncode in (1, 99):
        pytest.skip(f"no file system can be mounted here: {ended.stderr}")
    assert (ended.returncode, ended.stdout) == (73, ""), ended.stderr
    assert "No space left on device" in ended.stderr
