"""TLS to Redis, where the build has it: hiredis 1.0 and later. Debian 12's has none, and says so (tests/config/bad)."""

import pytest
from streams_job import CLEAN, Job
from support.certificates import Certificates
from support.servers import free_port
from support.volleyd import Volleyd, check


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture
def job(start_redis, certificates, tmp_path):
    code, said = check(tmp_path, "queues: {in: {type: redis-streams, config: {tls: true}}}\n"
                                 "components: [{input: in, handler: forward, on_fail: requeue}]\n", "--check")
    if "stunnel" in said:
        pytest.skip("the hiredis of this system has no TLS")
    port = free_port()
    files = {"cert": certificates.folder / "broker.pem", "key": certificates.folder / "broker.key", "ca-cert": certificates.authority}
    redis = start_redis("--tls-port", str(port), "--bind", "127.0.0.1", "127.0.0.2",
                        *(word for name, file in files.items() for word in (f"--tls-{name}-file", str(file))))
    job = Job(redis, tmp_path)
    job.tls = {"port": port, "tls": "true", "tls_ca": certificates.authority, "tls_cert": files["cert"], "tls_key": files["key"]}
    return job


def test_messages_of_any_size_pass_over_tls(job):
    job.queue("in", **job.tls).queue("out", **job.tls)
    volleyd = job.start()
    ledger = job.put(2000)
    ledger.sent.append({"seq": 2000, "key": "k" * 900_000, "of": 0})
    job.redis.xadd("in", {"body": ledger.bodies()[-1]})
    job.wait_done()
    assert volleyd.stop() == 0, volleyd.log
    assert job.verdict(ledger) == CLEAN


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_the_server_s_is_refused(wrong, job, certificates):
    settings = {**job.tls, "tls_ca": certificates.stranger} if wrong == "authority" else {**job.tls, "host": "127.0.0.2"}
    job.queue("in", **settings)
    volleyd = Volleyd(job.folder, job.config())
    assert volleyd.wait() == 78
    assert "TLS to Redis" in volleyd.log and "tls_ca" in volleyd.log
