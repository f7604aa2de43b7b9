"""A connected socket driven by gevent's hub: whole writes out, parsed replies in."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

_READABLE, _WRITABLE = 1, 2
_READ_SIZE = 65536
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LinkLost(Exception):
    """The connection cannot be used any more; says why."""


class Link:
    """A connection of redis-py's, past its handshake.

    All methods but :meth:`write` run in the hub, and so do the functions it is given.

    :param on_replies: given replies as they come, errors as exceptions.
    :param on_lost: given the reason, and this link, when the connection has ended.
    """

    def __init__(
        self,
        connection: Any,
        hub: Any,
        on_replies: Callable[[Iterable[Any]], None],
        on_lost: Callable[[Exception, Link], None],
    ) -> None:
        from hiredis import Reader

        self._hub = hub
        self._connection = connection
        self._socket = connection._sock
        self._socket.settimeout(0)
        self._reader = Reader(replyError=reply_error, notEnoughData=_MORE)
        self._on_replies = on_replies
        self._on_lost = on_lost
        self._backlog = b""
        self._closed = False
        self._readable = hub.loop.io(self._socket.fileno(), _READABLE)
        self._writable = hub.loop.io(self._socket.fileno(), _WRITABLE)
        self._readable.start(self.read)

    def write(self, data: bytes) -> None:
        """Send ``data``, the rest of it when the socket takes it."""
        if self._backlog:
            self._backlog += data
            return
        self._backlog = data
        self._send()

    def read(self) -> None:
        """Pass on the replies that have come."""
        more = True
        while more and not self._closed:
            try:
                data = self._socket.recv(_READ_SIZE)
            except _WOULD_BLOCK:
                return
            except OSError as error:
                self._on_lost(error, self)
                return
            if not data:
                self._on_lost(LinkLost("the server closed the connection"), self)
                return
            more = len(data) == _READ_SIZE or isinstance(self._socket, ssl.SSLSocket)
            self._parse(data)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            for watcher in (self._readable, self._writable):
                with suppress(ValueError):  # its loop is destroyed
                    watcher.stop()
                    watcher.close()
            self._connection.disconnect()

    def _parse(self, data: bytes) -> None:
        from hiredis import HiredisError

        self._reader.feed(data)
        try:
            self._on_replies(iter(self._reader.gets, _MORE))
        except HiredisError as error:
            self._on_lost(error, self)

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._backlog)
        except _WOULD_BLOCK:
            sent = 0
        except OSError as error:
            self._hub.loop.run_callback(self._on_lost, error, self)
            return
        self._backlog = self._backlog[sent:]
        if self._backlog:
            if not self._writable.active:
                self._writable.start(self._send)
        else:
            self._writable.stop()


_MORE = object()


def reply_error(text: str) -> Exception:
    """redis-py's exception for an error reply."""
    from redis import exceptions

    known = {
        "NOSCRIPT": exceptions.NoScriptError,
        "READONLY": exceptions.ReadOnlyError,
        "NOAUTH": exceptions.AuthenticationError,
        "LOADING": exceptions.BusyLoadingError,
        "OOM": exceptions.OutOfMemoryError,
    }
    return known.get(text.partition(" ")[0], exceptions.ResponseError)(text)
