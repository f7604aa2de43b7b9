"""What features announce. Metrics and logs listen; the sender is the Flask app."""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal
from blinker import Namespace
from flask import Flask

logger = logging.getLogger("flask_rf")

_signals = Namespace()

#: A request was counted. ``limit``: the limit's text, ``key``, ``remaining``: requests left.
limit_hit = _signals.signal("limit-hit")
#: A request was refused. ``limit``, ``key``, ``retry_after``: seconds; ``shadow``: it was let
#: through all the same.
limit_denied = _signals.signal("limit-denied")
#: A key has used 80 % of its limit. ``limit``, ``key``, ``remaining``.
limit_near = _signals.signal("limit-near")
#: The limits of one request were decided. ``outcomes``: pairs of a limit's text and
#: ``"allowed"``, ``"denied"`` or ``"shadowed"``; ``seconds``: how long that took.
limits_decided = _signals.signal("limits-decided")

#: Redis was asked. ``feature``, ``seconds``: until it answered, or was waited for no longer.
redis_asked = _signals.signal("redis-asked")
#: Redis stopped answering a feature. ``feature``, ``reason``.
store_down = _signals.signal("store-down")
#: Redis answers a feature again. ``feature``, ``outage``: seconds.
store_up = _signals.signal("store-up")

#: An event was published. ``channel``, ``event``, ``size``: bytes, ``request_id``: of the request
#: that sent it, or "".
event_published = _signals.signal("event-published")
#: Events were written to this process's sockets. ``messages``: how many, all sockets together;
#: ``delays``: seconds since each event was published; ``request_ids``: of the requests that sent
#: them, wherever that was, or "" each.
events_delivered = _signals.signal("events-delivered")
#: An event or a connection's queue was given up. ``channel``, ``reason``; ``kind``:
#: ``"unpublished"``, ``"slow_reader"`` or ``"webhook"``; ``request_id``: of the request that sent
#: an unpublished event, else "".
event_dropped = _signals.signal("event-dropped")
#: A socket's client said something. ``socket_id``.
message_received = _signals.signal("message-received")
#: A user's first socket joined a presence channel, or the last one left it; sent once over all
#: servers, by the one that noticed. ``channel``, ``user_id``.
member_joined = _signals.signal("member-joined")
member_left = _signals.signal("member-left")
#: A socket opened or closed on this process. ``socket_id``.
socket_opened = _signals.signal("socket-opened")
socket_closed = _signals.signal("socket-closed")

#: Health checks ran. ``statuses``: ``"pass"``, ``"warn"`` or ``"fail"`` by a check's name.
health_checked = _signals.signal("health-checked")

#: A disk was used. ``disk``, ``operation``: the method's name, ``outcome``: ``ok`` or that of the
#: error, ``seconds``, ``bytes``: of content read or written.
storage_operation = _signals.signal("storage-operation")


def tell(signal: NamedSignal, app: Flask | None, **terms: Any) -> None:
    """Send a signal of what has happened already: a receiver that fails must not undo the rest."""
    try:
        signal.send(app, **terms)
    except Exception:
        logger.exception("A receiver of the signal %s failed", signal.name)
