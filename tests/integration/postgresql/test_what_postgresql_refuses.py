"""What is wrong with the server or the configuration: the exit code, and a text that says what to do and has no password."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from support import servers
from support.servers import wait_until
from support.volleyd import Volleyd, check

PASSWORD = "correct-horse"


def config(dsn, more=""):
    queues = "".join(f'  {q}: {{type: postgresql, config: {{dsn: "{dsn}", schema: refusals{more}}}}}\n' for q in ("in", "out"))
    return (f"startup_timeout: 2s\nqueues:\n{queues}components: [{{input: in, outputs: [out], handler: forward}}]\n"
            'operations: {listen: "127.0.0.1:0"}\n')


@pytest.fixture(scope="module")
def guarded(postgres_server):
    """The server, which lets the role `guarded` in only with its password."""
    rules = postgres_server.data / "pg_hba.conf"
    rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    postgres_server.sql(f"CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    postgres_server.sql("SELECT pg_reload_conf()")
    # The new rules are in force for connections from now on.
    dsn = postgres_server.dsn.replace("user=volley", "user=guarded")
    wait_until(lambda: subprocess.run(["psql", "-w", dsn, "-c", ""], capture_output=True).returncode != 0, "it asks for the password")
    return dsn


@pytest.mark.parametrize("where", ["password", "dsn"])
def test_a_wrong_password_ends_with_77_and_is_nowhere(guarded, tmp_path, where):
    wrong = "hunter-2"
    text = config(guarded, f", password: {wrong}") if where == "password" else config(f"{guarded} password={wrong}")
    code, log = check(tmp_path, text)
    assert code == 77, log
    assert "28P01" in log and "correct `password`" in log and wrong not in log


def test_no_password_ends_with_77(guarded, tmp_path):
    code, log = check(tmp_path, config(guarded))
    assert code == 77 and "set `password`" in log, log


def test_the_right_password_is_in_no_log_line(guarded, tmp_path):
    (tmp_path / "secret").write_text(PASSWORD)
    code, log = check(tmp_path, "log: {level: trace}\n" + config(guarded, ', password: "${file:secret}"'), "--exit-when-idle")
    assert code == 0, log
    assert PASSWORD not in log


def test_a_missing_database_ends_with_78(postgres_server, tmp_path):
    code, log = check(tmp_path, config(postgres_server.dsn.replace("dbname=postgres", "dbname=nowhere")))
    assert code == 78 and "3D000" in log and "create it" in log, log


def test_no_server_ends_with_69_after_the_startup_timeout(tmp_path):
    code, log = check(tmp_path, config(f"host=127.0.0.1 port={servers.free_port()} password=hunter-2"))
    assert code == 69 and "right host and port" in log and "hunter-2" not in log, log


@pytest.mark.faults
def test_a_replica_is_waited_for_until_it_is_promoted(postgres, tmp_path):
    replica = servers.Postgres(Path(tempfile.mkdtemp(prefix="volley-test-")))
    try:
        replica.bin_dir, replica.as_user, replica.data = postgres.bin_dir, servers.as_postgres(replica.folder), replica.folder / "data"
        subprocess.run([*replica.as_user, str(replica.bin_dir / "pg_basebackup"), "-D", str(replica.data), "-R", "-d", postgres.dsn,
                        "-c", "fast"], check=True, cwd="/")
        replica.start_again()
        code, log = check(tmp_path, config(replica.dsn))
        assert code == 69 and "read-only replica" in log and "target_session_attrs" in log, log
        volleyd = Volleyd(tmp_path, config(replica.dsn).replace("startup_timeout: 2s", "startup_timeout: 60s"))
        wait_until(lambda: "read-only replica" in volleyd.log, "it says why it waits")
        replica.sql("SELECT pg_promote()")
        volleyd.wait_ready()
        assert volleyd.stop() == 0, volleyd.log
    finally:
        replica.stop()
        servers.remove(replica.folder)
