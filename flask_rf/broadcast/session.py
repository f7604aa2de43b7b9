"""One connection's conversation: a client's words in, actions for the server out.

A session is made when the socket is open. ``receive`` returns what is to be done, in
order; whoever holds the socket does it. Subscribing has two steps, since joining may
wait for Redis: ``Subscribe`` asks for it, and the server answers the client itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import protocol
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel
from .history import read_since
from .history import Since
from .protocol import BadMessage
from .protocol import ClientMessage
from .protocol import Code
from .signature import Signer


@dataclass(frozen=True)
class Member:
    """Who is behind a socket on a presence channel; ``info`` is any JSON value."""

    user_id: str
    info: Any = None


@dataclass(frozen=True)
class Send:
    message: bytes


@dataclass(frozen=True)
class Subscribe:
    """
    :param since: up to where the client had heard the channel; None if it does not say.
    """

    channel: Channel
    member: Member | None
    since: Since | None = None


@dataclass(frozen=True)
class Unsubscribe:
    channel: Channel


@dataclass(frozen=True)
class Whisper:
    """A client event: passed on to the channel's other sockets as it came."""

    channel: Channel
    event: str
    message: bytes


@dataclass(frozen=True)
class SignIn:
    """The app vouches for who is behind this socket.

    :param follows: ids of the users whose coming and going the client wants to hear of.
    """

    user_id: str
    follows: tuple[str, ...]
    data: str


@dataclass(frozen=True)
class Close:
    code: Code
    reason: str


Action = Send | Subscribe | Unsubscribe | Whisper | SignIn | Close


@dataclass(frozen=True)
class Rules:
    """What a client may do.

    :param subscriptions: channels per connection.
    :param messages_per_second: client events per connection and second.
    :param member_bytes: size of a presence member's info, as JSON.
    :param members: users on one presence channel.
    :param watchlist: users that one user may follow.
    """

    subscriptions: int = 100
    messages_per_second: int = 20
    member_bytes: int = 1024
    members: int = 100
    watchlist: int = 100


