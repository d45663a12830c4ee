"""Brokers by name and by address of either family."""

import socket
import threading

import pytest
from support.kafka_jobs import job, properties, put
from support.ledger import Ledger
from support.stores import Kafka, wait_for_all
from support.volleyd import Volleyd


def forward(listener, port):
    """Passes every connection on to 127.0.0.1:port until the listener is closed."""

    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept():
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_broker_is_found_by_any_address(kafka_server, tmp_path, host):
    store = Kafka(kafka_server, partitions=1)
    port, listener = kafka_server.port, None
    if host == "[::1]":
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        port = listener.getsockname()[1]
        forward(listener, kafka_server.port)
    ledger = Ledger(20)
    put(store, ledger)
    volleyd = Volleyd(tmp_path, job(store, properties(f"{host}:{port}"))).wait_ready()
    assert wait_for_all(store, ledger)["lost"] == []
    assert volleyd.stop() == 0, volleyd.log
    if listener is not None:
        listener.close()
