"""The HTTP API against requests that schemathesis makes from docs/openapi.yaml: those that are allowed, and those that are not."""

import subprocess

from support.environments import environment
from support.servers import ROOT
from support.stores import Sqlite, declared
from support.volleyd import Volleyd

SCHEMATHESIS = "schemathesis==4.32.5"
# A QUERY request is answered by 400 instead of 405: cpp-httplib refuses what it does not know before any route is looked for.
CHECKS = "unsupported_method"
# Events and taps never end by themselves, and a drained engine does.
LEFT_OUT = "events|drain|/tap$"


def test_answers_are_as_described_whatever_is_asked(tmp_path):
    store = Sqlite(tmp_path)
    volleyd = Volleyd(tmp_path, f"app: fuzzed\nqueues:\n{declared(store, 'in', reads=True)}{declared(store, 'out')}"
                                f"{declared(store, 'dead', serializer='json')}components: [{{name: move, input: in, outputs: [out], handler: forward, "
                                "dead_letter_queue: dead}]\n"
                                'operations: {listen: "127.0.0.1:0"}\n')
    volleyd.wait_ready()
    store.put("dead", ['{"n": 1}', "no json"] * 20, ["a"] * 40)
    python = environment("schemathesis", SCHEMATHESIS)
    run = subprocess.run(
        [python.parent / "schemathesis", "run", ROOT / "docs" / "openapi.yaml", "--url", f"http://{volleyd.address}",
         "--max-examples", "20", "--request-timeout", "10", "--exclude-checks", CHECKS, "--exclude-path-regex", LEFT_OUT,
         "--generation-deterministic", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Tested: 0" not in run.stdout
    assert volleyd.stop() == 0, volleyd.log
