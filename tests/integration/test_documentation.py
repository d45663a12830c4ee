"""What the pages show, runs: every configuration in them, and every one that is shipped, passes --check."""

import re
import shutil
import subprocess
import textwrap

import pytest
from support.install import build_postgres_example
from support.servers import ROOT
from support.volleyd import BUILD, VOLLEY, VOLLEYD, check

FOLDERS = ["*", "docs/*", "plugins/*/*", "examples/*/*", "plugin_api/*/*", "packaging/*/*", "config/*"]
PAGES = sorted(page for folder in FOLDERS for page in ROOT.glob(folder + ".md"))
# Those that a page shows for its connector name only queues.
COMPONENTS = "components: [{input: in, outputs: [out], handler: forward, on_fail: drop}]\n"


def blocks(text):
    yield from re.findall(r"```ya?ml\n(.*?)```", text, re.S)
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M):
        if (whole := textwrap.dedent(block).lstrip("\n")).startswith(("queues:", "app:", "components:")):
            yield whole


BLOCKS = [(f"{page.relative_to(ROOT)}", number, block) for page in PAGES for number, block in enumerate(blocks(page.read_text()))]


def test_the_pages_show_configurations():
    assert len(BLOCKS) >= 6
    assert {"README.md", "docs/configuration.md", "plugins/sqlite/README.md"} <= {page for page, _, _ in BLOCKS}


@pytest.mark.parametrize("page, number, block", BLOCKS)
def test_a_configuration_of_a_page_passes(page, number, block, tmp_path):
    shutil.copy(BUILD / "examples" / "libquakes.so", tmp_path)
    code, said = check(tmp_path, block if "components:" in block else block + COMPONENTS, "--check")
    assert code == 0, said


SHIPPED = sorted(file for folder in ("config", "packaging/*", "examples/*") for file in ROOT.glob(folder + "/*.yml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_shipped_configuration_passes(file, tmp_path):
    examples = build_postgres_example(tmp_path) if file.parent.name == "postgres" else BUILD / "examples"
    result = subprocess.run([VOLLEY, "--plugin-dir", examples, "check", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_schema_for_editors_is_that_of_this_version():
    now = subprocess.run([VOLLEYD, "--config-schema"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "config" / "volley.schema.json").read_text() == now, "./dev docs writes it anew"
