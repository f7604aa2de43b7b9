"""What carries events between processes, and knows who is present.

Everything published goes through the broker and comes back by ``deliver``, so that
the order of events is the same for everybody, whichever worker sent them.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import Protocol

from .envelope import Envelope
from .history import History
from .history import Position
from .history import Recovered
from .session import Member


class Ear(Protocol):
    """What a process does with what it hears."""

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        """Take what arrived in one go, in order, as pairs of channel and event."""

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        """Something may have been published on these channels and not been heard.

        Told before anything that arrives afterwards, by the thread that delivers it.

        :param concerns: whether it is so of a channel.
        :raises RedisUnavailable: it cannot be found out now; the link counts as down then.
        """

    def link_changed(self, up: bool) -> None:
        """Other processes are heard again, or not heard any more."""

    def state_anew(self) -> None:
        """The back end does not know any more what it was told."""


#: Given a channel and the id of a user on it, or "".
About = Callable[[str, str], None]


def _nobody(channel: str, user_id: str) -> None:
    pass


class Told(NamedTuple):
    """Who is told of the changes that this process makes.

    :param joined: of a user's first socket on a presence channel.
    :param left: of a user's last socket on it.
    :param arrived: for webhooks: of a channel with its first subscriber (user id ""), or of a
        user's first socket, but not of those who come back soon; None where there are none.
    """

    joined: About = _nobody
    left: About = _nobody
    arrived: About | None = None


NOBODY = Told()


#: Seconds within which who has left may come back unnoticed by webhooks.
GONE_AFTER = 2.5

#: Seconds a cache channel keeps its last event.
CACHE_TTL = 1800


class Size(NamedTuple):
    """How many sockets are subscribed to a channel, and how many users are on it."""

    subscriptions: int
    users: int


class ChannelFull(Exception):
    """A presence channel has no room for another user."""


class Broker(Protocol):
    """A back end. Methods may block on the network; none is called from a hub callback.

    Whatever has to know of other processes raises RedisUnavailable while it cannot.
    """

    @property
    def up(self) -> bool:
        """Whether the other processes are heard."""

    def start(self, ear: Ear) -> None:
        """Begin to listen. Called once in each process, after fork, before any socket."""

    def stop(self) -> None:
        """Stop listening and close connections."""

    def answers(self) -> bool:
        """Whether the back end itself can be reached, heard or not."""

    def publish(self, events: Sequence[tuple[str, Envelope]]) -> None:
        """:raises RedisUnavailable: nothing or only a part was sent."""

    def keep(self, events: Sequence[tuple[str, Envelope, History]]) -> None:
        """Publish events with a place in their channels' histories, which keep them.

        An event is kept once, however often Redis has to be asked to.

        :raises RedisUnavailable: it is not certain that all were kept.
        """

    def recover(self, wanted: Sequence[tuple[str, Position | None]]) -> Sequence[Recovered]:
        """Where the histories of channels stand, and what came since a position in each."""

    def remember(self, channel: str, payload: bytes) -> None:
        """Keep a cache channel's last event for :data:`CACHE_TTL`."""

    def remembered(self, channel: str) -> bytes | None:
        """A cache channel's last event, if there is one."""

    def remembered_for(self, channel: str) -> int:
        """For how many seconds more that event is kept."""

    def subscribe(self, channel: str) -> None:
        """Have the channel's events delivered; returns when that is certain or hopeless."""

    def unsubscribe(self, channel: str) -> None:
        """The channel has no listener in this process any more."""

    def count(self, channel: str, subscribers: int) -> None:
        """Note how many of this process's sockets are subscribed to a channel."""

    def occupied(self, prefix: str = "") -> Mapping[str, int]:
        """The channels that have subscribers anywhere, and how many."""

    def sizes(self, channels: Sequence[str]) -> list[Size]:
        """How many are on each channel; users only on presence channels."""

    def join(self, channel: str, socket_id: str, member: Member, room: int) -> Mapping[str, Any]:
        """Enter a presence channel; announces a user's first socket to the others.

        Returns the infos of all present by user id, the joiner's included.

        :param room: how many users there may be.
        :raises ChannelFull: there are that many already.
        """

    def leave(self, channel: str, socket_id: str, user_id: str) -> None:
        """Leave a presence channel; announces it after a user's last socket."""

    def introduce(self) -> None:
        """Have other processes know of this one, before it states anew who is here.

        They could not notice its end else, and its members would be present for ever.
        """

    def prune(self, is_here: Callable[[str, str], bool]) -> None:
        """Take off what is known of sockets of this process that are not there any more.

        :param is_here: whether a socket is on a presence channel.
        """

    def departed(self) -> Collection[tuple[str, str]]:
        """Channels (user id "") and users on them that have been gone for :data:`GONE_AFTER`.

        Each is given once over all processes; only where the broker tells who has arrived.
        """

    def users(self, channel: str) -> Collection[str]:
        """The ids of the users on a presence channel."""

    def online(self, user_ids: Sequence[str]) -> list[str]:
        """Which of these users are signed in on some socket."""
