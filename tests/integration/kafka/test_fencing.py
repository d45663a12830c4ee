"""Static membership: who comes with the same group.instance.id takes over; the one before stops for good."""

from support import fault_table
from support.kafka_jobs import SLOW, Group, errors_of, job, properties, put
from support.ledger import Ledger
from support.servers import wait_until
from support.stores import Kafka
from support.volleyd import Volleyd


def test_a_twin_fences_the_old_one_which_ends_with_79_and_commits_nothing_more(kafka_server, tmp_path):
    store = Kafka(kafka_server, partitions=2)
    consumer = properties(kafka_server.bootstrap, group_instance_id="worker-1")
    config = job(store, consumer, handler=SLOW, settings=", workers: 2, order: key, max_in_flight: 64")
    ledger = Ledger(3000)
    put(store, ledger)
    group = Group(store, consumer["group.id"])
    folders = [tmp_path / "old", tmp_path / "new"]
    for folder in folders:
        folder.mkdir()
    old = Volleyd(folders[0], config).wait_ready()
    wait_until(lambda: old.metric("volley_messages_sent_total") > 200, "the old one works")
    new = Volleyd(folders[1], config)
    trace = []

    def ended():
        trace.append(group.committed())
        return old.process.poll() is not None

    wait_until(ended, "the old one ends", timeout=30)
    assert old.wait() == 79, old.log
    assert "group.instance.id" in old.log
    assert len(errors_of(old.log)) == 1, old.log
    new.wait_ready()

    def all_is_out():
        trace.append(group.committed())
        assert new.process.poll() is None, new.log
        return not ledger.judge(store.take("out"))["lost"]

    wait_until(all_is_out, "everything is out", timeout=120, every=0.1)
    assert new.stop() == 0, new.log
    trace.append(group.committed())
    assert sum(trace[-1]) == 3000
    assert all(earlier <= later for before, after in zip(trace, trace[1:]) for earlier, later in zip(before, after)), trace
    verdict = ledger.judge(store.take("out"))
    fault_table.note(18, "a twin with the same group.instance.id", verdict, 2 * 64 + 500, also="exit 79; no commit went back")
    # What was in flight in the old one, and what it had done since its last commit, runs again.
    assert verdict["lost"] == [] and verdict["phantoms"] == 0 and verdict["duplicates"] <= 2 * 64 + 500, verdict
    group.close()
