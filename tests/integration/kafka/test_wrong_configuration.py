"""Ten wrong Kafka configurations: each found without a broker, with its place, what is wrong, and what to do."""

import pytest
from support.volleyd import check

FILE = """\
app: shop
queues:
  - name: in
    type: kafka
    value: orders
    config:
      bootstrap.servers: "localhost:9092"
      {consumer}
  - name: out
    type: kafka
    value: parcels
    config:
      bootstrap.servers: "localhost:9092"
      {producer}
components:
  - {{input: in, outputs: [out], handler: forward}}
"""

GOOD = {"consumer": "client.id: shop", "producer": "client.id: shop"}

WRONG = {
    "a misspelt property": ("consumer", "sesion.timeout.ms: 6000", ['no property "sesion.timeout.ms"', 'did you mean "session.timeout.ms"?']),
    "a Java property": ("producer", "max.block.ms: 1000", ['no property "max.block.ms"']),
    "a value that is no number": ("consumer", "fetch.min.bytes: many", ["fetch.min.bytes"]),
    "a value out of range": ("producer", "linger.ms: -5", ["linger.ms", "-5"]),
    "a choice that does not exist": ("producer", "compression.type: brotli", ["compression.type", "brotli"]),
    "auto-commit": ("consumer", "enable.auto.commit: true", ["enable.auto.commit must be false", "only when everything before it is done"]),
    "auto-store": ("consumer", "enable.auto.offset.store: true", ["enable.auto.offset.store must be false"]),
    "code to load": ("producer", "plugin.library.paths: monitoring", ["plugin.library.paths", "loads code into the engine"]),
    "transactions": ("producer", "transactional.id: shop-1", ["transactional.id is refused", "transactions"]),
    "a callback": ("consumer", "rebalance_cb: mine", ["rebalance_cb", "callback", "cannot be set in a file"]),
    "properties that exclude each other": ("consumer", "session.timeout.ms: 400000", ["session.timeout.ms", "max.poll.interval.ms"]),
    "a file that is not there": ("producer", "ssl.ca.location: /no/such/ca.pem\n      security.protocol: ssl", ["ssl.ca.location", "No such file"]),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_is_wrong_is_named_with_its_place(tmp_path, mistake):
    side, line, wanted = WRONG[mistake]
    code, said = check(tmp_path, FILE.format(**{**GOOD, side: line}), "--check")
    assert code == 78, said
    # The value's place where the value is wrong, the key's where the key is; each in the line that was changed.
    assert f"volley.yml:{8 if side == 'consumer' else 14}:" in said, said
    for words in wanted:
        assert words in said, said
    assert said.count("error[V0202]") == 1, said


HARMLESS = {"consumer": 'enable.auto.commit: false\n      enable.auto.offset.store: "0"\n      plugin.library.paths: ""\n      rebalance_cb: ""',
            "producer": 'transactional.id: ""\n      acks: 1'}


def test_harmless_values_of_refused_properties_pass(tmp_path):
    code, said = check(tmp_path, FILE.format(**HARMLESS), "--check")
    assert code == 0, said


def test_fewer_acks_are_allowed_and_the_lower_promise_is_told(tmp_path):
    config = "startup_timeout: 1s\noperations: off\n" + FILE.format(**HARMLESS).replace("localhost:9092", "127.0.0.1:1")
    code, said = check(tmp_path, config)
    assert code == 69 and "acks below all: a confirmed message can be lost with its broker" in said, said


NAMES = {"shipments/2026 Q4": ("consumer", "producer"), "..": ("consumer", "producer"), "a" * 250: ("consumer", "producer"),
         "parcels, letters": ("producer",), "ordérs": ("consumer", "producer"), "^orders(": ("consumer", "producer")}


@pytest.mark.parametrize("side, name", [(side, name) for name, sides in NAMES.items() for side in sides])
def test_a_name_that_no_topic_can_have_is_refused(tmp_path, side, name):
    config = FILE.format(**GOOD).replace("value: orders" if side == "consumer" else "value: parcels", f'value: "{name}"')
    code, said = check(tmp_path, config, "--check")
    assert code == 78, said
    assert ("no topic can be named" in said or "is no regular expression" in said), said


@pytest.mark.parametrize("value, role, wanted", [
    ("^orders-.*", "dead", "its own input"), ("orders, orders-dead", "dead", "its own input"), ("^orders$", "dead", None),
    ("^orders-.*", "out", "forwards to its own input")])
def test_a_topic_that_its_own_input_reads_is_refused(tmp_path, value, role, wanted):
    """What is sent comes back: dead letters, and what is forwarded."""
    config = FILE.format(**GOOD).replace("value: orders", f'value: "{value}"')
    if role == "dead":
        config = config.replace("outputs: [out]", "outputs: [out], dead_letter_queue: dead").replace(
            "components:", "  - {name: dead, type: kafka, value: orders-dead, config: {bootstrap.servers: \"localhost:9092\"}}\ncomponents:")
    else:
        config = config.replace("value: parcels", "value: orders-out")
    code, said = check(tmp_path, config, "--check")
    assert code == (78 if wanted else 0), said
    assert (wanted or "") in said and ("its own input" in said) == (wanted is not None), said
