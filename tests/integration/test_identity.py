"""Nothing is taken for something else because it has its name: messages of stores of one shape, of one made anew, of a file
that was replaced; and what is dropped as a repeat is one."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from support.servers import wait_until
from support.stores import Kafka, Sqlite
from support.volleyd import BUILD, Volleyd, check, volley

MISBEHAVING = BUILD / "tests" / "integration" / "misbehaving.so"
SAME = ['{"job": "nightly"}'] * 5

FAILS = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "fail": "no"}), flush=True)
"""


class File(Sqlite):
    def __init__(self, folder, name):
        self.path = folder / name

    def remove(self):
        for left in self.path.parent.glob(self.path.name + "*"):
            left.unlink()


def config(tmp_path, input, output, dead, handler=None):
    (tmp_path / "fails.py").write_text(FAILS)
    handler = handler or f"{{exec: ['{sys.executable}', fails.py]}}"
    return ("app: tenant\nqueues:\n"
            f"  in: {{type: {input.type}, serializer: json, {input_value(input)}config: {input.config(reads=True)}}}\n"
            f"  out: {{type: sqlite, config: {output.config()}}}\n"
            f"  dead: {{type: sqlite, config: {dead.config()}}}\n"
            f"components: [{{name: work, input: in, outputs: [out], handler: {handler}, dead_letter_queue: dead}}]\n")


def input_value(store):
    return f"value: {store.topic('in')}, " if store.type == "kafka" else ""


def run_until_idle(tmp_path, text):
    code, log = check(tmp_path, text + "operations: off\n", "--exit-when-idle")
    assert code == 0, log


def test_dead_letters_of_stores_of_one_shape_are_all_kept(tmp_path):
    dead, out = File(tmp_path, "dead.db"), File(tmp_path, "out.db")
    for tenant in ("one.db", "two.db"):
        store = File(tmp_path, tenant)
        store.put("in", SAME, ["k"] * 5)
        run_until_idle(tmp_path, config(tmp_path, store, out, dead))
        assert store.take("in") == []
    assert dead.take("dead") == SAME * 2


def test_outputs_of_stores_of_one_shape_are_all_kept(tmp_path):
    dead, out = File(tmp_path, "dead.db"), File(tmp_path, "out.db")
    for tenant in ("one.db", "two.db"):
        store = File(tmp_path, tenant)
        store.put("in", SAME, ["k"] * 5)
        run_until_idle(tmp_path, config(tmp_path, store, out, dead, "forward"))
        assert store.take("in") == []
    assert out.take("out") == SAME * 2


def test_dead_letters_of_a_database_that_was_made_anew_are_all_kept(tmp_path):
    dead, out, store = File(tmp_path, "dead.db"), File(tmp_path, "out.db"), File(tmp_path, "in.db")
    for _ in range(2):
        store.remove()
        store.put("in", SAME, ["k"] * 5)
        run_until_idle(tmp_path, config(tmp_path, store, out, dead))
        assert store.take("in") == []
    assert dead.take("dead") == SAME * 2


def make_anew(server, topic):
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.delete_topics([topic])[topic].result()

    def made():
        try:
            admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
            return True
        except KafkaException:  # it is still being deleted
            return False

    wait_until(made, "the topic is made anew")


def test_dead_letters_of_a_topic_that_was_made_anew_are_all_kept(kafka_server, tmp_path):
    dead, out = File(tmp_path, "dead.db"), File(tmp_path, "out.db")
    store = Kafka(kafka_server, partitions=1)
    for part in range(2):
        if part == 1:
            make_anew(kafka_server, store.topic("in"))
        store.put("in", SAME, ["k"] * 5)
        volleyd = Volleyd(tmp_path, config(tmp_path, store, out, dead) + 'operations: {listen: "127.0.0.1:0"}\n')
        wait_until(lambda: volleyd.address and volleyd.metric("volley_messages_settled_total", outcome="dead_letter") == 5,
                   "all are dead letters")
        assert volleyd.stop() == 0, volleyd.log
    assert dead.take("dead") == SAME * 2


def test_an_output_that_was_stored_and_not_acked_is_stored_once_and_counted(tmp_path):
    dead, out, store = File(tmp_path, "dead.db"), File(tmp_path, "out.db"), File(tmp_path, "in.db")
    store.put("in", SAME, ["k"] * 5)
    store.connect().execute("INSERT INTO volley_messages (queue, key) VALUES ('in', 'a tombstone')")
    before = store.connect().execute("SELECT id, body, key, created FROM volley_messages").fetchall()
    text = config(tmp_path, store, out, dead, "forward")
    run_until_idle(tmp_path, text)
    # As if the process had died before it acked.
    store.connect().executemany("INSERT INTO volley_messages (queue, id, body, key, created) VALUES ('in', ?, ?, ?, ?)", before)
    volleyd = Volleyd(tmp_path, text + 'operations: {listen: "127.0.0.1:0"}\n').wait_ready()
    wait_until(lambda: volleyd.metric("volley_messages_settled_total", outcome="ok") == 6, "all are done")
    assert volleyd.metric("volley_plugin_sqlite_repeats_dropped_total", queue="out") == 6
    assert volleyd.metric("volley_plugin_sqlite_id_conflicts_total", queue="out") == 0
    assert volleyd.stop() == 0, volleyd.log
    assert out.take("out") == SAME + [None]


