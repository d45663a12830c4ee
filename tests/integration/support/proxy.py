"""A TCP proxy that misbehaves when told to. Kafka's broker advertises it (servers.Kafka.proxy_port); for Redis, connect to its port."""

import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a RST instead of a FIN


class Proxy:
    """Passes bytes between 127.0.0.1:port and 127.0.0.1:target, both ways, until a fault is set. Faults hold for open
    connections and new ones; calm() ends all of them."""

    def __init__(self, target: int, port: int = 0):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.flowing = threading.Event()
        self.flowing.set()
        self.lock = threading.Lock()
        self.open = set()
        self.dropping = False
        self.cut_after = {"up": None, "down": None}
        self.closed = False
        self.passed = {"up": 0, "down": 0}
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self):
        """Connections stay open, and nothing passes."""
        self.flowing.clear()

    def drop_new(self):
        """New connections are closed at once; open ones go on."""
        self.dropping = True

    def cut(self, after: int, direction: str):
        """Each connection ends once so many further bytes went "up" (requests) or "down" (replies)."""
        with self.lock:
            self.cut_after[direction] = after
            for pair in self.open:
                pair.left[direction] = after

    def reset(self):
        """Ends every open connection with a RST."""
        with self.lock:
            pairs = list(self.open)
        for pair in pairs:
            pair.end(reset=True)

    def calm(self):
        self.dropping = False
        with self.lock:
            self.cut_after = {"up": None, "down": None}
            for pair in self.open:
                pair.left = {"up": None, "down": None}
        self.flowing.set()

    def close(self):
        self.closed = True
        self.listener.shutdown(socket.SHUT_RDWR)  # ends the thread that accepts, which else keeps the port
        self.listener.close()
        self.flowing.set()
        self.reset()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.dropping or self.closed:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):  # before others can reset it
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = Pair(self, client, server)
            with self.lock:
                pair.left = dict(self.cut_after)
                self.open.add(pair)
            for direction, source, sink in (("up", client, server), ("down", server, client)):
                threading.Thread(target=pair.carry, args=(direction, source, sink), daemon=True).start()


class Pair:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.left = {"up": None, "down": None}
        self.ended = False

    def carry(self, direction, source, sink):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            self.proxy.flowing.wait()
            left = self.left[direction]
            if left is not None:
                data = data[:left]
                self.left[direction] = left - len(data)
            try:
                sink.sendall(data)
            except OSError:
                data = b""
            self.proxy.passed[direction] += len(data)
            if not data or self.left[direction] == 0:
                return self.end()

    def end(self, reset=False):
        with self.proxy.lock:
            if self.ended:
                return
            self.ended = True
            self.proxy.open.discard(self)
        for end in (self.client, self.server):
            try:
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                # Wakes the thread that reads it; without the writing half, for that would send a FIN before the RST.
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
