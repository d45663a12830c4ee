"""The files under packaging/ agree with each other and with the pages. It builds no package and no image: ./dev packages and
./dev image do."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from support.volleyd import VOLLEY, check

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


CHART = PACKAGING / "helm" / "volley"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
MANIFESTS = list(yaml.safe_load_all((PACKAGING / "kubernetes" / "volley.yaml").read_text()))


def changed(values, path, value):
    copy = json.loads(json.dumps(values))
    *folders, name = path.split(".")
    at = copy
    for folder in folders:
        at = at.setdefault(folder, {})
    at[name] = value
    return copy


def test_the_default_values_of_the_chart_are_valid():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize("path, value", [
    ("replicas", 3), ("replicaCount", "3"), ("replicaCount", -1), ("image.repository", ""), ("image.pullPolicy", "always"),
    ("config", {"app": "x"}), ("shutdownTimeoutSeconds", "30s"), ("secretAs", "file"), ("podMonitor.interval", "30"),
    ("keda.enabled", True), ("plugins.initContainers", [{"name": "Mine", "image": "x"}]), ("podAnnotations", {"a": 1})])
def test_the_schema_refuses_a_mistake(path, value):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(VALUES, path, value), SCHEMA)


def test_the_templates_use_values_that_exist_and_all_of_them():
    def paths(values, prefix=""):
        for name, value in values.items():
            yield prefix + name
            if isinstance(value, dict):
                yield from paths(value, f"{prefix}{name}.")

    templates = "\n".join(file.read_text() for file in sorted((CHART / "templates").iterdir()))
    used = set(re.findall(r"\.Values\.([\w.]+)", templates))
    assert used <= set(paths(VALUES))
    unused = {name for name in VALUES if not any(path.split(".")[0] == name for path in used)}
    assert not unused
    begins = len(re.findall(r"{{- (?:if|with|range|define) ", templates))
    assert begins == templates.count("{{- end "), "each block ends"


def deployment():
    return next(manifest for manifest in MANIFESTS if manifest["kind"] == "Deployment")


def seconds(config, name, default):
    found = re.search(rf"^{name}: (\d+)s$", config, re.M)
    return int(found.group(1)) if found else default


def test_the_manifests_fit_together():
    pod = deployment()["spec"]["template"]["spec"]
    container = pod["containers"][0]
    config = next(manifest for manifest in MANIFESTS if manifest["kind"] == "ConfigMap")["data"]["volley.yml"]
    assert pod["terminationGracePeriodSeconds"] == seconds(config, "shutdown_timeout", 30) + 15
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    port = container["ports"][0]
    assert yaml.safe_load(config)["operations"]["listen"] == f"0.0.0.0:{port['containerPort']}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "a broker that is down must not restart pods"
    labels = deployment()["spec"]["template"]["metadata"]["labels"]
    for manifest in MANIFESTS:
        if "selector" in manifest.get("spec", {}):
            assert manifest["spec"]["selector"]["matchLabels"] == labels


def test_the_manifests_and_the_chart_protect_the_container_alike():
    pod = deployment()["spec"]["template"]["spec"]
    assert pod["securityContext"] == VALUES["podSecurityContext"]
    assert pod["containers"][0]["securityContext"] == VALUES["securityContext"]
    assert VALUES["securityContext"]["readOnlyRootFilesystem"] and VALUES["podSecurityContext"]["runAsNonRoot"]


@pytest.mark.parametrize("config", [
    next(manifest for manifest in MANIFESTS if manifest["kind"] == "ConfigMap")["data"]["volley.yml"], VALUES["config"],
    (PACKAGING / "compose" / "etc" / "volley.yml").read_text()], ids=["manifests", "chart", "compose"])
def test_the_configurations_pass(config, tmp_path):
    code, said = check(tmp_path, config, "--check", env={**os.environ, "KAFKA_BROKERS": "kafka:9092"})
    assert code == 0, said
    assert "shutdown_timeout" not in config or seconds(config, "shutdown_timeout", 0) == VALUES["shutdownTimeoutSeconds"]


def test_compose_mounts_what_exists_and_waits_for_the_servers():
    compose = yaml.safe_load((PACKAGING / "compose" / "compose.yaml").read_text())
    engine = compose["services"]["volleyd"]
    for volume in engine["volumes"]:
        source = volume.split(":")[0]
        assert source in compose["volumes"] or (PACKAGING / "compose" / source).is_dir()
    for service in engine["depends_on"]:
        assert "healthcheck" in compose["services"][service]
    assert (PACKAGING / "compose" / engine["build"]["context"] / "Dockerfile").resolve() == ROOT / "Dockerfile"


def stages():
    """The instructions of each stage of the Dockerfile, by the stage's name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found, name = {}, None
    for line in text.splitlines():
        if line.startswith("FROM "):
            name = line.split(" AS ")[1] if " AS " in line else "last"
            found[name] = []
        elif line and not line.startswith("#"):
            found[name].append(line)
    return found


