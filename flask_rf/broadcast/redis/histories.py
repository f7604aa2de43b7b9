"""Histories in Redis: a stream for each channel, written and read by one script each."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import ConnectionError
from redis.exceptions import TimeoutError

from ...redis import raise_first
from ...redis.primary import Command
from ...redis.primary import Primary
from ...redis.script import Script
from ...redis.sender import Commands
from ..envelope import Envelope
from ..envelope import pack_parts
from ..envelope import unpack
from ..history import EPOCH_TTL
from ..history import History
from ..history import Position
from ..history import Recovered
from .keys import Keyspace

_HERE = Path(__file__).parent
_STAND = (_HERE / "stand.lua").read_text(encoding="utf-8")

PUBLISH = Script(_STAND + (_HERE / "publish.lua").read_text(encoding="utf-8"))
RECOVER = Script(_STAND + (_HERE / "recover.lua").read_text(encoding="utf-8"))

_NOWHERE = Position("", 0)
#: A script's keys and arguments.
Call = tuple[list[str], list[Any]]


class RedisHistories:
    """
    :param publish: the command that publishes: ``PUBLISH`` or ``SPUBLISH``.
    """

    def __init__(self, commands: Commands, keys: Keyspace, publish: str) -> None:
        self._commands = commands
        self._keys = keys
        self._publish = publish

    def add(self, events: Sequence[tuple[str, Envelope, History]]) -> None:
        """Keep and publish events, and ask once more about those that may have come to naught.

        :raises redis.exceptions.RedisError: Redis has not said of all that it has them.
        """
        calls = [self._addition(*event) for event in events]
        replies = PUBLISH.run_each(self._execute_each, calls)
        unsure = [call for call, reply in zip(calls, replies, strict=True) if _is_unsure(reply)]
        if unsure:
            again = iter(PUBLISH.run_each(self._execute_each, unsure))
            replies = [next(again) if _is_unsure(reply) else reply for reply in replies]
        raise_first(replies)

    def since(self, wanted: Sequence[tuple[str, Position | None]]) -> list[Recovered]:
        """See :meth:`~..broker.Broker.recover`.

        :raises redis.exceptions.RedisError: one of them cannot be read.
        """
        calls = [
            (self._keys.history(channel), self._standing(position or _NOWHERE, EPOCH_TTL))
            for channel, position in wanted
        ]
        replies = RECOVER.run_each(self._execute_each, calls)
        raise_first(replies)
        return [_recovered(*reply) for reply in replies]

    def _addition(self, channel: str, envelope: Envelope, history: History) -> Call:
        keys = [*self._keys.history(channel), self._keys.once(channel, secrets.token_urlsafe(9))]
        return keys, [
            *self._standing(_NOWHERE, EPOCH_TTL + history.ttl),
            self._publish,
            self._keys.topic(channel),
            *pack_parts(envelope),
            *history,
        ]

    def _standing(self, heard: Position, ttl: int) -> list[Any]:
        return [secrets.token_hex(4), ttl, *heard]

    def _execute_each(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        return self._commands.execute_each([_naming_its_server(command) for command in commands])


def _naming_its_server(command: tuple[Any, ...]) -> Command:
    def make(primary: Primary) -> tuple[Any, ...]:
        return (*command, primary.run_id, int(primary.kept))

    return make


def _is_unsure(reply: Any) -> bool:
    """Whether Redis may, or may not, have done what it was asked: it did not say."""
    return isinstance(reply, (ConnectionError, TimeoutError, OSError))


def _recovered(epoch: bytes, offset: int, events: list[bytes] | None = None) -> Recovered:
    position = Position(epoch.decode(), offset)
    if events is None:
        return Recovered(position)
    return Recovered(position, True, [unpack(event) for event in events])
