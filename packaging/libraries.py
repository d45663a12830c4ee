"""The shared libraries that an installation of Volley needs, and the Debian packages that they are from."""

import re
import subprocess
from functools import cache
from pathlib import Path

# Part of every Linux with this C library, and of one piece with its dynamic linker.
OF_THE_SYSTEM = re.compile(r"^(ld-linux.*|libc|libm|libdl|libpthread|librt|libresolv|libutil|libanl|linux-vdso)\.so")


def needed(file):
    """name -> path of the libraries that the dynamic linker loads for the file, those of the system left out."""
    said = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in said.splitlines():
        name = line.split()[0].rsplit("/", 1)[-1]
        if OF_THE_SYSTEM.match(name):
            continue
        path = re.search(r"=> (/\S+)", line)
        if not path:
            raise SystemExit(f"{file}: {name} is not found")
        found[name] = Path(path.group(1))
    return found


def programs(prefix):
    return [prefix / "bin" / "volleyd", prefix / "bin" / "volley", *sorted((prefix / "lib/volley/plugins").glob("*.so"))]


def libraries_of(prefix):
    """name -> path for everything that is installed under the prefix."""
    return {name: path for program in programs(prefix) for name, path in needed(program).items()}


@cache
def package_of(path):
    """(package, version, source package) that the file is from."""
    for candidate in (path, path.resolve(), Path("/usr") / path.resolve().relative_to("/")):
        found = subprocess.run(["dpkg-query", "-S", str(candidate)], capture_output=True, text=True)
        if found.returncode == 0:
            return describe(found.stdout.split(": ")[0].split(",")[0])
    raise SystemExit(f"{path} is from no Debian package, so its version and its licence are not known")


@cache
def describe(package):
    form = "${binary:Package}\t${Version}\t${source:Package}"
    said = subprocess.run(["dpkg-query", "-W", "-f", form, package], capture_output=True, text=True)
    if said.returncode != 0:
        raise SystemExit(f"the package {package} is not installed")
    name, version, source = said.stdout.split("\t")
    return name.split(":")[0], version, source


def copyright_of(package):
    return Path("/usr/share/doc") / package / "copyright"


def version_of_volley():
    lists = (Path(__file__).resolve().parents[1] / "CMakeLists.txt").read_text()
    return re.search(r"^project\(volley VERSION ([\d.]+)", lists, re.M).group(1)
