"""Plugins of tests/plugins, built as a stranger builds them, and volley-plugin-check."""

import subprocess
from pathlib import Path

from .servers import ROOT
from .volleyd import BUILD

PLUGIN_CHECK = BUILD / "bin" / "volley-plugin-check"
INCLUDE = ROOT / "plugin_api" / "include"


def build_plugin(source: Path, folder: Path, include: Path = INCLUDE) -> Path:
    plugin = folder / f"{source.stem}.so"
    language = ["g++", "-std=c++17"] if source.suffix == ".cpp" else ["gcc", "-std=c11", "-D_POSIX_C_SOURCE=200809L"]
    result = subprocess.run([*language, "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror", "-g", "-shared", "-fPIC",
                             "-fvisibility=hidden", "-I", str(include), "-o", str(plugin), str(source), "-pthread", "-Wl,-z,defs"],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return plugin


def plugin_check(*arguments, timeout=300, **options):
    return subprocess.run([str(PLUGIN_CHECK), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, **options)
