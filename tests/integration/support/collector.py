"""A collector of OpenTelemetry traces: takes OTLP/HTTP in JSON, and reads it by the definition of the protocol."""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def bytes_of(hexadecimal):
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def parse(body: bytes) -> ExportTraceServiceRequest:
    """OTLP writes ids in hexadecimal, where the JSON of Protocol Buffers has base64. Unknown fields are an error."""
    tree = json.loads(body)
    for resource in tree["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = bytes_of(span[name])
    return json_format.ParseDict(tree, ExportTraceServiceRequest())


class Span:
    def __init__(self, proto):
        self.name = proto.name
        self.kind = proto.kind
        self.trace = proto.trace_id.hex()
        self.id = proto.span_id.hex()
        self.parent = proto.parent_span_id.hex()
        self.begin, self.end = proto.start_time_unix_nano, proto.end_time_unix_nano
        self.status = proto.status
        self.attributes = {a.key: value_of(a.value) for a in proto.attributes}

    @property
    def context(self):
        return f"00-{self.trace}-{self.id}-01"

    def __repr__(self):
        return f"{self.name} {self.attributes}"


def value_of(value):
    kind = value.WhichOneof("value")
    return [value_of(v) for v in value.array_value.values] if kind == "array_value" else getattr(value, kind)


class Collector:
    """answer(number) says what to do with the request of that number: a status, or (status, body)."""

    def __init__(self, answer=lambda number: 200, certificate=None):
        collector = self
        self.requests, self.headers, self.paths, self.answers = [], [], [], []
        self.lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.lock:
                    number = len(collector.answers)
                    collector.answers.append(None)
                status = answer(number)
                status, text = status if isinstance(status, tuple) else (status, b"{}")
                with collector.lock:
                    collector.answers[number] = status
                    collector.paths.append(self.path)
                    collector.headers.append(self.headers)
                    if status == 200:
                        collector.requests.append(parse(body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}"

    def resources(self):
        with self.lock:
            return [{a.key: value_of(a.value) for a in r.resource.attributes}
                    for request in self.requests for r in request.resource_spans]

    def spans(self):
        with self.lock:
            return [Span(span) for request in self.requests for resource in request.resource_spans
                    for scope in resource.scope_spans for span in scope.spans]

    def named(self, name):
        return [span for span in self.spans() if span.name == name]