def test_the_image_has_no_compiler_runs_as_nobody_and_says_its_health():
    runtime = "\n".join(stages()["runtime"])
    assert not re.search(r"g\+\+|cmake|-dev\b", runtime)
    for line in ("USER 65532:65532", "ENV VOLLEY_LISTEN=0.0.0.0:3000", "ENV VOLLEY_PLUGIN_PATH=/plugins", "STOPSIGNAL SIGTERM"):
        assert line in runtime
    assert re.search(r'^HEALTHCHECK .* CMD \["volley", .*"health"\]$', runtime, re.M)
    assert stages()["python"][-1] == "USER 65532:65532", "it does not stay root"


def test_the_image_builds_with_what_the_other_builds_need():
    def needed(text):
        return set(re.findall(r"[\w.+-]+-dev\b", text))

    dockerfile = needed(" ".join(stages()["build"]))
    developers = needed(re.search(r"build_packages=\((.*?)\)", (ROOT / "dev").read_text(), re.S).group(1))
    debian = needed((PACKAGING / "debian" / "control").read_text().split("\n\n")[0])
    assert developers - dockerfile <= {"libboost-context-dev"}, "add it to the Dockerfile, and its library to the stage runtime"
    assert debian == dockerfile, "Build-Depends in packaging/debian/control"


def test_each_package_has_files_and_no_file_is_in_two():
    files = [line for file in (PACKAGING / "debian").glob("*.install") for line in file.read_text().split()]
    assert len(files) == len(set(files))
    packages = re.findall(r"^Package: (\S+)$", (PACKAGING / "debian" / "control").read_text(), re.M)
    assert {file.name.removesuffix(".install") for file in (PACKAGING / "debian").glob("*.install")} == set(packages)


@pytest.mark.parametrize("script", ["build-deb", "image-test", "on-debian", "package-test", "reproducible", "completions/volley.bash"])
def test_the_scripts_are_shell(script):
    subprocess.run(["bash", "-n", str(PACKAGING / script)], check=True, timeout=20)


def test_the_completion_knows_the_verbs_and_the_options():
    ask = """. packaging/completions/volley.bash
             answer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _volley; printf '%s ' "${COMPREPLY[@]}"; echo; }
             answer "$VOLLEY" pe; answer "$VOLLEY" peek --lim; answer "$VOLLEY" dlq re; answer "$VOLLEY" dlq retry --al"""
    said = subprocess.run(["bash", "-c", ask], cwd=ROOT, env={**os.environ, "VOLLEY": str(VOLLEY)}, capture_output=True, text=True,
                          timeout=60, check=True)
    assert [line.strip() for line in said.stdout.splitlines()] == ["peek", "--limit", "retry", "--all"]


def test_the_links_of_the_pages_lead_somewhere_and_the_site_has_each_page_of_its_navigation():
    subprocess.run([sys.executable, str(PACKAGING / "site-source")], check=True, timeout=60)
    # Read as text: the tags of mkdocs are its own.
    named = re.findall(r"^\s+- [^:\n]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert len(named) > 30 and len(named) == len(set(named))
    missing = [name for name in named if not (ROOT / "build" / "site-source" / name).exists()]
    assert not missing


@pytest.mark.parametrize("script", ["build-wheel", "sbom"])
def test_the_scripts_explain_themselves(script):
    said = subprocess.run([sys.executable, str(PACKAGING / script), "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "--installed" in said.stdout


def test_the_versions_are_one():
    version = re.search(r"^project\(volley VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M).group(1)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    changelog = (PACKAGING / "debian" / "changelog").read_text()
    assert chart["appVersion"] == version and changelog.startswith(f"volley ({version}-")
