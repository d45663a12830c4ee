"""What is served over HTTP, against clients that dawdle, and while the configuration changes."""

import json
import os
import resource
import signal
import socket
import subprocess
import threading

import pytest
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEYD, Volleyd, check


def config(store, more="", app="operations", listen="127.0.0.1:0"):
    queues = "".join(f"  {queue}: {{type: sqlite, config: {store.config()}}}\n" for queue in ("in", "out"))
    return (f"app: {app}\nqueues:\n{queues}components:\n"
            f"  - {{name: move, input: in, outputs: [out], handler: forward{more}}}\n"
            f"operations: {{listen: \"{listen}\"}}\nshutdown_timeout: 2s\n")


def idle_clients(volleyd, count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, port = volleyd.address.split(":")
    clients = []
    for number in range(count):
        client = socket.create_connection((host, int(port)), timeout=10)
        if number % 2:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        clients.append(client)
    return clients


def test_idle_clients_delay_neither_probes_nor_work_nor_the_end(tmp_path):
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, config(store)).wait_ready()
    clients = idle_clients(volleyd, 1000)
    assert volleyd.get("/healthz") == (200, "ok\n")
    store.put("in", ['{"n": 1}'], ["a"])
    wait_until(lambda: store.take("out") == ['{"n": 1}'], "work goes on")
    assert volleyd.get("/readyz")[0] == 200
    assert volleyd.stop(timeout=20) == 0, volleyd.log
    for client in clients:
        client.close()


def test_reloads_while_everything_is_asked_for(tmp_path):
    """Under ThreadSanitizer this finds what a reload changes without a lock."""
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, config(store)).wait_ready()
    ended, failures = threading.Event(), []

    def ask(path):
        while not ended.is_set():
            try:
                volleyd.get(path)
            except OSError as error:
                failures.append((path, error))

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/metrics", "/", "/readyz", "/healthz")]
    for thread in threads:
        thread.start()
    for turn in range(1, 11):
        # A long name is no longer kept within the string's own bytes.
        volleyd.config.write_text(config(store, f", max_in_flight: {1000 + turn}", app=f"a-name-that-is-long-enough-{turn}"))
        volleyd.process.send_signal(signal.SIGHUP)
        wait_until(lambda: volleyd.log.count("reloaded ") == turn, "the file is applied")
    ended.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert 'app="a-name-that-is-long-enough-10"' in volleyd.get("/metrics")[1]
    assert volleyd.stop() == 0, volleyd.log


def test_the_page_beyond_loopback_needs_the_token(tmp_path):
    token = "operations: {token: s3cret, "
    volleyd = Volleyd(tmp_path, config(Sqlite(tmp_path), listen="0.0.0.0:0").replace("operations: {", token)).wait_ready()
    assert volleyd.get("/")[0] == 401
    assert [volleyd.get(path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
    assert volleyd.get("/", {"Authorization": "Bearer s3cret"})[0] == 200
    assert volleyd.stop() == 0, volleyd.log


@pytest.mark.skipif("VOLLEY_PRESET" in os.environ and os.environ["VOLLEY_PRESET"] != "release",
                    reason="a sanitizer's runtime opens files of its own before main")
def test_few_descriptors_are_an_error_or_enough_but_never_the_end_of_a_running_engine(tmp_path):
    store = Sqlite(tmp_path)
    path = tmp_path / "volley.yml"
    path.write_text("startup_timeout: 1s\n" + config(store))
    for few in range(4, 40, 3):
        process = subprocess.Popen([str(VOLLEYD), "--config", str(path)], stderr=subprocess.PIPE, cwd=tmp_path,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (few, few)))
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
        reader.start()
        wait_until(lambda: process.poll() is not None or any(b"component is ready" in line for line in lines),
                   f"with {few} descriptors it is ready or ends")
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        reader.join(10)
        assert code in (0, 69, 70, 78), (few, code, lines)
        assert code == 0 or lines, "it says why"


@pytest.mark.skipif("VOLLEY_PRESET" in os.environ and os.environ["VOLLEY_PRESET"] != "release",
                    reason="a sanitizer has a pthread_create of its own")
def test_few_threads_are_an_error_that_says_so(tmp_path):
    shim = tmp_path / "few_threads.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(shim), str(ROOT / "tests/integration/support/few_threads.c"), "-ldl"],
                   check=True)
    path = tmp_path / "volley.yml"
    path.write_text(config(Sqlite(tmp_path), ", workers: 4"))
    code = None
    for few in range(0, 10):
        environment = {**os.environ, "LD_PRELOAD": str(shim), "FEW_THREADS": str(few)}
        process = subprocess.run([str(VOLLEYD), "--config", str(path), "--exit-when-idle"], env=environment,
                                 capture_output=True, timeout=60, cwd=tmp_path)
        code = process.returncode
        assert code in (0, 69, 70), (few, code, process.stderr)
        assert b"thread" in process.stderr or code == 0, process.stderr
    assert code == 0


def test_a_file_at_its_limit_is_like_a_full_disk(tmp_path):
    store = Sqlite(tmp_path)
    bodies = [json.dumps({"n": n, "pad": "x" * 1000}) for n in range(200)]
    volleyd = Volleyd(tmp_path, config(store)).wait_ready()
    resource.prlimit(volleyd.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    store.put("in", bodies, ["a"] * len(bodies))
    wait_until(lambda: "retrying" in volleyd.log, "the limit is reached")
    resource.prlimit(volleyd.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: sorted(store.take("out")) == sorted(bodies), "all is delivered")
    assert volleyd.stop() == 0, volleyd.log


def test_an_ipv6_address_stands_in_brackets(tmp_path):
    code, errors = check(tmp_path, config(Sqlite(tmp_path), listen="::1:3000"), "--check")
    assert code == 78 and "in brackets: [::1]:3000" in errors
    path = tmp_path / "volley.yml"
    path.write_text(config(Sqlite(tmp_path), listen="[::1]:0"))
    shown = subprocess.run([str(VOLLEYD), "--config", str(path), "--check", "--print-config"], capture_output=True, text=True)
    assert shown.returncode == 0 and 'listen: "[::1]:0"' in shown.stdout


def test_a_host_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path):
    code, errors = check(tmp_path, config(Sqlite(tmp_path), listen="no-such-host.invalid:3000"))
    assert code in (69, 78) and "no-such-host.invalid" in errors
