"""Tells whoever listens how long Redis takes to answer."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from flask import Flask

from ..signals import redis_asked
from ..signals import tell
from .primary import Command
from .sender import Commands


class Announced:
    """A way to a Redis; see :class:`~.sender.Commands`.

    :param commands: goes it.
    :param app: the sender of the signal.
    :param feature: on whose behalf.
    """

    def __init__(self, commands: Commands, app: Flask, feature: str) -> None:
        self._commands = commands
        self._app = app
        self._feature = feature
        self.prepare = commands.prepare
        self.scan = commands.scan
        self.close = commands.close

    @property
    def address(self) -> str:
        return self._commands.address

    def execute(self, *command: Any) -> Any:
        if not redis_asked.receivers:
            return self._commands.execute(*command)
        started = perf_counter()
        try:
            return self._commands.execute(*command)
        finally:
            self._tell(started)

    def execute_each(self, commands: Sequence[Command]) -> list[Any]:
        if not redis_asked.receivers:
            return self._commands.execute_each(commands)
        started = perf_counter()
        try:
            return self._commands.execute_each(commands)
        finally:
            self._tell(started)

    def _tell(self, started: float) -> None:
        seconds = perf_counter() - started
        tell(redis_asked, self._app, feature=self._feature, seconds=seconds)
