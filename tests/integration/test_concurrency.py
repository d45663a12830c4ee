"""Handlers that have several messages at work: each completes on its own, in order where order is promised."""

import json
import sys

import pytest
from support.servers import ROOT, wait_until
from support.stores import Sqlite
from support.volleyd import Volleyd

# Without the package: an asynchronous child on the bare protocol. What a message does stands in its body.
CHILD = """
import asyncio, json, os, random, sys
HELLO = '{"volley":2,"chains":true,"cancels":true,"source":true}'

async def work(m):
    do = (m["body"] or {}).get("do")
    if do == "wait":
        open(f"at-work-{m['body']['n']}", "w").close()
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
    elif do == "hang":
        await asyncio.sleep(3600)
    elif do == "die":
        await asyncio.sleep(0.05)
        os._exit(3)
    elif do == "linger":
        await asyncio.sleep(random.random() * 0.01)
    return {"id": m["id"], "outputs": [{"queue": "out", "body": m["body"]}]}

async def main():
    print(HELLO, flush=True)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    slots, chains, failed, tasks = asyncio.Semaphore(int(os.environ["VOLLEY_CONCURRENCY"])), {}, set(), set()

    async def one(m, before):
        if before:
            await before
        async with slots:
            print(json.dumps(await work(m)), flush=True)

    while line := await reader.readline():
        m = json.loads(line)
        if "cancelled" in m:
            continue
        chain = (m["call"], m["chain"]) if "chain" in m else None
        task = asyncio.create_task(one(m, chains.get(chain)))
        if chain:
            chains[chain] = task
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)

asyncio.run(main())
"""


class Job:
    """The child between SQLite queues."""

    def __init__(self, folder, bodies, keys=None, *, component="", child=CHILD):
        (folder / "child.py").write_text(child)
        self.store = Sqlite(folder)
        self.store.put("in", [json.dumps(body) for body in bodies], keys or ["k"] * len(bodies))
        queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {self.store.config()}}}\n" for q in ("in", "out", "dead"))
        self.volleyd = Volleyd(folder, f"queues:\n{queues}components:\n  - name: work\n    input: in\n    outputs: [out]\n"
                               f'    dead_letter_queue: dead\n    handler: {{exec: ["{sys.executable}", child.py]}}\n    {component}\n'
                               'operations: {listen: "127.0.0.1:0"}\n')

    def out(self):
        return [json.loads(body) for body in self.store.take("out")]

    def settled(self):
        return self.volleyd.metric("volley_messages_settled_total", outcome="ok")

    def stop(self):
        assert self.volleyd.stop() == 0, self.volleyd.log


def test_a_slow_message_holds_back_nobody(tmp_path):
    bodies = [{"n": 0, "do": "wait"}] + [{"n": n} for n in range(1, 200)]
    job = Job(tmp_path, bodies, component="concurrency: 4\n    order: none")
    wait_until(lambda: len(job.out()) == 199, "all but one are delivered")
    wait_until(lambda: job.settled() == 199, "and settled")
    (tmp_path / "go").write_text("")
    wait_until(lambda: len(job.out()) == 200, "the last")
    wait_until(lambda: job.settled() == 200, "it is settled, too")
    job.stop()


@pytest.mark.parametrize("concurrency", [2, 64])
def test_order_of_a_key_holds_at_any_concurrency(concurrency, tmp_path):
    count, keys = 600, 7
    bodies = [{"n": n, "do": "linger"} for n in range(count)]
    job = Job(tmp_path, bodies, [f"k{n % keys}" for n in range(count)], component=f"concurrency: {concurrency}\n    order: key")
    wait_until(lambda: len(job.out()) == count, "all are delivered", 60)
    numbers = [body["n"] for body in job.out()]
    for key in range(keys):
        of_key = [n for n in numbers if n % keys == key]
        assert of_key == sorted(of_key)
    assert numbers != sorted(numbers), "nothing ran at the same time"
    job.stop()


def test_of_several_at_work_only_the_one_that_kills_its_child_is_charged(tmp_path):
    bodies = [{"n": n, "do": "die" if n == 37 else "linger"} for n in range(100)]
    job = Job(tmp_path, bodies, component="concurrency: 8\n    order: none\n    retry: {max_attempts: 2, initial_delay: 1ms}")
    wait_until(lambda: len(job.out()) == 99 and len(job.store.take("dead")) == 1, "99 out and one dead", 60)
    assert job.volleyd.metric("volley_message_failures_total", reason="crash") == 2
    assert job.volleyd.metric("volley_message_failures_total") == 2
    job.stop()


def test_a_message_that_hangs_costs_only_its_own_attempts(tmp_path):
    bodies = [{"n": n, "do": "hang" if n == 5 else "linger"} for n in range(50)]
    job = Job(tmp_path, bodies, component="concurrency: 8\n    order: none\n    handler_timeout: 500ms\n"
              "    retry: {max_attempts: 2, initial_delay: 1ms}")
    wait_until(lambda: len(job.out()) == 49 and len(job.store.take("dead")) == 1, "49 out and one dead", 60)
    assert job.volleyd.metric("volley_message_failures_total", reason="timeout") == 2
    assert job.volleyd.metric("volley_message_failures_total") == 2
    job.stop()


