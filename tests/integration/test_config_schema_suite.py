"""The official JSON Schema Test Suite for draft-07 against our validator. It is part of the source of the Python package
jsonschema, which is fetched and pinned; the tests that are known to differ are in tests/config/schema-suite-exceptions.txt."""

import hashlib
import os
import subprocess
import sys
import tarfile

import pytest
from support.servers import ROOT
from support.volleyd import BUILD

PACKAGE = "jsonschema==4.17.3"
SHA256 = "0f864437ab8b6076ba6707453ef8f98a6a0d512a80e93f8abdb676f737ecb60d"
INSIDE = "jsonschema-4.17.3/json/tests/draft7/"
EXCEPTIONS = ROOT / "tests" / "config" / "schema-suite-exceptions.txt"


@pytest.fixture(scope="module")
def suite():
    """Returns a folder with the files of draft-07."""
    place = ROOT / "build" / "schema-suite"
    archive = place / "jsonschema-4.17.3.tar.gz"
    if not archive.exists():
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--no-binary", ":all:", "-d", place, PACKAGE], check=True)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.isfile() and member.name.startswith(INSIDE) and ".." not in member.name:
                file = place / "draft7" / member.name[len(INSIDE):]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tar.extractfile(member).read())
    return place / "draft7"


def test_the_official_suite_passes_but_for_the_known_exceptions(suite):
    # Formats are annotations in draft-07: date, time and date-time are checked, the others are not.
    checked = [suite / "optional" / "format" / f"{name}.json" for name in ("date", "time", "date-time")]
    files = sorted(str(f.relative_to(suite)) for f in [*suite.glob("*.json"), *suite.glob("optional/*.json"), *checked])
    assert len(files) > 40
    result = subprocess.run([BUILD / "bin" / "schema_suite", suite, *files], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    *different, figures = result.stdout.splitlines()
    print(figures)
    if "VOLLEY_WRITE_EXPECTED" in os.environ:
        EXCEPTIONS.write_text("\n".join(different) + "\n")
    known = EXCEPTIONS.read_text().splitlines()
    assert different == known, f"{figures}; not in the list: {set(different) - set(known)}; pass now: {set(known) - set(different)}"
    assert figures.replace("passed", "pass") in (ROOT / "docs" / "bodies.md").read_text().replace("\n", " ")
