"""One connection for all greenlets of an event loop.

Commands asked for during one turn of the loop are written together, in batches if there
are many; replies come back in order, so the n-th belongs to the n-th command. A command
that waits too long, or anything else that leaves the order in doubt, ends the connection,
and the next command dials anew.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .client import own_connection
from .client import RedisServer
from .link import Link
from .link import LinkLost
from .primary import ask
from .primary import Primary
from .primary import UNKNOWN

#: Ticks of the timer that a command may wait.
_TICKS = 5

#: Commands that do not wait for the end of the turn, so that the server works while the loop goes
#: on: with 64 greenlets 12 µs a check instead of 20.
_BATCH = 16


#: Seconds after which dialling begins anew, whatever it waits for: a name, one Sentinel after the
#: other, a server that answers byte by byte and so is never silent.
_DIAL = 10.0


class _Waiter:
    """A greenlet waiting for a reply; ``greenlet`` is None once it waits no more.

    :param command: packed, or what packs it for the server it goes to.
    """

    __slots__ = ("command", "deadline", "greenlet")

    def __init__(
        self, greenlet: Any, command: bytes | Callable[[Primary], bytes], deadline: int
    ) -> None:
        self.greenlet = greenlet
        self.command = command
        self.deadline = deadline


class _Gathering:
    """Stands for a greenlet that waits for several replies, which come in order."""

    def __init__(self, greenlet: Any, count: int) -> None:
        self._greenlet = greenlet
        self._count = count
        self._replies: list[Any] = []

    def switch(self, reply: Any) -> None:
        self._replies.append(reply)
        if len(self._replies) == self._count:
            self._greenlet.switch(self._replies)


class Lane:
    """The shared connection of one gevent hub in one process.

    Its public methods run in greenlets, the others in the hub, where nothing may wait. Time is
    counted in ticks of a timer: however long something holds the loop up, it costs one tick,
    for it is not the server's doing.

    :param server: whom to dial.
    :param timeout: seconds a command may wait for its reply.
    """

    def __init__(self, server: RedisServer, timeout: float, hub: Any) -> None:
        from gevent import getcurrent
        from hiredis import pack_command

        self.pid = os.getpid()
        self._server = server
        self._timeout = timeout
        self._hub = hub
        self._getcurrent = getcurrent
        self._pack: Callable[[tuple[Any, ...]], bytes] = pack_command
        self._link: Link | None = None
        self._primary = UNKNOWN
        self._dialling = False
        self._flushing = False
        self._unsent: deque[_Waiter] = deque()
        self._sent: deque[_Waiter] = deque()
        self._tick = 0
        self._timer = hub.loop.timer(timeout / _TICKS, timeout / _TICKS)

    def execute(self, command: tuple[Any, ...]) -> Any:
        """Send ``command`` and wait, in this greenlet, for its reply.

        :raises redis.exceptions.RedisError: there was none in time, or it is an error.
        """
        waiter = _Waiter(self._getcurrent(), self._pack(command), self._tick + _TICKS)
        self._ask([waiter])
        try:
            reply = self._hub.switch()
        finally:
            waiter.greenlet = None
        if isinstance(reply, Exception):
            self._doubt(reply)
            raise reply
        return reply

    def execute_each(self, commands: Sequence[Any]) -> list[Any]:
        """Send ``commands`` and wait, in this greenlet, for all their replies.

        :param commands: a function among them makes its command for the server it goes to.
        :return: replies, and an exception in the place of one that failed.
        """
        if not commands:
            return []
        greenlet, deadline = _Gathering(self._getcurrent(), len(commands)), self._tick + _TICKS
        waiters = [_Waiter(greenlet, self._packing(one), deadline) for one in commands]
        self._ask(waiters)
        try:
            replies: list[Any] = self._hub.switch()
        finally:
            for waiter in waiters:
                waiter.greenlet = None
        for reply in replies:
            self._doubt(reply)
        return replies

    def close(self) -> None:
        """End the connection, from whatever thread; who waits is told."""
        self._hub.loop.run_callback_threadsafe(self._lose, LinkLost("closed"))

    def abandon(self) -> None:
        """Let go of the connection of a hub that has ended, or that the process this one was
        forked from goes on using."""
        with suppress(ValueError):  # a loop that is destroyed takes nothing
            self._timer.stop()
        if self._link is not None:
            self._link.close()

    def _packing(self, command: Any) -> bytes | Callable[[Primary], bytes]:
        if callable(command):
            return lambda primary: self._pack(command(primary))
        return self._pack(command)

    def _ask(self, waiters: Sequence[_Waiter]) -> None:
        self._unsent.extend(waiters)
        if len(self._unsent) >= _BATCH and self._link is not None and self._timer.active:
            self._write(self._link)  # in use lately, so there is no need to look whether it lives
        else:
            self._schedule()

    def _schedule(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._hub.loop.run_callback(self._flush)

    def _flush(self) -> None:
        """Write what was asked for since the last turn."""
        self._flushing = False
        if not self._timer.active:
            self._timer.start(self._on_tick)
        if self._link is not None and not self._sent:
            self._link.read()  # an idle connection may have been closed by the server
        if self._link is None:
            self._dial()
        elif self._unsent:
            self._write(self._link)

    def _write(self, link: Link) -> None:
        commands = [
            command if isinstance(command, bytes) else command(self._primary)
            for command in (waiter.command for waiter in self._unsent)
        ]
        self._sent.extend(self._unsent)
        self._unsent.clear()
        link.write(b"".join(commands))

    def _receive(self, replies: Iterable[Any]) -> None:
        link = self._link
        for reply in replies:
            if not self._sent:
                self._lose(LinkLost("a reply nobody asked for"))
                return
            self._deliver(self._sent.popleft(), reply)
            if self._link is not link:
                return

    def _deliver(self, waiter: _Waiter, reply: Any) -> None:
        if waiter.greenlet is not None:
            try:
                waiter.greenlet.switch(reply)
            except BaseException:
                self._hub.handle_error(waiter, *sys.exc_info())

    def _on_tick(self) -> None:
        self._tick += 1
        if self._link is not None:
            self._link.read()  # a reply may lie behind whatever held the loop up
        if self._sent and self._sent[0].deadline <= self._tick:
            self._lose(LinkLost(f"no reply within {self._timeout * 1000:.0f} ms"))
        while self._unsent and self._unsent[0].deadline <= self._tick:
            self._deliver(self._unsent.popleft(), _error(LinkLost("no connection in time")))
        if not self._sent and not self._unsent:
            self._timer.stop()

    def _lose(self, reason: Exception, which: Link | None = None) -> None:
        """End the connection: nobody knows any more which reply is whose.

        :param which: do so only if it is still this one.
        """
        if which is not None and which is not self._link:
            return
        link, self._link = self._link, None
        if link is not None:
            link.close()
        sent, self._sent = self._sent, deque()
        for waiter in sent:
            self._deliver(waiter, _error(reason))
        if self._unsent:
            self._schedule()

    def _doubt(self, error: Exception) -> None:
        """Dial anew after an error that says this is no primary any more."""
        from redis.exceptions import ReadOnlyError

        if isinstance(error, ReadOnlyError):
            self._hub.loop.run_callback(self._lose, error, self._link)

    def _dial(self) -> None:
        from gevent import spawn

        if not self._dialling:
            self._dialling = True
            spawn(self._connect)

    def _connect(self) -> None:
        from gevent import Timeout

        connection: Any = None
        try:
            connection = own_connection(self._server.client)
            with Timeout(_DIAL):
                connection.connect()
                primary = ask(connection)
        except BaseException as error:  # whatever it is, those who wait must hear of it
            if connection is not None:
                connection.disconnect()
            self._hub.loop.run_callback(self._not_connected, error)
        else:
            self._hub.loop.run_callback(self._connected, connection, primary)

    def _connected(self, connection: Any, primary: Primary) -> None:
        self._dialling = False
        self._primary = primary
        self._link = Link(connection, self._hub, self._receive, self._lose)
        self._flush()

    def _not_connected(self, error: BaseException) -> None:
        self._dialling = False
        unsent, self._unsent = self._unsent, deque()
        for waiter in unsent:
            self._deliver(waiter, _error(error))


def _error(reason: BaseException) -> Exception:
    """A new exception for each greenlet: a traceback belongs to one."""
    from redis.exceptions import ConnectionError

    return ConnectionError(str(reason))