def test_a_stop_waits_for_what_is_at_work_and_gives_back_the_rest(tmp_path):
    bodies = [{"n": n, "do": "wait"} for n in range(50)]
    job = Job(tmp_path, bodies, component="concurrency: 4\n    order: none")
    job.volleyd.wait_ready()
    wait_until(lambda: len(list(tmp_path.glob("at-work-*"))) == 4, "four are at work")
    job.volleyd.process.terminate()
    wait_until(lambda: job.volleyd.get("/readyz")[0] == 503, "the stop has begun")
    (tmp_path / "go").write_text("")
    assert job.volleyd.process.wait(30) == 0, job.volleyd.log
    left = job.store.connect().execute("SELECT count(*) FROM volley_messages WHERE queue = 'in'").fetchone()[0]
    assert len(job.out()) + left == 50
    assert 4 <= len(job.out()) < 50


EDGES = """
import json, os, sys
print('{"volley":2,"source":true}', flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if m["body"] == "environment":
        body = {name: os.environ.get(name) for name in ("MY_SECRET", "ADDED", "HOME", "VOLLEY_CONCURRENCY")}
        body["folder"] = os.path.basename(os.getcwd())
        print(json.dumps({"id": m["id"], "outputs": [{"body": body}]}), flush=True)
    elif m["body"] == "source":
        print(json.dumps({"id": m["id"], "outputs": [{"body": m["source"]}]}), flush=True)
    elif m["body"] == "partial":
        for n in range(1000):
            print(json.dumps({"id": m["id"], "more": True, "outputs": [{"body": n}]}), flush=True)
        print(json.dumps({"id": m["id"]}), flush=True)
    elif m["body"] == "partial, then fail":
        print(json.dumps({"id": m["id"], "more": True, "outputs": [{"body": "never"}]}), flush=True)
        print(json.dumps({"id": m["id"], "fail": "after all"}), flush=True)
    elif m["body"] == "no key":
        print(json.dumps({"id": m["id"], "outputs": [{"body": "own", "without_key": True, "without_headers": True}]}), flush=True)
"""


def test_what_a_child_of_version_2_may_ask_for(tmp_path):
    job = Job(tmp_path, ["source", "partial", "partial, then fail", "no key"], child=EDGES)
    wait_until(lambda: len(job.out()) == 1002 and len(job.store.take("dead")) == 1, "all are done")
    out = job.out()
    assert out[0]["queue"] == "in" and out[0]["id"], out[0]
    assert out[1:1001] == list(range(1000))
    assert out[1001] == "own"
    rows = job.store.connect().execute("SELECT key FROM volley_messages WHERE queue = 'out' ORDER BY id").fetchall()
    assert rows[0][0] in ("k", b"k") and rows[-1][0] is None
    assert "after all" in str(job.store.connect().execute("SELECT headers FROM volley_messages WHERE queue = 'dead'").fetchone())
    job.stop()


@pytest.mark.parametrize("more, wanted", [
    ("", {"MY_SECRET": "s", "ADDED": None, "HOME": "/home/me", "VOLLEY_CONCURRENCY": "1", "folder": None}),
    (", env: {ADDED: 1.10, HOME: '${HOME}/x'}, working_dir: sub",
     {"MY_SECRET": "s", "ADDED": "1.10", "HOME": "/home/me/x", "VOLLEY_CONCURRENCY": "1", "folder": "sub"}),
    (", clear_env: true, env: {ADDED: a}", {"MY_SECRET": None, "ADDED": "a", "HOME": None, "VOLLEY_CONCURRENCY": "1", "folder": None}),
])
def test_the_environment_of_a_child(more, wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_SECRET", "s")
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "sub").mkdir()
    (tmp_path / "child.py").write_text(EDGES)
    store = Sqlite(tmp_path)
    store.put("in", ['"environment"'], ["k"])
    queues = "".join(f"  {q}: {{type: sqlite, serializer: json, config: {store.config()}}}\n" for q in ("in", "out", "dead"))
    volleyd = Volleyd(tmp_path, f"queues:\n{queues}components: [{{input: in, outputs: [out], dead_letter_queue: dead,\n"
                      f'  handler: {{exec: ["{sys.executable}", "{tmp_path}/child.py"]{more}}}}}]\n')
    wait_until(lambda: store.take("out"), "the answer")
    assert json.loads(store.take("out")[0]) == {**wanted, "folder": wanted["folder"] or tmp_path.name}
    assert volleyd.stop() == 0, volleyd.log


@pytest.mark.parametrize("concurrency", [1, 16])
def test_the_packages_handle_so_many_messages_at_a_time(concurrency, tmp_path):
    child = ("import asyncio, sys\n"
             f"sys.path.insert(0, {str(ROOT / 'plugin_api' / 'python')!r})\n"
             "from volley_handler import run\n"
             "now = most = 0\n"
             "async def handle(message, out):\n"
             "    global now, most\n"
             "    now += 1\n"
             "    most = max(most, now)\n"
             "    await asyncio.sleep(0.02)\n"
             "    now -= 1\n"
             "    out.send('out', {'most': most})\n"
             "run(handle)\n")
    job = Job(tmp_path, [{"n": n} for n in range(200)], component=f"concurrency: {concurrency}\n    order: none", child=child)
    wait_until(lambda: len(job.out()) == 200, "all are delivered", 60)
    assert max(body["most"] for body in job.out()) == concurrency
    job.stop()


def test_a_message_that_ends_every_child_cleanly_is_charged(tmp_path):
    child = CHILD.replace("os._exit(3)", "os._exit(0)")
    bodies = [{"n": n, "do": "die" if n == 20 else "linger"} for n in range(60)]
    job = Job(tmp_path, bodies, component="concurrency: 8\n    order: none\n    retry: {max_attempts: 2, initial_delay: 1ms}",
              child=child)
    wait_until(lambda: len(job.out()) == 59 and len(job.store.take("dead")) == 1, "59 out and one dead", 60)
    assert job.volleyd.metric("volley_message_failures_total") == 2
    job.stop()
