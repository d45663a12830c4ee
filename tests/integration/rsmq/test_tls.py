"""TLS to Redis, where the build has it: hiredis 1.0 and later. Debian 12's has none, and says so (tests/config/bad)."""

import subprocess

import pytest
from job import CLEAN, Job
from support.certificates import Certificates
from support.ledger import Ledger
from support.servers import free_port, wait_until
from support.volleyd import VOLLEYD, Volleyd


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture
def job(start_redis, certificates, tmp_path):
    (tmp_path / "tls.yml").write_text("queues: {in: {type: rsmq, config: {tls: true}}}\ncomponents: [{input: in, handler: forward}]\n")
    checked = subprocess.run([VOLLEYD, "--config", tmp_path / "tls.yml", "--check"], capture_output=True, text=True)
    if "stunnel" in checked.stdout + checked.stderr:
        pytest.skip("the hiredis of this system has no TLS")
    port = free_port()
    folder = certificates.folder
    files = {"cert": folder / "broker.pem", "key": folder / "broker.key", "ca-cert": certificates.authority}
    redis = start_redis("--tls-port", str(port), "--bind", "127.0.0.1", "127.0.0.2",
                        *(word for name, file in files.items() for word in (f"--tls-{name}-file", str(file))))
    job = Job(redis, tmp_path)
    job.tls = {"port": port, "tls": "true", "tls_ca": certificates.authority, "tls_cert": files["cert"], "tls_key": files["key"]}
    return job


def test_messages_of_any_size_pass_over_tls(job):
    job.queue("in", output=False, **job.tls).queue("out", **job.tls, maxsize=-1)
    volleyd = job.start()
    ledger = job.put(2000)
    job.wait_done()
    ledger.sent.append({"seq": 2000, "key": "k" * 900_000, "of": 0})
    job.store.put("in", ledger.bodies()[-1:], [None])
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


def test_a_send_from_elsewhere_wakes_over_tls(job):
    job.queue("in", output=False, **job.tls).queue("out", **job.tls)
    volleyd = job.start()
    wait_until(lambda: job.cli("PUBSUB", "NUMSUB", f"{job.store.ns}:rt:in").endswith("1"), "it has subscribed")
    ledger = Ledger(1)
    job.store.put("in", ledger.bodies(), [None])
    job.cli("PUBLISH", f"{job.store.ns}:rt:in", 1)
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_the_server_s_is_refused(wrong, job, certificates):
    settings = {**job.tls, "tls_ca": certificates.stranger} if wrong == "authority" else {**job.tls, "host": "127.0.0.2"}
    job.queue("in", output=False, **settings).queue("out")
    volleyd = Volleyd(job.folder, job.config())
    assert volleyd.wait() == 78
    assert "TLS to Redis" in volleyd.log and "tls_ca" in volleyd.log