def test_a_dead_letter_that_was_stored_and_not_acked_is_stored_once(tmp_path):
    dead, out, store = File(tmp_path, "dead.db"), File(tmp_path, "out.db"), File(tmp_path, "in.db")
    store.put("in", SAME, ["k"] * 5)
    before = store.connect().execute("SELECT id, body, key, created FROM volley_messages").fetchall()
    text = config(tmp_path, store, out, dead)
    run_until_idle(tmp_path, text)
    store.connect().executemany("INSERT INTO volley_messages (queue, id, body, key, created) VALUES ('in', ?, ?, ?, ?)", before)
    run_until_idle(tmp_path, text)
    assert store.take("in") == [] and dead.take("dead") == SAME


def test_retried_dead_letters_of_two_files_are_all_sent(tmp_path):
    out, store = File(tmp_path, "out.db"), File(tmp_path, "in.db")
    letters = []
    for name in ("dead1.db", "dead2.db"):
        dead = File(tmp_path, name)
        dead.put("dead", SAME, ["k"] * 5)
        letters.append(dead)
        (tmp_path / "volley.yml").write_text(config(tmp_path, store, out, dead))
        sent = volley(tmp_path, "dlq", "retry", "--all", "--to", "in")
        assert sent.returncode == 0 and sent.stderr.strip() == "5 sent again", sent.stderr
    assert store.take("in") == SAME * 2
    assert [dead.take("dead") for dead in letters] == [[], []]


def test_a_letter_that_is_retried_twice_is_one_message(tmp_path):
    out, store, dead = File(tmp_path, "out.db"), File(tmp_path, "in.db"), File(tmp_path, "dead.db")
    dead.put("dead", SAME[:1], ["k"])
    rows = dead.connect().execute("SELECT id, body, key, created FROM volley_messages").fetchall()
    (tmp_path / "volley.yml").write_text(config(tmp_path, store, out, dead))
    for _ in range(2):
        assert volley(tmp_path, "dlq", "retry", "--all", "--to", "in").returncode == 0
        # As if the first had died before it removed the letter.
        dead.connect().executemany("INSERT OR IGNORE INTO volley_messages (queue, id, body, key, created) "
                                   "VALUES ('dead', ?, ?, ?, ?)", rows)
    assert store.take("in") == SAME[:1]


def test_a_message_is_not_convicted_for_another_that_had_its_id(tmp_path):
    store, out, dead = (File(tmp_path, name) for name in ("in.db", "out.db", "dead.db"))
    text = config(tmp_path, store, out, dead, f"'{MISBEHAVING}'").replace("components: [{", "state_dir: state\ncomponents: [{max_crashes: 1, ")
    store.put("in", ['{"crash": 1}'], ["k"])
    code, log = check(tmp_path, text + "operations: off\n", "--exit-when-idle")
    assert code == -11, log
    run_until_idle(tmp_path, text)
    assert dead.take("dead") == ['{"crash": 1}']
    store.remove()
    store.put("in", ['{"good": 1}'], ["k"])
    run_until_idle(tmp_path, text)
    assert out.take("out") == ['{"good": 1}'] and len(dead.take("dead")) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 64 kB."""
    folder = tmp_path / "state"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_without_room_for_the_crash_journal_work_goes_on_and_says_so(small_disk, tmp_path):
    store, out, dead = (File(tmp_path, name) for name in ("in.db", "out.db", "dead.db"))
    store.put("in", SAME, ["k"] * 5)
    text = config(tmp_path, store, out, dead, f"'{MISBEHAVING}'") + "state_dir: state\noperations: off\n"
    code, log = check(tmp_path, text, "--exit-when-idle")
    assert code == 0 and "no crash journal" in log and "No space left on device" in log, log
    assert out.take("out") == SAME


def test_a_database_that_is_replaced_under_the_engine_is_served(tmp_path):
    store = Sqlite(tmp_path)
    text = (f"queues:\n  in: {{type: sqlite, config: {store.config()}}}\n  out: {{type: sqlite, config: {store.config()}}}\n"
            'components: [{input: in, outputs: [out], handler: forward}]\noperations: {listen: "127.0.0.1:0"}\n')
    volleyd = Volleyd(tmp_path, text).wait_ready()
    store.put("in", ["old"], ["k"])
    wait_until(lambda: store.take("out") == ["old"], "the first came")
    (tmp_path / "old").mkdir()
    for part in tmp_path.glob("queues.db*"):
        shutil.move(part, tmp_path / "old" / part.name)
    wait_until(lambda: volleyd.get("/readyz")[0] == 503, "it is not ready")
    assert not os.path.exists(store.path)
    store.put("in", ["new"], ["k"])
    wait_until(lambda: store.take("out") == ["new"], "the new file is served")
    wait_until(lambda: volleyd.get("/readyz")[0] == 200, "it is ready again")
    assert "the file was replaced while it was in use" in volleyd.log
    assert volleyd.stop() == 0, volleyd.log
    assert sqlite3.connect(tmp_path / "old" / "queues.db").execute("SELECT body FROM volley_messages").fetchall() == [("old",)]
    assert json.loads(volley(tmp_path, "queues", "--json").stdout.splitlines()[0])["ready"] == 0