class Session:
    """The state of one connection.

    :param socket_id: the id the client was told.
    :param signer: verifies its leave to join guarded channels.
    """

    __slots__ = ("_rules", "_signer", "_spent", "_window", "socket_id", "subscriptions", "user")

    def __init__(self, socket_id: str, signer: Signer, rules: Rules) -> None:
        self.socket_id = socket_id
        self.subscriptions: dict[str, Member | None] = {}
        self.user: SignIn | None = None
        self._signer = signer
        self._rules = rules
        self._window = 0
        self._spent = 0

    def receive(self, text: str, now: float) -> list[Action]:
        """Answer one message of the client.

        :param now: seconds of a clock that never goes back.
        """
        try:
            message = protocol.parse_message(text)
        except BadMessage as error:
            return [Send(protocol.error(None, str(error)))]
        if message.event == "pusher:ping":
            return [Send(protocol.pong())]
        if message.event == "pusher:subscribe":
            return self._subscribe(message)
        if message.event == "pusher:unsubscribe":
            return self._unsubscribe(message)
        if message.event == "pusher:signin":
            return [self._sign_in(message)]
        if message.event.startswith("client-"):
            return self._whisper(message, now)
        return []  # pusher:pong and whatever a newer client may say

    def _subscribe(self, message: ClientMessage) -> list[Action]:
        fields = message.fields()
        name = fields.get("channel")
        if not isinstance(name, str):
            return [Send(protocol.error(None, "'channel' is missing from pusher:subscribe"))]
        try:
            channel = parse_channel(name)
        except InvalidChannel as error:
            return [_refuse(name[:200], "InvalidChannel", str(error), 400)]
        if channel.name in self.subscriptions:
            return []
        if len(self.subscriptions) >= self._rules.subscriptions:
            reason = f"a connection may hold {self._rules.subscriptions} subscriptions"
            return [_refuse(name, "LimitReached", reason, 403)]
        return [self._admit(channel, fields)]

    def _admit(self, channel: Channel, fields: Mapping[str, Any]) -> Action:
        auth, data = fields.get("auth"), fields.get("channel_data")
        if channel.name.startswith("#") and not (self.user and self.user.user_id == channel.base):
            return _refuse(channel.name, "AuthError", "sign in as this user first", 401)
        member = None
        if channel.guarded:
            data = data if isinstance(data, str) else None
            if not isinstance(auth, str) or not self._signer.accepts_channel(
                auth, self.socket_id, channel.name, data
            ):
                return _refuse(channel.name, "AuthError", "the signature does not fit", 401)
            if channel.presence:
                try:
                    member = self._member(data)
                except BadMessage as error:
                    return _refuse(channel.name, "AuthError", str(error), 400)
        self.subscriptions[channel.name] = member
        return Subscribe(channel, member, read_since(fields.get("recover")))

    def _member(self, data: str | None) -> Member:
        try:
            fields = json.loads(data or "")
            user_id = fields["user_id"]
        except (ValueError, TypeError, KeyError):
            raise BadMessage("'channel_data' is no JSON object with a 'user_id'") from None
        if not isinstance(user_id, (str, int)) or not 0 < len(str(user_id)) <= 128:
            raise BadMessage("'user_id' is not a text of 1 to 128 characters")
        info = fields.get("user_info")
        if len(protocol.compact(info)) > self._rules.member_bytes:
            raise BadMessage(f"'user_info' is larger than {self._rules.member_bytes} bytes")
        return Member(str(user_id), info)

    def _sign_in(self, message: ClientMessage) -> Action:
        fields = message.fields()
        auth, data = fields.get("auth"), fields.get("user_data")
        if not (isinstance(auth, str) and isinstance(data, str)) or not self._signer.accepts_user(
            auth, self.socket_id, data
        ):
            return Close(Code.UNAUTHORISED, "the signature of the sign-in does not fit")
        try:
            user = self._user(data)
        except InvalidChannel as error:
            return Close(Code.UNAUTHORISED, f"users with this id have no channel: {error}")
        except (ValueError, TypeError, KeyError, AttributeError):
            return Close(Code.UNAUTHORISED, "'user_data' is no JSON object with a text 'id'")
        if self.user is not None:
            same = self.user.user_id == user.user_id
            reason = "this connection is another user's already"
            return Send(protocol.signin_success(data)) if same else Close(Code.UNAUTHORISED, reason)
        self.user = user
        return user

    def _user(self, data: str) -> SignIn:
        fields = json.loads(data)
        user_id, follows = fields["id"], fields.get("watchlist") or []
        if not isinstance(user_id, str) or not 0 < len(user_id) <= 128:
            raise ValueError
        parse_channel(f"#server-to-user-{user_id}")
        ids = tuple(dict.fromkeys(str(followed) for followed in follows))
        return SignIn(user_id, ids[: self._rules.watchlist], data)

    def _unsubscribe(self, message: ClientMessage) -> list[Action]:
        name = message.fields().get("channel")
        if isinstance(name, str) and name in self.subscriptions:
            return [Unsubscribe(parse_channel(name))]
        return []

    def _whisper(self, message: ClientMessage, now: float) -> list[Action]:
        reason = self._whisper_fault(message, now)
        if reason:
            return [Send(protocol.error(Code.CLIENT_EVENT_REFUSED, reason))]
        channel = parse_channel(message.channel or "")
        data = message.data if isinstance(message.data, str) else protocol.compact(message.data)
        member = self.subscriptions[channel.name]
        extra = {"user_id": member.user_id} if member else {}
        return [
            Whisper(
                channel,
                message.event,
                protocol.encode(message.event, data, channel.name, **extra),
            )
        ]

    def _whisper_fault(self, message: ClientMessage, now: float) -> str | None:
        if message.channel not in self.subscriptions:
            return "client events go to channels this connection is subscribed to"
        channel = parse_channel(message.channel)
        if not channel.guarded or channel.encrypted:
            return "client events are for private and presence channels"
        if int(now) != self._window:
            self._window, self._spent = int(now), 0
        self._spent += 1
        if self._spent > self._rules.messages_per_second:
            return f"more than {self._rules.messages_per_second} client events in one second"
        return None


def _refuse(channel: str, kind: str, reason: str, status: int) -> Send:
    return Send(protocol.subscription_error(channel, kind, reason, status))
