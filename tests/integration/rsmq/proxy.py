"""A TCP proxy on a loopback port that a test can make a bad network of: frozen, cutting replies, or leading elsewhere."""

import random
import select
import socket
import struct
import threading

GONE = select.POLLHUP | select.POLLERR | select.POLLRDHUP


class Proxy:
    """Passes bytes to `target`, a port of this host. Use as a context. Methods: any thread."""

    def __init__(self, target: int):
        self.target = target
        self.cut = 0  # replies that were lost
        self._frozen = False
        self._hold = None
        self._chance = None
        self._share = 0.0
        self._pairs = {}  # client socket to server socket
        self._lock = threading.RLock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join()
        self.reset()
        self._listener.close()

    def freeze(self):
        """Connections stand, and are taken, but nothing passes. What a client sent that gives up meanwhile is lost."""
        self._frozen = True

    def thaw(self):
        with self._lock:
            for client in list(self._pairs):
                poll = select.poll()
                poll.register(client, GONE)
                if poll.poll(0):
                    self._close(client)
            self._frozen = False

    def hold(self, request, passes: bool):
        """Freezes at the next request for which `request(bytes)` is true: with `passes` it arrives, and its reply does not."""
        with self._lock:
            self._hold = (request, passes)

    def held(self) -> bool:
        return self._frozen

    def reset(self):
        """Every connection ends with a reset."""
        with self._lock:
            for client in list(self._pairs):
                self._close(client)

    def switch(self, target: int):
        with self._lock:
            self.target = target
            self.reset()

    def cut_replies(self, share: float, seed: int):
        """From now on so many of the replies break off somewhere, the request done, and the connection ends; 0: none."""
        with self._lock:
            self._share = share
            self._chance = random.Random(seed)

    def _close(self, client):
        for end in (client, self._pairs.pop(client)):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    def _serve(self):
        while not self._stopping:
            with self._lock:
                poll = select.poll()
                poll.register(self._listener, select.POLLIN)
                ends = {}
                for client, server in [] if self._frozen else self._pairs.items():
                    for end in (client, server):
                        poll.register(end, select.POLLIN)
                        ends[end.fileno()] = (client, end)
            for number, _ in poll.poll(5):
                with self._lock:
                    if number == self._listener.fileno():
                        self._accept()
                    elif not self._frozen and ends[number][0] in self._pairs:
                        self._pass(*ends[number])

    def _accept(self):
        client, _ = self._listener.accept()
        server = socket.socket()
        self._pairs[client] = server
        if server.connect_ex(("127.0.0.1", self.target)) != 0:
            self._close(client)

    def _pass(self, client, source):
        try:
            data = source.recv(1 << 20)
            if source is client and self._hold and self._hold[0](data):
                self._frozen = True
                if not self._hold[1]:
                    return
            if source is not client and data and self._share and self._chance.random() < self._share:
                self.cut += 1
                client.sendall(data[:self._chance.randrange(len(data))])
                data = b""
            if data:
                return (self._pairs[client] if source is client else client).sendall(data)
        except OSError:
            pass
        self._close(client)
