"""What carries events between processes, and knows who is present.

Everything published goes through the broker and comes back by ``deliver``, so that
the order of events is the same for everybody, whichever worker sent them.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from .envelope import Envelope
from .session import Member

#: Takes what arrived in one go, in order, as pairs of channel and event.
Deliver = Callable[[Sequence[tuple[str, Envelope]]], None]

#: Told True when other processes are heard again, False when they are not.
LinkChanged = Callable[[bool], None]


class Broker(Protocol):
    """A back end. Methods may block on the network; none is called from a hub callback."""

    @property
    def up(self) -> bool:
        """Whether the other processes are heard."""

    def start(self, deliver: Deliver, link_changed: LinkChanged) -> None:
        """Begin to listen. Called once in each process, after fork, before any socket."""

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        """:raises RedisUnavailable: nothing or only a part was sent."""

    def subscribe(self, channel: str) -> None:
        """Have the channel's events delivered; returns when that is certain or hopeless."""

    def unsubscribe(self, channel: str) -> None:
        """The channel has no listener in this process any more."""

    def join(self, channel: str, socket_id: str, member: Member) -> Mapping[str, Any]:
        """Enter a presence channel; announces a user's first socket to the others.

        Returns the infos of all present by user id, the joiner's included.

        :raises RedisUnavailable: presence is not known at the moment.
        """

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        """Leave a presence channel; announces it after a user's last socket.

        :raises RedisUnavailable: presence is not known at the moment.
        """

    def answers(self) -> bool:
        """Whether the back end itself can be reached, heard or not."""

    def stop(self) -> None:
        """Stop listening and close connections."""
