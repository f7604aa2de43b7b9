"""One open socket, as everything but its transport knows it."""

from __future__ import annotations

import secrets
import time

from .outbox import Outbox
from .session import Session
from .wire import text_frame


def new_socket_id() -> str:
    return f"{secrets.randbelow(10**10)}.{secrets.randbelow(10**10)}"


class Connection:
    """A session, and an outbox that is its only way out.

    :param address: the client's.
    :ivar heard_at: monotonic time of the last bytes from it.
    :ivar pinged: it has been silent, and asked whether it lives.
    """

    __slots__ = ("address", "heard_at", "outbox", "pinged", "session", "socket_id")

    def __init__(self, socket_id: str, session: Session, outbox: Outbox, address: str) -> None:
        self.socket_id = socket_id
        self.session = session
        self.outbox = outbox
        self.address = address
        self.heard_at = time.monotonic()
        self.pinged = False

    def push(self, frames: bytes) -> None:
        self.outbox.push(frames)

    def say(self, message: bytes) -> None:
        self.outbox.push(text_frame(message))
