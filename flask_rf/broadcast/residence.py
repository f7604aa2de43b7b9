"""Where a process's sockets are at home: joining and leaving channels, presence, sign-in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any
from typing import Protocol

from ..errors import RedisUnavailable
from . import protocol
from .broker import Broker
from .broker import ChannelFull
from .channel import Channel
from .channel import ONLINE
from .history import Since
from .hub import Hub
from .placement import Placement
from .session import Member
from .session import Rules
from .session import Session
from .session import SignIn
from .webhooks import Webhooks
from .wire import text_frame

logger = logging.getLogger("flask_rf.broadcast")

_NO_LIMIT = 2**31
#: Changes remembered for a back end that takes none; after more, all is stated anew instead.
_MAX_UNTOLD = 10_000


class Resident(Protocol):
    """What a connection looks like from here."""

    socket_id: str
    session: Session

    def push(self, frames: bytes) -> None: ...

    def say(self, message: bytes) -> None: ...


class Residence:
    """Which of the process's connections are on which channels.

    :param connections: the open ones by socket id, kept by the server.
    """

    def __init__(
        self,
        broker: Broker,
        hub: Hub,
        connections: Mapping[str, Resident],
        rules: Rules,
        webhooks: Webhooks,
        placement: Placement,
    ) -> None:
        self._broker = broker
        self._webhooks = webhooks
        self._hub = hub
        self._connections = connections
        self._room = rules.members
        self._placement = placement
        self._deferred: dict[tuple[str, str], Any] = {}
        self._untold: dict[tuple[str, str], str] = {}
        self._unstated = False
        self._counting = threading.Lock()

    def join(
        self, connection: Resident, channel: Channel, member: Member | None, since: Since | None
    ) -> None:
        """Let a connection into a channel it may join, and tell it so.

        :param since: up to where its client had heard the channel.
        """
        self._deferred.pop((connection.socket_id, channel.name), None)
        # Events wait from before the members are read until the client has been told
        # about them, so that none falls between.
        self._hub.wait(channel.name, connection.socket_id)
        self._broker.subscribe(channel.name)
        try:
            start = self._placement.start(connection, channel.name, since)
            members = self._enter(connection, channel.name, member) if member else None
        except ChannelFull:
            self._turn_away(connection, channel.name)
            return
        except RedisUnavailable:
            self._defer(connection, channel, member, since)
            return
        first = text_frame(protocol.subscription_succeeded(channel.name, members, **start.told))
        if channel.cached and not start.told.get("recovered"):  # else it is among what follows
            first += text_frame(self._last_event(channel.name))
        if self._hub.admit(channel.name, connection, first + start.frames, start.place):
            self._count(channel.name)
        if not self._is_at(connection.socket_id, channel.name):
            self._undo(connection, channel.name, member)

    def join_deferred(self) -> None:
        """Let those in who wait for their histories to be read."""
        deferred, self._deferred = self._deferred, {}
        for (socket_id, name), (connection, *request) in deferred.items():
            if socket_id in self._connections and name in connection.session.subscriptions:
                self.join(connection, *request)

    def tell_untold(self) -> None:
        """Tell the back end who came and who left while it took no word of it.

        The link may hold all the time: Redis is slow for a moment, or full.
        """
        if self._unstated:
            self.enter_all_again()
        untold, self._untold = self._untold, {}
        lists: dict[str, Mapping[str, Any]] = {}
        while untold:
            (socket_id, channel), user_id = next(iter(untold.items()))
            try:
                if not self._is_at(socket_id, channel):
                    self._broker.leave(channel, socket_id, user_id)
                elif channel.startswith(ONLINE):
                    self._broker.join(channel, socket_id, Member(user_id), _NO_LIMIT)
                else:
                    member = self._present_here(channel).get(socket_id) or Member(user_id)
                    lists[channel] = self._broker.join(channel, socket_id, member, _NO_LIMIT)
            except RedisUnavailable as error:
                self._keep_untold(untold, error)
                break
            del untold[socket_id, channel]
        for channel, members in lists.items():
            self._hub.push(channel, protocol.subscription_succeeded(channel, members))

    def leave(self, connection: Resident, channel: str) -> None:
        member = connection.session.subscriptions.pop(channel, None)
        self._deferred.pop((connection.socket_id, channel), None)
        self._placement.forget(connection.socket_id, channel)
        self._leave_hub(channel, connection.socket_id)
        self._count(channel)
        if member is not None:
            self._leave_presence(channel, connection.socket_id, member.user_id)

    def _undo(self, connection: Resident, channel: str, member: Member | None) -> None:
        """Have a connection leave that left while it was let in, when nobody knew of it yet."""
        self.leave(connection, channel)
        if member is not None:
            self._leave_presence(channel, connection.socket_id, member.user_id)

    def leave_all(self, connection: Resident) -> None:
        """Undo everything a connection that has ended had done."""
        for channel in list(connection.session.subscriptions):
            self.leave(connection, channel)
        user = connection.session.user
        if user is not None:
            for followed in user.follows:
                self._leave_hub(ONLINE + followed, connection.socket_id)
            self._leave_presence(ONLINE + user.user_id, connection.socket_id, user.user_id)

    def sign_in(self, connection: Resident, user: SignIn) -> None:
        """Note who is behind a connection, tell the followers, and the client of the followed."""
        connection.say(protocol.signin_success(user.data))
        for followed in user.follows:
            self._hub.add(ONLINE + followed, connection)
            self._broker.subscribe(ONLINE + followed)
        try:
            self._enter_online(connection, user)
            online = self._broker.online(user.follows) if user.follows else []
        except RedisUnavailable as error:
            self._keep_untold({(connection.socket_id, ONLINE + user.user_id): user.user_id}, error)
            return
        if online:
            connection.say(protocol.watchlist_events("online", online))

    def enter_all_again(self) -> None:
        """After an outage the back end may know less or more than the truth: state it anew."""
        connections = list(self._connections.values())
        untold, self._untold = self._untold, {}
        self._unstated = False
        try:
            self._broker.introduce()
            for connection in connections:
                if connection.session.user is not None:
                    self._enter_online(connection, connection.session.user)
            channels = {
                name
                for connection in connections
                for name, member in list(connection.session.subscriptions.items())
                if member is not None
            }
            for channel in channels:
                self._enter_again(channel)
            self._placement.settle()
            self._broker.prune(self._is_at)
        except RedisUnavailable as error:
            self._unstated = True
            self._keep_untold(untold, error)

    def is_here(self, channel: str, user_id: str) -> bool:
        """Whether a user has a socket of this process on a presence channel."""
        return any(member.user_id == user_id for member in self._present_here(channel).values())

    def _is_at(self, socket_id: str, channel: str) -> bool:
        """Whether a socket is on a presence channel; signed in, where it is a user's."""
        connection = self._connections.get(socket_id)
        if connection is None:
            return False
        user = connection.session.user
        online = user is not None and channel == ONLINE + user.user_id
        return online or channel in connection.session.subscriptions

    def _enter_again(self, channel: str) -> None:
        members: Mapping[str, Any] = {}
        for socket_id, member in self._present_here(channel).items():
            members = self._broker.join(channel, socket_id, member, _NO_LIMIT)
        self._hub.push(channel, protocol.subscription_succeeded(channel, members))

    def _enter(self, connection: Resident, channel: str, member: Member) -> Mapping[str, Any]:
        try:
            return self._broker.join(channel, connection.socket_id, member, self._room)
        except RedisUnavailable as error:
            self._keep_untold({(connection.socket_id, channel): member.user_id}, error)
            # Those of this process, till the others can be asked for.
            return {m.user_id: m.info for m in self._present_here(channel).values()}

    def _enter_online(self, connection: Resident, user: SignIn) -> None:
        member = Member(user.user_id)
        self._broker.join(ONLINE + user.user_id, connection.socket_id, member, _NO_LIMIT)

    def _present_here(self, channel: str) -> dict[str, Member]:
        present = {}
        for socket_id in self._hub.socket_ids(channel):
            connection = self._connections.get(socket_id)
            member = connection.session.subscriptions.get(channel) if connection else None
            if member is not None:
                present[socket_id] = member
        return present

    def _defer(self, connection: Resident, *request: Any) -> None:
        """Keep a client that recovers waiting: to tell it that it cannot would be a guess."""
        channel = request[0].name
        self._leave_hub(channel, connection.socket_id)
        self._deferred[connection.socket_id, channel] = (connection, *request)

    def _turn_away(self, connection: Resident, channel: str) -> None:
        connection.session.subscriptions.pop(channel, None)  # it may have left meanwhile
        self._leave_hub(channel, connection.socket_id)
        reason = f"the channel has its {self._room} members"
        connection.say(protocol.subscription_error(channel, "LimitReached", reason, 403))

    def _last_event(self, channel: str) -> bytes:
        try:
            last = self._broker.remembered(channel)
            if last is None:
                self._webhooks.cache_miss(channel)
        except RedisUnavailable:
            last = None
        return last or protocol.cache_miss(channel)

    def _leave_hub(self, channel: str, socket_id: str) -> None:
        if self._hub.remove(channel, socket_id):
            self._broker.unsubscribe(channel)
            if self._hub.size(channel):  # somebody has come between the two
                self._broker.subscribe(channel)

    def _leave_presence(self, channel: str, socket_id: str, user_id: str) -> None:
        try:
            self._broker.leave(channel, socket_id, user_id)
        except RedisUnavailable as error:
            self._keep_untold({(socket_id, channel): user_id}, error)

    def _keep_untold(self, untold: Mapping[tuple[str, str], str], error: RedisUnavailable) -> None:
        logger.debug("presence waits for the next chance: %s", error)
        for what, user_id in untold.items():
            self._untold.setdefault(what, user_id)
        if len(self._untold) > _MAX_UNTOLD:
            self._untold, self._unstated = {}, True

    def _count(self, channel: str) -> None:
        with self._counting:  # or of two threads the one that looked first might be heard last
            self._broker.count(channel, self._hub.size(channel))
