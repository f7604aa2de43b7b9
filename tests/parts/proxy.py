"""A TCP proxy that a test can make slow, deaf or broken."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class FaultProxy:
    """Passes bytes on to ``port`` of loopback.

    :ivar delay: seconds by which each answer is held back.
    :ivar deaf: connections are accepted, and nothing passes on them.
    :ivar refusing: new connections are ended at once.
    :ivar forbidden: what ends a connection whose client says it.
    :ivar limit: bytes after which a connection is cut, in either direction.
    """

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.deaf = self.refusing = False
        self.forbidden = b""
        self.limit: float = float("inf")
        self._target = port
        self._sockets: list[socket.socket] = []
        self._connecting = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection there is."""
        with self._connecting:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        self.refusing, self.deaf = True, False
        # shutdown, since close alone does not wake the thread that accepts
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._connecting:  # or who is just being let in would escape a cut
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        server = self._reach()
        if server is None:
            client.close()
            return
        self._sockets += [client, server]
        for source, sink, delayed in ((client, server, False), (server, client, True)):
            threading.Thread(
                target=self._pass_on, args=(source, sink, delayed), daemon=True
            ).start()

    def _reach(self) -> socket.socket | None:
        with suppress(OSError):
            if not self.refusing:
                return socket.create_connection(("127.0.0.1", self._target))
        return None

    def _pass_on(self, source: socket.socket, sink: socket.socket, delayed: bool) -> None:
        passed = 0
        with suppress(OSError):
            while passed < self.limit and (data := source.recv(65536)):
                if self.forbidden and self.forbidden in data and not delayed:
                    break
                passed += len(data)
                if delayed and self.delay:
                    time.sleep(self.delay)
                while self.deaf:
                    time.sleep(0.01)
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
