"""The live side of broadcasting in one process: connections, their conversations, their end.

Made after fork, on the first socket or the first event. The transports
(:mod:`.websocket`) feed it bytes; it answers through each connection's outbox.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

from ..errors import RedisUnavailable
from . import protocol
from . import session
from . import wire
from .announce import Announce
from .broker import Broker
from .channel import CONTROL
from .connection import Connection
from .connection import new_socket_id
from .envelope import Envelope
from .gate import Gate
from .history import Histories
from .hub import Hub
from .outbox import Outbox
from .placement import Placement
from .protocol import Code
from .residence import Residence
from .sequence import Sequencer
from .session import Session
from .signature import Signer
from .webhooks import Webhooks
from .wire import close_frame
from .wire import text_frame

logger = logging.getLogger("flask_rf.broadcast")

_SWEEP = 1.0  # seconds between two looks at who is idle or still closing
_PONG_WITHIN = 30.0  # seconds, as the protocol recommends
_SPREAD = 0.01  # seconds between two closes of a drain, if there is time for it
_GOING = "this server is going away"
_PATIENCE = 1.0  # seconds a stopping process waits for clients to take their leave
_LAST_WORDS = 10.0  # seconds a closing peer may take to read what it is owed
_PING = text_frame(protocol.ping())


class Server:
    """All the sockets of one app in one process.

    :param broker: carries events between processes.
    :param activity_timeout: seconds of silence after which either side pings.
    :param announce: told what happens.
    :param histories: which channels keep their events.
    :param max_replay: bytes of missed events that one socket may be sent.
    """

    def __init__(
        self,
        broker: Broker,
        signer: Signer,
        rules: session.Rules,
        gate: Gate,
        activity_timeout: int,
        announce: Announce,
        webhooks: Webhooks,
        histories: Histories,
        max_replay: int,
    ) -> None:
        self.broker = broker
        self.hub = Hub(announce.delivered)
        self.connections: dict[str, Connection] = {}
        self.started = False
        self._leaving = self._interrupted = False
        self.webhooks = webhooks
        self._sequencer = Sequencer(self.hub, broker.recover)
        placement = Placement(broker, self.hub, histories, max_replay)
        self._residence = Residence(broker, self.hub, self.connections, rules, webhooks, placement)
        self._gate = gate
        self._signer = signer
        self._rules = rules
        self._activity_timeout = activity_timeout
        self._announce = announce
        self._starting = threading.Lock()
        self._stopped = threading.Event()

    def refusal(self, address: str) -> str | None:
        """Why one more socket of a client cannot be taken now; None where it can."""
        if self._leaving:
            return _GOING
        return self._gate.refusal(address, len(self.connections))

    def open(self, outbox: Outbox, address: str, socket_id: str = "") -> Connection:
        """Greet a client whose handshake is done.

        :param address: the client's.
        :param socket_id: from :func:`.connection.new_socket_id`, if it was needed before.
        """
        self._start()
        socket_id = socket_id or new_socket_id()
        talk = Session(socket_id, self._signer, self._rules)
        connection = Connection(socket_id, talk, outbox, address)
        self.connections[socket_id] = connection
        connection.say(protocol.connection_established(socket_id, self._activity_timeout))
        if not self.broker.up:
            self._interrupted = True
            connection.say(protocol.link_changed(False))
        self._gate.enter(address)
        self._announce.opened(socket_id)
        return connection

    def receive(self, connection: Connection, arrived: Iterable[wire.Received]) -> bool:
        """Take what a socket's bytes amount to. Calls for one connection never overlap.

        :returns: whether there is anything more to be said; else the socket may be closed.
        """
        connection.heard_at, connection.pinged = time.monotonic(), False
        for received in arrived:
            if isinstance(received, wire.Closed):
                connection.outbox.finish(received.reply)
                return not received.by_peer
            if connection.outbox.finished_at is not None:
                continue  # our close frame is out: only the peer's is of interest
            if isinstance(received, wire.Text):
                self._announce.received(connection.socket_id)
                self.hear(connection, received.text)
            else:
                connection.push(received.data)
        return True

    def hear(self, connection: Connection, text: str) -> None:
        """Answer one message of a client."""
        for action in connection.session.receive(text, connection.heard_at):
            self._perform(connection, action)

    def lost(self, connection: Connection) -> None:
        """Forget a socket whose stream has ended, whichever side ended it."""
        if self.connections.pop(connection.socket_id, None) is None:
            return
        connection.outbox.abort()
        self._gate.leave(connection.address)
        self._residence.leave_all(connection)
        self._announce.closed(connection.socket_id)

    def dropped(self) -> None:
        """A socket read so slowly that what waited for it was given up."""
        self._announce.slow_reader()

    def close(self, connection: Connection, code: int, reason: str) -> None:
        """Tell a client why, and which of its ways to come back to take, then close."""
        connection.outbox.finish(
            text_frame(protocol.error(code, reason)) + close_frame(code, reason)
        )

    def close_all(self, code: int, reason: str, window: float = 0.0) -> None:
        """Close every socket, a few at a time over at most ``window`` seconds.

        Clients told to reconnect do so at once and all together: the server must spread them.
        """
        connections = list(self.connections.values())
        pause = min(_SPREAD, window / max(len(connections), 1))
        for connection in connections:
            self.close(connection, code, reason)
            time.sleep(pause)

    def say_goodbye(self, window: float) -> None:
        """Tell every socket to come back elsewhere, and wait a moment for the slow ones.

        :param window: seconds over which the closes are spread.
        """
        self._leaving = True
        self.close_all(Code.RECONNECT, _GOING, window)
        deadline = time.monotonic() + _PATIENCE
        while self.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        for connection in list(self.connections.values()):
            connection.outbox.abort()

    def terminate(self, user_id: str) -> None:
        """Close every socket of a signed-in user, on whichever server.

        :raises RedisUnavailable: the others could not be told.
        """
        order = json.dumps({"terminate": user_id}).encode()
        self.broker.publish([(CONTROL, Envelope(order, time.time()))])

    def stop(self) -> None:
        self._stopped.set()
        self.webhooks.stop()
        self.broker.stop()

    def _start(self) -> None:
        with self._starting:
            if not self.started:
                self.started = True
                self.broker.start(self)
                self.broker.subscribe(CONTROL)
                self.webhooks.start(self.broker)
                threading.Thread(target=self._sweep, name="rf-sweep", daemon=True).start()

    def _perform(self, connection: Connection, action: session.Action) -> None:
        if isinstance(action, session.Send):
            connection.say(action.message)
        elif isinstance(action, session.Subscribe):
            self._residence.join(connection, action.channel, action.member, action.since)
        elif isinstance(action, session.Unsubscribe):
            self._residence.leave(connection, action.channel.name)
        elif isinstance(action, session.Whisper):
            self._whisper(connection, action)
        elif isinstance(action, session.SignIn):
            self._residence.sign_in(connection, action)
        else:
            self.close(connection, action.code, action.reason)

    def _whisper(self, connection: Connection, whisper: session.Whisper) -> None:
        envelope = Envelope(whisper.message, time.time(), connection.socket_id)
        try:
            self.broker.publish([(whisper.channel.name, envelope)])
        except RedisUnavailable:
            reason = "the link between servers is down"
            connection.say(protocol.error(Code.CLIENT_EVENT_REFUSED, reason))
        else:
            self.webhooks.client_event(whisper.message, connection.socket_id)

    def deliver(self, burst: Sequence[tuple[str, Envelope]]) -> None:
        self._sequencer.deliver([event for event in burst if not self._withhold(*event)])

    def _withhold(self, channel: str, envelope: Envelope) -> bool:
        """Whether an event is for this server, or would tell its clients what is not so."""
        if channel == CONTROL:
            self._obey(json.loads(envelope.payload))
            return True
        # After a reload, word of the old socket's leave can arrive behind the new one's list.
        if envelope.payload.startswith(protocol.MEMBER_REMOVED):
            user_id = json.loads(json.loads(envelope.payload)["data"])["user_id"]
            return self._residence.is_here(channel, user_id)
        return False

    def _obey(self, order: dict[str, str]) -> None:
        for connection in list(self.connections.values()):
            user = connection.session.user
            if user is not None and user.user_id == order.get("terminate"):
                self.close(connection, Code.UNAUTHORISED, "the app ended this user's connections")

    def catch_up(self, concerns: Callable[[str], bool]) -> None:
        self._sequencer.catch_up(concerns)

    def link_changed(self, up: bool) -> None:
        self._announce.link(up)
        if up:
            # Not in the listener's thread: it has events to pass on meanwhile.
            threading.Thread(target=self._restore, name="rf-restore", daemon=True).start()
        else:
            self._interrupted = True
            self._tell_all(up)

    def _restore(self) -> None:
        self.state_anew()
        self._residence.join_deferred()
        if self._interrupted and self.broker.up:  # it may have been lost again meanwhile
            self._interrupted = False
            self._tell_all(True)

    def state_anew(self) -> None:
        self._residence.enter_all_again()

    def _tell_all(self, up: bool) -> None:
        frame = text_frame(protocol.link_changed(up))
        for connection in list(self.connections.values()):
            connection.push(frame)

    def _sweep(self) -> None:
        while not self._stopped.wait(_SWEEP):
            try:
                if self.broker.up:
                    self._residence.join_deferred()
                    self._residence.tell_untold()
                self._look_after_silent()
            except Exception:  # whatever it is: without this thread nobody is pinged any more
                logger.exception("not every socket could be looked after; the next look is soon")

    def _look_after_silent(self) -> None:
        now = time.monotonic()
        for connection in list(self.connections.values()):
            finished = connection.outbox.finished_at
            silent = now - connection.heard_at
            if finished is not None:
                if now - finished > _LAST_WORDS:
                    connection.outbox.abort()
            elif silent > self._activity_timeout + _PONG_WITHIN:
                self.close(connection, Code.NO_PONG, "no answer to the ping")
            elif silent > self._activity_timeout and not connection.pinged:
                connection.pinged = True
                connection.push(_PING)
