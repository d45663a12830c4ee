"""The files under packaging/ agree with each other and with the pages. Reads files and needs no build."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
UNITS = [PACKAGING / "systemd" / "volleyd.service", PACKAGING / "systemd" / "volleyd@.service"]


def settings(unit):
    """(name, value) of each setting of a systemd unit, in order."""
    lines = (line for line in unit.read_text().splitlines() if line and line[0] not in "#;[")
    return [tuple(line.split("=", 1)) for line in lines]


def test_both_units_have_the_same_settings():
    one, template = (settings(unit) for unit in UNITS)
    template = [(name, value.replace("/%i.yml", "/volley.yml").replace(": %i", "").replace("volley/%i", "volley"))
                for name, value in template if "volleyd-%i" not in value]
    assert one == template


def test_a_restart_is_prevented_for_the_exit_codes_that_the_page_says_are_final():
    table = re.findall(r"^\| (\d+) \|.*\| (yes|no)\b[^|]*\|$", (ROOT / "docs" / "systemd.md").read_text(), re.M)
    final = {code for code, restart in table if restart == "no"} - {"0"}
    assert set(dict(settings(UNITS[0]))["RestartPreventExitStatus"].split()) == final
    helps = re.search(r"restart can help only with ([\d, and]+)\.", (ROOT / "README.md").read_text().replace("\n", " "))
    assert set(re.findall(r"\d+", helps.group(1))) == {code for code, restart in table if restart == "yes"}


def test_the_page_explains_only_settings_that_the_unit_has():
    page = (ROOT / "docs" / "systemd.md").read_text().split("## What the settings do", 1)[1].split("## Which ends", 1)[0]
    explained = {name for row in re.findall(r"^\| (`[^|]*) \|", page, re.M) for name in re.findall(r"`(\w+)=", row)}
    assert explained and explained <= {name for name, _ in settings(UNITS[0])}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_exposure_of_the_units(unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    shown = subprocess.run(["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, timeout=60)
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", shown.stdout).group(1)) <= 2.0, shown
