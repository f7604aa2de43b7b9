"""Sending: ``broadcast.to("chat").send("message", {...})``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any
from typing import Protocol

from flask import has_request_context
from flask import request


class Publish(Protocol):
    def __call__(
        self, channels: tuple[str, ...], event: str, data: Any, skip: str, on_error: str
    ) -> None: ...


@dataclass(frozen=True)
class Audience:
    """The channels an event goes to, and the one socket it may leave out."""

    publish: Publish
    channels: tuple[str, ...]
    skip: str = ""

    def except_(self, socket_id: str | None) -> Audience:
        """Leave out one socket."""
        return dataclasses.replace(self, skip=socket_id or "")

    def to_others(self) -> Audience:
        """Leave out the socket of the page that made this request (its ``X-Socket-ID``)."""
        own = request.headers.get("X-Socket-ID") if has_request_context() else None
        return self.except_(own)

    def send(self, event: str, data: Any = None, *, on_error: str = "raise") -> None:
        """Publish an event to every subscriber of the channels, on whichever server.

        :param event: its name, 1 to 200 characters.
        :param data: anything the app's JSON provider takes.
        :param on_error: ``"raise"``, or ``"drop"`` to lose the event, counted and logged.
        :raises BroadcastError: a name outside the rules, too large, or Redis did not take it.
        """
        self.publish(self.channels, event, data, self.skip, on_error)
