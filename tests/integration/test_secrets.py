"""A secret goes to the server it is for, and nowhere else: not into logs, pages, dumps, or dead letters. A child has the environment."""

import json
import os
import subprocess
import sys

from support.servers import wait_until
from support.stores import Sqlite
from support.volleyd import VOLLEY, VOLLEYD, Volleyd

CANARIES = {"MY_PASSWORD": "canary-by-environment", "MY_TOKEN": "canary-token"}

NOSY = """
import json, os, sys
for line in sys.stdin:
    m = json.loads(line)
    print("environment:", sorted(os.environ), file=sys.stderr, flush=True)
    print(json.dumps({"id": m["id"], "fail": "environment: " + repr(sorted(os.environ))}), flush=True)
"""


def test_no_secret_gets_out(redis_server, tmp_path):
    (tmp_path / "secret.txt").write_text("canary-by-file\n")
    (tmp_path / "nosy.py").write_text(NOSY)
    store = Sqlite(tmp_path)
    store.put("in", ['{"n": 1}'], ["a"])
    # The server wants no password, so that it refuses each of these: an error that must not name it.
    config = f"""\
queues:
  - {{name: in, type: sqlite, config: {store.config()}}}
  - {{name: dead, type: sqlite, config: {store.config()}}}
  - {{name: one, type: rsmq, config: {{port: {redis_server.port}, username: default, password: "${{MY_PASSWORD}}"}}}}
  - {{name: two, type: rsmq, config: {{url: "redis://default:canary-in-url@127.0.0.1:{redis_server.port}/0"}}}}
  - {{name: four, type: rsmq, config: {{port: {redis_server.port}, password: "${{NO_SUCH:-canary-default}}"}}}}
  - {{name: five, type: rsmq, config: {{host: "me:canary-in-host@127.0.0.1"}}}}
  - {{name: three, type: kafka, config: {{bootstrap.servers: "127.0.0.1:1", security.protocol: sasl_plaintext, sasl.mechanism: PLAIN,
                                        sasl.username: me, sasl.password: "${{file:secret.txt}}"}}}}
components:
  - {{name: nosy, input: in, outputs: [], handler: {{exec: ["{sys.executable}", nosy.py, "--key=${{MY_TOKEN}}"]}}, dead_letter_queue: dead}}
operations: {{listen: "127.0.0.1:0", token: "${{MY_TOKEN}}"}}
log: {{level: trace}}
"""
    environment = {**os.environ, **CANARIES}
    seen = []
    volleyd = Volleyd(tmp_path, config, env=environment).wait_ready()
    wait_until(lambda: store.take("dead") != [], "it is a dead letter")
    for page in ("/", "/healthz", "/readyz", "/metrics"):
        seen.append(volleyd.get(page)[1])
    for page in ("status", "components", "queues", "configuration", "log"):
        status, body = volleyd.get("/api/v1/" + page, {"Authorization": "Bearer " + CANARIES["MY_TOKEN"]})
        assert status == 200, body
        seen.append(body)
    assert volleyd.stop() == 0, volleyd.log
    seen.append(volleyd.log)
    assert "environment:" in volleyd.log
    seen += [headers for (headers,) in store.connect().execute("SELECT headers FROM volley_messages WHERE queue = 'dead'")]
    # One that is refused or not reached at the start.
    for queue in ("one", "two", "three"):
        text = config.replace("input: in,", f"input: {queue},") + "startup_timeout: 2s\n"
        refused = Volleyd(tmp_path, text, env=environment)
        wait_until(lambda: refused.process.poll() is not None or "component is ready" in refused.log, "it starts or is refused")
        refused.stop()
        seen.append(refused.log)
    (tmp_path / "volley.yml").write_text(config)
    for command in ([VOLLEYD, "--check"], [VOLLEYD, "--print-config"], [VOLLEY, "check", "volley.yml", "--guarantees"],
                    [VOLLEY, "peek", "one"], [VOLLEY, "send", "two", "x"], [VOLLEY, "send", "three", "x"]):
        run = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=90)
        seen.append(run.stdout + run.stderr)
    broken = config.replace("port:", "prt:").replace("outputs: []", "outputs: [one, two, three, four, five]")
    (tmp_path / "volley.yml").write_text(broken)
    run = subprocess.run([str(VOLLEYD), "--check"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert run.returncode == 78
    seen.append(run.stderr)
    for text in seen:
        assert "canary" not in text, text
    assert "***" in "".join(seen)
