"""Python environments below build/ with packages of PyPI, made when they are first wanted."""

import fcntl
import subprocess
import sys
from pathlib import Path

from .servers import ROOT

PY_VOLLEY = "py-volley[kafka,rsmq]==1.3.1"
COMPAT = "pydantic==2.11.7 PyYAML==6.0.2 orjson==3.10.18 msgpack==1.1.1 prometheus-client==0.22.1"
# The last pydantic of the series 1, without the extras that an application may do without.
COMPAT_V1 = "pydantic==1.10.22 PyYAML==6.0.2 orjson==3.10.18 msgpack==1.1.1"


def environment(name: str, packages: str) -> Path:
    """Returns its interpreter."""
    home = ROOT / "build" / name
    installed = home / "installed.txt"
    home.parent.mkdir(exist_ok=True)
    with open(home.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in parallel
        if not installed.exists() or installed.read_text() != packages:
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            subprocess.run([home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *packages.split()], check=True)
            installed.write_text(packages)
    return home / "bin" / "python"


def py_volley() -> Path:
    """py-volley itself."""
    return environment("py-volley", PY_VOLLEY)


def compat(packages: str = COMPAT) -> Path:
    """The module `volley` of plugin_api/python-compat, from the source tree."""
    python = environment("python-compat" if packages == COMPAT else "python-compat-v1", packages)
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    sources = [ROOT / "plugin_api" / "python-compat", ROOT / "plugin_api" / "python"]
    (site / "volley-sources.pth").write_text("".join(f"{source}\n" for source in sources))
    return python
