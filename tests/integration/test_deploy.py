"""`volley deploy` writes what runs a configuration elsewhere: it is valid there, fits the configuration, and keeps no secret."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from support.volleyd import VOLLEY, VOLLEYD, check

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"

SERVERS = """app: My_Orders
queues:
  - name: orders
    value: incoming
    type: kafka
    serializer: json
    schema: schemas/order.json
    config: {bootstrap.servers: "${KAFKA_BROKERS:?the brokers}", group.id: fulfil, sasl.password: "${file:kafka-password}"}
  - {name: shipments, type: rsmq, config: {host: "${REDIS_HOST:-localhost}", password: "${REDIS_PASSWORD}"}}
  - {name: more, type: kafka}
  - {name: dead, type: rsmq}
components:
  - name: ship
    input: orders
    outputs: [shipments]
    handler: {exec: [python3, ship.py]}
    dead_letter_queue: dead
  - {name: pass, input: shipments, outputs: [more], handler: forward, dead_letter_queue: dead}
shutdown_timeout: 20s
"""
FILES = """queues:
  in: {type: sqlite, config: {path: volley.db}}
  out: {type: sqlite, config: {path: /srv/shop/out.db}}
  dead: {type: sqlite}
components: [{input: in, outputs: [out], handler: "libship.so:Ship", dead_letter_queue: dead}]
operations: {listen: "127.0.0.1:4000"}
"""


def deploy(folder, *words, config=SERVERS, name="orders.yml", env=None):
    (folder / name).write_text(config)
    (folder / "schemas").mkdir(exist_ok=True)
    (folder / "schemas" / "order.json").write_text('{"type": "object"}\n')
    (folder / "ship.py").write_text("from volley_handler import run\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KAFKA", "REDIS", "VOLLEY"))}
    target, *options = words
    return subprocess.run([str(VOLLEY), "deploy", target, name, *options], cwd=folder, capture_output=True, text=True, timeout=60,
                          env={**clean, **(env or {})})


def made(folder, *words, **options):
    result = deploy(folder, *words, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def manifests(text):
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}


def pod(text):
    return manifests(text)["Deployment"]["spec"]["template"]["spec"]


def test_the_manifests_of_packaging_are_what_it_writes():
    """So the plain manifests, the chart's probes and its security settings cannot differ."""
    folder = PACKAGING / "kubernetes"
    text = subprocess.run([str(VOLLEY), "deploy", "k8s", "volley.yml"], cwd=folder, capture_output=True, text=True, timeout=60,
                          env={k: v for k, v in os.environ.items() if not k.startswith("KAFKA")}).stdout
    if os.environ.get("VOLLEY_WRITE_EXPECTED"):
        (folder / "volley.yaml").write_text(text)
    assert text == (folder / "volley.yaml").read_text()


def test_kubernetes_gets_the_configuration_its_secrets_and_its_timeout(tmp_path):
    text = made(tmp_path, "k8s")
    config = manifests(text)["ConfigMap"]["data"]
    assert config["volley.yml"] == SERVERS
    assert config["schemas_order.json"] == '{"type": "object"}\n' and config["ship.py"].startswith("from volley_handler")
    spec = pod(text)
    assert spec["terminationGracePeriodSeconds"] == 35
    container = spec["containers"][0]
    assert container["image"] == "volley:python", "the handler needs Python"
    secrets = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    # The last is what the connector reads where the file says nothing.
    assert {name: ref.get("optional", False) for name, ref in secrets.items()} == {
        "KAFKA_BROKERS": False, "REDIS_HOST": True, "REDIS_PASSWORD": False}
    assert {"name": "VOLLEY_LISTEN", "value": "0.0.0.0:3000"} in container["env"]
    sources = spec["volumes"][0]["projected"]["sources"]
    assert {"key": "schemas_order.json", "path": "schemas/order.json"} in sources[0]["configMap"]["items"]
    assert sources[1]["secret"]["items"] == [{"key": "kafka-password", "path": "kafka-password"}]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        "startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    labels = manifests(text)["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for manifest in manifests(text).values():
        assert manifest["metadata"]["name"] == "my-orders"
        assert manifest["spec"].get("selector", {"matchLabels": labels})["matchLabels"] == labels if "spec" in manifest else True


