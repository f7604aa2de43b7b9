"""One socket's outgoing bytes: a direct send, or a bounded queue behind one that would block.

The outbox is the only writer of its socket, so that frames are never spliced, and
pushing never blocks, so that one stalled reader delays nobody else. A queue that
grows over its cap ends the connection with 4100: the client comes back.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from typing import Protocol

from .protocol import Code
from .wire import close_frame

_WRITE = 2  # libev's EV_WRITE
_CHUNKS = 64  # buffers handed to one sendmsg; well under every system's IOV_MAX

_TOO_SLOW = close_frame(Code.OVER_CAPACITY, "this connection reads too slowly")


class Outbox(Protocol):
    """What a connection needs of its outgoing side.

    ``finished_at`` is the monotonic time at which the last bytes were handed over,
    None while the connection lives.
    """

    finished_at: float | None

    def push(self, data: bytes) -> None:
        """Send whole frames, now or when the socket has room."""

    def finish(self, last: bytes = b"") -> None:
        """Send ``last`` after what waits, then close the sending side; later pushes are dropped."""

    def abort(self) -> None:
        """Give the peer up: the reader sees the end of the stream."""


class EventedOutbox:
    """For a socket that left its server and is watched from gevent's loop.

    :param sock: a non-blocking ``_socket.socket``, not gevent's cooperative one.
    :param loop: the gevent loop.
    :param cap: bytes that may wait.
    :param dropped: called once if the cap is exceeded.
    """

    __slots__ = ("_cap", "_dropped", "_queue", "_size", "_sock", "_writer", "finished_at")

    def __init__(self, sock: Any, loop: Any, cap: int, dropped: Callable[[], None]) -> None:
        self._sock = sock
        self._cap = cap
        self._dropped = dropped
        self._queue: list[bytes] = []  # an empty deque would be 700 bytes more, for every socket
        self._size = 0
        self._writer = loop.io(sock.fileno(), _WRITE)
        self.finished_at: float | None = None

    def push(self, data: bytes) -> None:
        if self.finished_at is None:
            self._send(data)

    def _send(self, data: bytes) -> None:
        sent = 0
        if not self._size:  # rather than the queue: one miss of a cold cache less, 0.2 µs
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self.abort()
                return
        if sent < len(data):
            self._enqueue(data[sent:] if sent else data)

    def _enqueue(self, data: bytes) -> None:
        if not self._queue:
            self._writer.start(self._writable)
        self._queue.append(data)
        self._size += len(data)
        if self._size > self._cap and self.finished_at is None:
            self._overflow()

    def _overflow(self) -> None:
        # The first chunk may be half sent and must be completed, or the close frame
        # would land in the middle of another.
        self.finished_at = time.monotonic()
        first = self._queue[0]
        self._queue[:] = first, _TOO_SLOW
        self._size = len(first) + len(_TOO_SLOW)
        self._dropped()

    def _writable(self) -> None:
        try:
            sent = self._sock.sendmsg(self._queue[:_CHUNKS])
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        self._discard(sent)
        if not self._queue:
            self._writer.stop()
            if self.finished_at is not None:
                self._shut(socket.SHUT_WR)

    def _discard(self, sent: int) -> None:
        self._size -= sent
        whole = 0
        while whole < len(self._queue) and sent >= len(self._queue[whole]):
            sent -= len(self._queue[whole])
            whole += 1
        del self._queue[:whole]
        if sent:
            self._queue[0] = self._queue[0][sent:]

    def finish(self, last: bytes = b"") -> None:
        if self.finished_at is not None:
            return
        self.finished_at = time.monotonic()
        if last:
            self._send(last)
        if not self._queue:
            self._shut(socket.SHUT_WR)

    def abort(self) -> None:
        if self.finished_at is None:
            self.finished_at = time.monotonic()
        self._queue.clear()
        self._writer.stop()
        self._shut(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the loop's resources and the descriptor."""
        self._queue.clear()
        self._writer.stop()
        self._writer.close()
        self._sock.close()

    def _shut(self, how: int) -> None:
        with suppress(OSError):
            self._sock.shutdown(how)


class QueuedOutbox:
    """For a writer with a thread or greenlet of its own, which takes from it and may block.

    :param cap: bytes that may wait, what is being written included.
    :param dropped: called once if the cap is exceeded.
    """

    def __init__(self, cap: int, dropped: Callable[[], None]) -> None:
        self._cap = cap
        self._dropped = dropped
        self._queue: deque[bytes] = deque()
        self._size = self._taken = 0
        self._wake = threading.Condition()
        self.finished_at: float | None = None

    def take(self, timeout: float | None = None) -> bytes | None:
        """All that waits, for its writer; empty if nothing has come for ``timeout`` seconds.

        :return: None when everything has been taken, and nothing will follow.
        """
        with self._wake:
            self._size -= self._taken
            self._taken = 0
            if not self._queue and self.finished_at is None:
                self._wake.wait(timeout)
            if not self._queue and self.finished_at is not None:
                return None
            data = b"".join(self._queue)
            self._queue.clear()
            self._taken = len(data)
            return data

    def push(self, data: bytes) -> None:
        with self._wake:
            if self.finished_at is not None:
                return
            self._queue.append(data)
            self._size += len(data)
            overflown = self._size > self._cap
            if overflown:
                self.finished_at = time.monotonic()
                self._queue.clear()
                self._queue.append(_TOO_SLOW)
            self._wake.notify()
        if overflown:
            self._dropped()

    def finish(self, last: bytes = b"") -> None:
        with self._wake:
            if self.finished_at is None:
                self.finished_at = time.monotonic()
                self._queue.append(last)
                self._wake.notify()

    def abort(self) -> None:
        with self._wake:
            if self.finished_at is None:
                self.finished_at = time.monotonic()
            self._queue.clear()
            self._wake.notify()

    @property
    def writing(self) -> bool:
        """Whether the writer has not come back since it took something."""
        return self._taken > 0


class ThreadedOutbox(QueuedOutbox):
    """For sockets that stay with their server (TLS, Werkzeug, threads): a writer of its own.

    :param sock: the server's socket; its ``sendall`` may block this outbox's writer only.
    :param cap: bytes that may wait, what is being written included.
    :param dropped: called once if the cap is exceeded.
    """

    def __init__(self, sock: Any, cap: int, dropped: Callable[[], None]) -> None:
        super().__init__(cap, dropped)
        self._sock = sock
        self._writer = threading.Thread(target=self._write, name="rf-outbox", daemon=True)
        self._writer.start()

    def abort(self) -> None:
        super().abort()
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def join(self, timeout: float) -> None:
        """Wait until the last bytes are out, at most ``timeout`` seconds."""
        self._writer.join(timeout)

    def _write(self) -> None:
        while (data := self.take()) is not None:
            try:
                self._sock.sendall(data)
            except OSError:
                self.abort()
                return
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
