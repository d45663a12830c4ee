"""Real servers for tests: each on a free loopback port, in a folder of its own, stopped when the test session ends."""

import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from .certificates import Certificates

ROOT = Path(__file__).resolve().parents[3]


given = set()


def free_port() -> int:
    """One that no client can get as its own while the server is down: connections go out from 32768 and above."""
    while True:
        port = random.randint(20_000, 32_000)
        if port in given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        given.add(port)
        return port


def wait_until(condition, what: str, timeout: float = 60.0, every: float = 0.05):
    """Returns the condition's first true value; fails with `what` past the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(every)


def accepts(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A child process that serves a port."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.process = None

    def spawn(self, command, **options):
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **options)

    def wait_for_port(self, timeout=180.0):
        def ready():
            if self.process.poll() is not None:
                tail = (self.folder / "server.log").read_text(errors="replace")[-2000:]
                raise AssertionError(f"{type(self).__name__} ended at its start:\n{tail}")
            return accepts(self.port)

        wait_until(ready, f"{type(self).__name__} listens on {self.port}", timeout)

    def kill(self, sig=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, sig)
            self.process.wait(timeout=30)

    def stop(self):
        self.kill(signal.SIGKILL)


class Redis(Server):
    def __init__(self, folder: Path, *words: str):
        super().__init__(folder)
        self.words = words  # of its command line, after ours

    def start(self):
        self.launch()
        wait_until(self.answers, "Redis has loaded what it keeps")
        return self

    def launch(self):
        """Returns when it takes connections; what it keeps is loaded later."""
        self.spawn(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction", *self.words])
        self.wait_for_port()

    def answers(self) -> bool:
        return subprocess.run(["redis-cli", "-p", str(self.port), "PING"], capture_output=True, text=True).stdout.strip() in (
            "PONG", "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")


def postgres_binaries() -> Path:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert binaries, "PostgreSQL is not installed: ./dev setup"
    return binaries[-1]


def as_postgres(folder: Path):
    """Words before a command that uses the folder and refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    for part in [folder, *folder.parents]:
        if str(part).startswith("/tmp") and str(part) != "/tmp":
            part.chmod(0o755)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["runuser", "-u", "postgres", "--"]


class Postgres(Server):
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""

    def start(self):
        self.bin_dir = postgres_binaries()
        self.as_user = as_postgres(self.folder)
        self.data = self.folder / "data"
        subprocess.run([*self.as_user, str(self.bin_dir / "initdb"), "-D", str(self.data), "-A", "trust", "-U", "volley"], check=True,
                       stdout=subprocess.DEVNULL, cwd="/")
        return self.start_again()

    def start_again(self):
        """Also after kill(): what it had is still there. Processes of the old one may hold its memory for a moment."""
        def serves():
            if self.process is None or self.process.poll() is not None:
                self.spawn([*self.as_user, str(self.bin_dir / "postgres"), "-D", str(self.data), "-p", str(self.port),
                            "-h", "127.0.0.1", "-k", str(self.data)], cwd="/")
            return self.sql("SELECT 1").strip() == "1"

        wait_until(serves, "PostgreSQL answers", every=0.1)
        return self

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=volley dbname=postgres"

    def sql(self, statement: str, file=False) -> str:
        """Its rows; empty if it failed. `file`: it is too long for a command line; one transaction."""
        words = ["psql", "-XqAt1", "-v", "ON_ERROR_STOP=1", "-f", "-"] if file else ["psql", "-XqAt", "-c", statement]
        result = subprocess.run([*words, "-d", self.dsn], capture_output=True, text=True, input=statement if file else None)
        return result.stdout if result.returncode == 0 else ""


class PgBouncer(Server):
    """In front of a PostgreSQL, in transaction mode: each transaction may get another of its sessions."""

    def __init__(self, folder: Path, postgres: Postgres):
        super().__init__(folder)
        self.postgres = postgres

    def start(self):
        config = self.folder / "pgbouncer.ini"
        config.write_text(f"[databases]\npostgres = host=127.0.0.1 port={self.postgres.port} user=volley\n[pgbouncer]\n"
                          f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
                          "pool_mode = transaction\ndefault_pool_size = 3\n")
        self.spawn([*as_postgres(self.folder), "pgbouncer", str(config)], cwd="/")
        self.wait_for_port()
        return self

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=volley dbname=postgres"