@pytest.mark.parametrize("version", ["1.28", "1.31", "1.34"])
@pytest.mark.parametrize("config", [SERVERS, FILES], ids=["servers", "files"])
def test_kubernetes_accepts_the_manifests(tmp_path, config, version):
    """By the schemas of its API, no unknown field allowed; the ScaledObject is not part of it."""
    for manifest in yaml.safe_load_all(made(tmp_path, "k8s", config=config)):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_checksum_changes_with_the_configuration_and_what_is_beside_it(tmp_path):
    def checksum(text):
        return manifests(text)["Deployment"]["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    first = checksum(made(tmp_path, "k8s"))
    assert first == checksum(made(tmp_path, "k8s", env={"REDIS_PASSWORD": "another"})), "values of secrets are not in it"
    assert first != checksum(made(tmp_path, "k8s", config=SERVERS + "# changed\n"))


@pytest.mark.parametrize("target", ["k8s", "compose", "systemd"])
def test_no_value_of_a_variable_gets_into_the_files(tmp_path, target):
    (tmp_path / "kafka-password").write_text("correct-horse\n")
    text = made(tmp_path, target, env={"REDIS_PASSWORD": "battery-staple", "KAFKA_BROKERS": "broker-of-mine:9092"})
    assert not re.search("correct-horse|battery-staple|broker-of-mine", text)
    assert "REDIS_PASSWORD" in text and "kafka-password" in text


def test_keda_scales_on_the_lag_and_on_the_depth(tmp_path):
    assert "ScaledObject" not in manifests(made(tmp_path, "k8s"))
    text = made(tmp_path, "k8s", "--keda")
    assert "replicas" not in manifests(text)["Deployment"]["spec"]
    kafka, redis = manifests(text)["ScaledObject"]["spec"]["triggers"]
    assert kafka["metadata"] == {"bootstrapServersFromEnv": "KAFKA_BROKERS", "consumerGroup": "fulfil", "topic": "incoming",
                                 "lagThreshold": "1000", "excludePersistentLag": "true"}
    assert redis["metadata"] == {"hostFromEnv": "REDIS_HOST", "port": "6379", "passwordFromEnv": "REDIS_PASSWORD",
                                 "listName": "rsmq:shipments", "listLength": "1000"}
    files = made(tmp_path, "k8s", "--keda", config=FILES)
    assert "ScaledObject" not in manifests(files) and "# No ScaledObject: the queue" in files


def test_a_file_means_one_replica_a_claim_and_a_folder_that_can_be_written(tmp_path):
    text = made(tmp_path, "k8s", config=FILES)
    spec = manifests(text)["Deployment"]["spec"]
    assert spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"} and "# One, because the queue" in text
    assert manifests(text)["PersistentVolumeClaim"]["metadata"]["name"] == "orders"
    container = pod(text)["containers"][0]
    paths = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    # volley.db is relative to the configuration's folder.
    assert container["args"] == ["--config", "/var/lib/volley/volley.yml"] and paths["/var/lib/volley/volley.yml"] == "config"
    assert paths["/srv/shop"] == "state"
    # It listens on loopback: the probes are asked from inside.
    assert container["ports"] == [{"name": "operations", "containerPort": 4000}]
    assert container["readinessProbe"]["exec"]["command"][-2:] == ["health", "--ready"]
    assert container["livenessProbe"]["exec"]["command"][-1] == "health"
    # The shared object comes from an image of its own.
    assert paths["/plugins"] == "plugins" and pod(text)["initContainers"][0]["volumeMounts"][0]["mountPath"] == "/plugins"


def test_the_configuration_inside_passes_the_check(tmp_path):
    config = manifests(made(tmp_path, "k8s"))["ConfigMap"]["data"]["volley.yml"]
    (tmp_path / "kafka-password").write_text("x")
    code, said = check(tmp_path, config, "--check", env={**os.environ, "KAFKA_BROKERS": "kafka:9092", "REDIS_PASSWORD": "x"})
    assert code == 0, said


@pytest.mark.parametrize("text", [
    "# no line break at the end", "# two\n\n", "# \ttabs and trailing spaces  \n", "\n\n# lines before\n", "  \n# spaces before\n",
    "# Windows\r\n", "# café – “quotes” \\ \" ' ${X:-y} $${Z} @name@ {{ helm }} %d\n", "--- \n# a document\n"])
def test_a_configmap_gives_back_each_byte(tmp_path, text):
    config = text + ("\n" if not text.endswith("\n") else "") + FILES if "---" in text or text[0] in " \n" else FILES + text
    folder = tmp_path
    (folder / "orders.yml").write_bytes(config.encode())
    result = subprocess.run([str(VOLLEY), "deploy", "k8s", "orders.yml"], cwd=folder, capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert manifests(result.stdout.decode())["ConfigMap"]["data"]["volley.yml"].encode() == config.encode()


def test_compose_mounts_files_and_takes_values_from_the_environment(tmp_path):
    engine = yaml.safe_load((PACKAGING / "compose" / "compose.yaml").read_text())["services"]["volleyd"]
    made(tmp_path, "compose", "--output", "there")
    document = yaml.safe_load((tmp_path / "there" / "compose.yaml").read_text())
    service = document["services"]["volleyd"]
    for name in ("read_only", "tmpfs", "cap_drop", "security_opt", "restart", "ports"):
        assert service[name] == engine[name], "as in packaging/compose"
    assert service["stop_grace_period"] == "35s" and service["labels"]["volley.config"]
    assert service["environment"] == {"VOLLEY_LISTEN": "0.0.0.0:3000", "CREDENTIALS_DIRECTORY": "/run/secrets", "REDIS_HOST": None,
                                      "KAFKA_BROKERS": "${KAFKA_BROKERS:?set it in .env}",
                                      "REDIS_PASSWORD": "${REDIS_PASSWORD:?set it in .env}"}
    assert service["secrets"] == [{"source": "kafka-password", "target": "kafka-password"}]
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert source in document["volumes"] or (tmp_path / "there" / source).is_file()
    assert (tmp_path / "there" / "orders.yml").read_text() == SERVERS


def lines(unit, name):
    return re.findall(rf"^{name}=(.*)$", unit, re.M)


def test_systemd_gets_the_unit_of_the_package_with_its_own_names(tmp_path):
    unit = made(tmp_path, "systemd")
    package = (PACKAGING / "systemd" / "volleyd.service").read_text()
    own = {"Description", "EnvironmentFile", "ExecStart", "ExecReload", "TimeoutStopSec", "RuntimeDirectory", "LoadCredential"}
    for name in set(re.findall(r"^(\w+)=", package, re.M)) - own:
        assert lines(unit, name) == lines(package, name), name
    assert lines(unit, "ExecStart") == ["/usr/bin/volleyd --config /etc/volley/my-orders.yml"]
    assert lines(unit, "ExecReload") == ["/usr/bin/volleyd --config /etc/volley/my-orders.yml --check", "/bin/kill -HUP $MAINPID"]
    assert lines(unit, "EnvironmentFile") == ["/etc/volley/my-orders.env"]
    assert lines(unit, "LoadCredential") == ["kafka-password:/etc/volley/secrets/kafka-password"]
    assert lines(unit, "TimeoutStopSec") == ["35"] and lines(unit, "RuntimeDirectory") == ["volley/my-orders"]


@pytest.mark.parametrize("config", [SERVERS, FILES], ids=["servers", "files"])
def test_systemd_accepts_the_unit(tmp_path, config):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "orders.service"
    # Where the package puts volleyd there is none here.
    unit.write_text(made(tmp_path, "systemd", config=config).replace("/usr/bin/volleyd", str(VOLLEYD)))
    shown = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)], capture_output=True, text=True,
                           timeout=60)
    assert "orders.service" not in shown.stderr, shown.stderr
    exposure = subprocess.run(["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, timeout=60)
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", exposure.stdout).group(1)) <= 2.0


def test_systemd_may_write_where_the_stores_are(tmp_path):
    unit = made(tmp_path, "systemd", config=FILES)
    assert lines(unit, "ReadWritePaths") == ["/srv/shop"] and lines(unit, "EnvironmentFile") == []
    assert lines(unit, "ExecStart") == ["/usr/bin/volleyd --config /var/lib/volley/orders.yml"]


def test_nothing_is_overwritten_without_force(tmp_path):
    made(tmp_path, "systemd", "--output", "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["my-orders.env.example", "my-orders.service"]
    unit = tmp_path / "out" / "my-orders.service"
    unit.write_text("mine")
    again = deploy(tmp_path, "systemd", "--output", "out")
    assert again.returncode == 73 and "--force" in again.stderr and unit.read_text() == "mine"
    unit.unlink()
    unit.symlink_to(tmp_path / "elsewhere")
    assert deploy(tmp_path, "systemd", "--output", "out").returncode == 73
    made(tmp_path, "systemd", "--output", "out", "--force")
    assert "ExecStart" in unit.read_text() and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("config, said", [
    ("queues: [", "V01"), ("", "the file is empty"), ("queues: {a: {type: sqlite}}\ncomponents: [{input: b}]\n", "V01"),
    (SERVERS + "log: {level: \"${LEVEL}\"}\n", "a variable that is not set counts as 1 here")])
def test_a_configuration_that_is_wrong_is_not_deployed(tmp_path, config, said):
    result = deploy(tmp_path, "k8s", config=config)
    assert result.returncode == 78 and said in result.stderr and result.stdout == ""


def test_a_file_that_is_not_there(tmp_path):
    result = subprocess.run([str(VOLLEY), "deploy", "k8s", "gone.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 78 and "gone.yml" in result.stderr


def test_a_file_without_app_is_told_that_its_name_decides(tmp_path):
    result = deploy(tmp_path, "k8s", config=FILES)
    assert "write app: orders" in result.stderr


@pytest.mark.parametrize("app", ["true", "123", "On", "_", "Ünïcode", "a" * 90, "x--y__z."])
def test_the_names_are_names(tmp_path, app):
    config = FILES + f'app: "{app}"\n' + 'log: {level: "${N:-info}"}\n'
    for manifest in manifests(made(tmp_path, "k8s", config=config)).values():
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,60}[a-z0-9])?", manifest["metadata"]["name"])
        assert all(isinstance(value, str) for value in manifest["metadata"]["labels"].values())
    container = pod(made(tmp_path, "k8s", config=config))["containers"][0]
    assert container["env"][-1]["name"] == "N"


def test_a_relative_state_folder_is_in_the_volume(tmp_path):
    container = pod(made(tmp_path, "k8s", config=FILES.replace("path: volley.db", "") + "state_dir: state\n"))["containers"][0]
    assert container["args"][-1] == "/var/lib/volley/volley.yml"
