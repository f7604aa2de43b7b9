"""Sending: ``broadcast.to("chat").send("message", {...})``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Protocol
from typing import TypeVar

from flask import has_request_context
from flask import request

S = TypeVar("S", bound="Sender")


class Publish(Protocol):
    def __call__(
        self, channels: tuple[str, ...], event: str, data: Any, skip: str, on_error: str
    ) -> None: ...


@dataclass(frozen=True)
class Sender:
    """A way to send, and the one socket it may leave out."""

    publish: Publish
    skip: str = field(default="", kw_only=True)

    def except_(self: S, socket_id: str | None) -> S:
        """Leave out one socket."""
        return dataclasses.replace(self, skip=socket_id or "")

    def to_others(self: S) -> S:
        """Leave out the socket of the page that made this request (its ``X-Socket-ID``)."""
        own = request.headers.get("X-Socket-ID") if has_request_context() else None
        return self.except_(own)


@dataclass(frozen=True)
class Audience(Sender):
    """The channels an event goes to."""

    channels: tuple[str, ...]

    def send(self, event: str, data: Any = None, *, on_error: str = "raise") -> None:
        """Publish an event to every subscriber of the channels, on whichever server.

        :param event: its name, 1 to 200 characters.
        :param data: anything the app's JSON provider takes.
        :param on_error: ``"raise"``, or ``"drop"`` to lose the event, which is counted,
            signalled, and logged once per outage.
        :raises BroadcastError: a name outside the rules, data that is no JSON or too large,
            or Redis did not take it.
        """
        self.publish(self.channels, event, data, self.skip, on_error)