class Kafka(Server):
    """One KRaft node of the jars that ./dev fetched. Beside the plain listener, one with TLS and SASL, and one that
    advertises the port of a proxy (support/proxy.py): whoever bootstraps there stays behind the proxy."""

    user, password = "app", "correct-horse"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.secure_port, self.behind_port, self.proxy_port = free_port(), free_port(), free_port()

    def start(self):
        jars = ROOT / "build" / "kafka" / "jars"
        assert jars.is_dir(), "Kafka's jars are missing: ./dev test fetches them"
        self.certificates = Certificates(self.folder / "certificates")
        config = self.folder / "server.properties"
        config.write_text(self._properties(free_port()))
        self.java = ["java", "-Xmx512m", "-Xms128m", "-cp", f"{jars}/*"]
        cluster = "4L6g3nShT-eMCtK--X86sw"
        subprocess.run([*self.java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config), "--add-scram",
                        f"SCRAM-SHA-256=[name={self.user},password={self.password}]"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start_again()
        return self

    def _properties(self, controller: int) -> str:
        sasl = "org.apache.kafka.common.security"
        addresses = {"PLAINTEXT": self.port, "SECURE": self.secure_port, "BEHIND": self.behind_port}
        listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in addresses.items())
        advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in {**addresses, "BEHIND": self.proxy_port}.items())
        return (
            "process.roles=broker,controller\nnode.id=1\n"
            f"controller.quorum.voters=1@127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n"
            f"listeners={listeners},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={advertised}\n"
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,SECURE:SASL_SSL\n"
            "inter.broker.listener.name=PLAINTEXT\n"
            "listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256\n"
            f"listener.name.secure.plain.sasl.jaas.config={sasl}.plain.PlainLoginModule required "
            f'user_{self.user}="{self.password}";\n'
            f"listener.name.secure.scram-sha-256.sasl.jaas.config={sasl}.scram.ScramLoginModule required;\n"
            "listener.name.secure.ssl.keystore.type=PEM\n"
            f"listener.name.secure.ssl.keystore.location={self.certificates.broker_store}\n"
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
            "super.users=User:ANONYMOUS\nallow.everyone.if.no.acl.found=true\n"
            f"log.dirs={self.folder / 'data'}\nnum.partitions=1\noffsets.topic.replication.factor=1\n"
            "offsets.topic.num.partitions=4\n"
            "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
            "group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=true\nlog.retention.check.interval.ms=1000\n")

    def start_again(self):
        """Also after kill(): what it had is still there."""
        self.spawn([*self.java, "kafka.Kafka", str(self.folder / "server.properties")])
        self.wait_for_port()
        from confluent_kafka.admin import AdminClient

        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

        def answers():
            try:
                return self.admin.list_topics(timeout=2)
            except Exception:
                return None

        wait_until(answers, "Kafka answers")

    @property
    def secure(self) -> str:
        return f"127.0.0.1:{self.secure_port}"

    @property
    def behind_proxy(self) -> str:
        return f"127.0.0.1:{self.proxy_port}"

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def topic(self, prefix: str, partitions: int = 1, **config) -> str:
        from confluent_kafka.admin import NewTopic

        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        for future in self.admin.create_topics([NewTopic(name, partitions, 1, config=config)]).values():
            future.result(timeout=30)
        wait_until(lambda: name in self.admin.list_topics(timeout=5).topics, f"topic {name} exists")
        return name


class RabbitMq(Server):
    """One node with a name, a data folder and an epmd of its own. Users: guest, and reader, who may only read; their
    passwords are their names. An exchange "dead" takes dead letters. A second listener has TLS."""

    binary = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.secure_port, self.epmd_port, self.dist_port = free_port(), free_port(), free_port()
        self.epmd = None

    def start(self):
        self.certificates = Certificates(self.folder / "certificates")
        users = [{"name": name, "password": name, "tags": "administrator" if name == "guest" else ""} for name in ("guest", "reader")]
        rights = {"guest": (".*", ".*", ".*"), "reader": ("^$", "^$", ".*")}
        (self.folder / "definitions.json").write_text(json.dumps({
            "users": users, "vhosts": [{"name": "/"}],
            "permissions": [{"user": user, "vhost": "/", "configure": c, "write": w, "read": r} for user, (c, w, r) in rights.items()],
            "exchanges": [{"name": "dead", "vhost": "/", "type": "fanout", "durable": True, "auto_delete": False, "internal": False,
                           "arguments": {}}]}))
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlisteners.ssl.1 = 127.0.0.1:{self.secure_port}\n"
            f"ssl_options.certfile = {self.certificates.broker_store}\nssl_options.keyfile = {self.certificates.broker_store}\n"
            f"load_definitions = {self.folder}/definitions.json\n"
            "loopback_users = none\nlog.console.level = warning\n")
        (self.folder / "plugins").write_text("[].")
        self.epmd = subprocess.Popen(["epmd", "-port", str(self.epmd_port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.epmd_port), "epmd listens")
        return self.start_again()

    def start_again(self):
        """Also after kill(): what it had is still there."""
        base = str(self.folder)
        self.spawn([str(self.binary)], env={
            **os.environ, "HOME": base, "RABBITMQ_NODENAME": f"volley{self.port}@localhost", "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": f"{base}/mnesia", "RABBITMQ_LOG_BASE": base, "RABBITMQ_CONFIG_FILE": f"{base}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{base}/plugins", "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CONF_ENV_FILE": f"{base}/no.env", "ERL_EPMD_PORT": str(self.epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1"})
        self.wait_for_port(timeout=180)
        return self

    def stop(self):
        super().stop()
        if self.epmd:
            self.epmd.kill()
            self.epmd.wait()


def remove(folder: Path):
    shutil.rmtree(folder, ignore_errors=True)
