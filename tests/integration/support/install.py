"""Volley as a stranger has it: installed into a prefix, and a connector built against that, outside of the tree."""

import subprocess

from .servers import ROOT
from .volleyd import BUILD


def build_outside(folder, source):
    """Installs Volley below the folder and builds a copy of `source` against that. Returns the build's folder."""
    prefix = folder / "prefix"
    build = folder / "build"
    copy = folder / (source.name + "-outside")
    subprocess.run(["cp", "-r", str(source), str(copy)], check=True)
    for command in (["cmake", "--install", str(BUILD), "--prefix", str(prefix)],
                    ["cmake", "-S", str(copy), "-B", str(build), f"-DCMAKE_PREFIX_PATH={prefix}"],
                    ["cmake", "--build", str(build)]):
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}:\n{result.stdout}{result.stderr}"
    return build


def build_postgres_example(folder):
    """Returns the folder with postgres.so."""
    return build_outside(folder, ROOT / "examples" / "postgres")
