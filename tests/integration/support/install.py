"""Volley as a stranger has it: installed into a prefix, and a connector built against that, outside of the tree."""

import subprocess

from .servers import ROOT
from .volleyd import BUILD


def build_postgres_example(folder):
    """Returns the folder with postgres.so."""
    prefix = folder / "prefix"
    build = folder / "build"
    source = folder / "postgres"
    subprocess.run(["cp", "-r", str(ROOT / "examples" / "postgres"), str(source)], check=True)
    for command in (["cmake", "--install", str(BUILD), "--prefix", str(prefix)],
                    ["cmake", "-S", str(source), "-B", str(build), f"-DCMAKE_PREFIX_PATH={prefix}"],
                    ["cmake", "--build", str(build)]):
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}:\n{result.stdout}{result.stderr}"
    return build
