"""What spans cost: the same work without tracing, with every message left out by the sampler, with one in a hundred, and with all.

The collector takes everything and reads nothing.
"""

import os
import socketserver
import statistics
import subprocess
import threading
import time

from measure import BIN, PAIRS, Cpu

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        size = 0
        while (line := self.rfile.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while size > 0:
            size -= len(self.rfile.read(min(size, 1 << 20)))
        self.wfile.write(ANSWER)


WAYS = {"off": {}, "none sampled": {"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
        "1 % sampled": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}, "all sampled": {}}


def tracing(folder, count=3_000_000):
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (folder / "volley.yml").write_text(
            f"queues:\n  in: {{type: memory, config: {{generate: {count}, body_bytes: 128}}}}\n"
            "  out: {type: memory, config: {discard: true}}\n"
            "components: [{input: in, outputs: [out], handler: forward, on_fail: requeue}]\noperations: off\n")
        plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}"}

        def run(way):
            environment = plain | ({} if way == "off" else endpoint) | WAYS[way]
            begin = time.perf_counter()
            with Cpu() as cpu:
                subprocess.run([BIN / "volleyd", "--config", folder / "volley.yml", "--exit-when-idle"], check=True,
                               capture_output=True, env=environment)
            return count / (time.perf_counter() - begin), cpu.seconds / count * 1e6

        found = {way: [] for way in WAYS}
        for _ in range(PAIRS):
            for way in WAYS:
                found[way].append(run(way))
        server.shutdown()
    print(f"{'memory, forward, 128 B':24} {'messages/s':>12} {'ratio':>7} {'CPU us':>7} {'ratio':>7}")
    rate_off, cpu_off = (statistics.median(values) for values in zip(*found["off"]))
    for way, measured in found.items():
        rate, cpu = (statistics.median(values) for values in zip(*measured))
        print(f"{'spans: ' + way:24} {rate:12,.0f} {rate / rate_off:6.2f}x {cpu:7.2f} {cpu / cpu_off:6.2f}x", flush=True)
