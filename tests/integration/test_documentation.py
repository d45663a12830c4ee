"""What the pages show, runs: every whole configuration in them passes --check."""

import re
import shutil
import subprocess

import pytest
from support.servers import ROOT
from support.volleyd import BUILD, VOLLEY, VOLLEYD, check

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [(page.name, number, block) for page in PAGES
          for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)) if "components:" in block]


def test_the_pages_show_configurations():
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("page, number, block", BLOCKS)
def test_a_configuration_of_a_page_passes(page, number, block, tmp_path):
    shutil.copy(BUILD / "examples" / "libquakes.so", tmp_path)
    code, said = check(tmp_path, block, "--check")
    assert code == 0, said


@pytest.mark.parametrize("file", sorted(ROOT.glob("config/*.yml")) + [ROOT / "packaging" / "container" / "volley.yml"], ids=lambda f: f.name)
def test_a_shipped_configuration_passes(file):
    result = subprocess.run([VOLLEY, "check", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr



def test_the_schema_for_editors_is_that_of_this_version():
    now = subprocess.run([VOLLEYD, "--config-schema"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "config" / "volley.schema.json").read_text() == now, "volleyd --config-schema > config/volley.schema.json"
