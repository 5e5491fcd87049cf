"""A TCP proxy between the daemon and a server, which can stall, delay, or cut what flows through it."""

import select
import socket
import threading
import time

from processes import free_port


class Proxy:
    """Listens on self.port. Modes, changed at any time from the test's thread:

    pass    bytes flow
    stall   connections are taken and stay open, nothing flows in either direction
    refuse  new connections are closed at once (open ones live on)
    delay   bytes flow, each piece `seconds` late
    """

    def __init__(self, target_port, mode="pass"):
        self.port = free_port()
        self.target_port = target_port
        self.mode = mode
        self.seconds = 0.0
        self.accepted = 0
        self.bytes_limit = None  # after that many bytes from the server the connection is cut, once
        self.flip_marker = None  # the next time these bytes come from the server, one bit of them is turned, once
        self._pairs = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._listener.settimeout(0.05)
        self._threads = [threading.Thread(target=self._accept, name="proxy-accept", daemon=True)]
        self._threads[0].start()

    def pass_on(self):
        self.mode = "pass"

    def stall(self):
        self.mode = "stall"

    def refuse(self):
        self.mode = "refuse"

    def delay(self, seconds):
        self.seconds = seconds
        self.mode = "delay"

    def cut(self):
        """Ends all open connections with a reset; new ones are taken as the mode says."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for s in pair:
                _reset(s)

    def close(self):
        self._closing.set()
        self.cut()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self):
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.accepted += 1
            if self.mode == "refuse":
                _reset(client)
                continue
            thread = threading.Thread(target=self._serve, args=(client,), name="proxy-pump", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client):
        while self.mode == "stall" and not self._closing.is_set():
            time.sleep(0.02)  # the server is not even asked
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            _reset(client)
            return
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        try:
            self._pump(client, server)
        except (OSError, ValueError):
            pass  # cut, or one side has gone
        finally:
            with self._lock:
                self._pairs.discard(pair)
            for s in pair:
                s.close()

    def _pump(self, client, server):
        for s in (client, server):
            s.settimeout(10)
        while not self._closing.is_set():
            if self.mode == "stall":
                if client.fileno() < 0:
                    return
                time.sleep(0.02)
                continue
            ready, _, _ = select.select([client, server], [], [], 0.05)
            for s in ready:
                if self.mode == "stall":
                    break
                data = s.recv(65536)
                if not data:
                    return
                if self.mode == "delay":
                    time.sleep(self.seconds)
                if s is server and self.flip_marker and self.flip_marker in data:
                    at = data.index(self.flip_marker)
                    data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
                    self.flip_marker = None
                if s is server and self.bytes_limit is not None:
                    self.bytes_limit -= len(data)
                    if self.bytes_limit < 0:
                        data = data[: self.bytes_limit]
                        self.bytes_limit = None
                        client.sendall(data)
                        return
                (server if s is client else client).sendall(data)


def _reset(s):
    """Closes with RST instead of FIN."""
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    s.close()
