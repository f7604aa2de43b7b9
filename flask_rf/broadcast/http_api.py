"""The HTTP API of the Pusher protocol, for server SDKs: publish, look, end a user's connections.

Requests are signed with the app's secret, so neither cookies nor CSRF tokens matter here.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from flask import jsonify
from flask import request
from flask import Response

from ..blueprints import EveryHost
from ..errors import BroadcastError
from ..errors import RedisUnavailable
from . import http_messages
from .broadcasting import Broadcasting
from .broker import Broker
from .channel import Channel
from .http_messages import Event
from .http_messages import parse_info
from .http_messages import read_channel
from .http_messages import Refused
from .signature import BadSignature

NAME = "rf_broadcast_api"
_VIEWS = ("events", "batch_events", "channels", "channel", "users", "terminate")
ENDPOINTS = tuple(f"{NAME}.{view}" for view in _VIEWS)

_DOWN = "Redis does not answer; try again"
_ROOM_IN_BODY = 65_536  # bytes of names and punctuation around the events' data

#: Answers with what becomes JSON, or raises.
View = Callable[..., dict[str, Any]]


def make_blueprint(broadcasting: Broadcasting) -> EveryHost:
    """The routes under ``/apps/<app_id>``."""
    blueprint = EveryHost(NAME, __name__)
    api = _Api(broadcasting)
    blueprint.before_request(api.authenticate)
    blueprint.register_error_handler(Refused, lambda error: _say(error.status, str(error)))
    for error in (BroadcastError, RedisUnavailable):
        blueprint.register_error_handler(error, lambda error: _say(503, _DOWN))

    def route(method: str, path: str, view: View) -> None:
        def answer(**values: str) -> Response:
            return jsonify(view(**values))

        blueprint.add_url_rule(path, view.__name__, answer, methods=[method])

    route("POST", "/apps/<app_id>/events", api.events)
    route("POST", "/apps/<app_id>/batch_events", api.batch_events)
    route("GET", "/apps/<app_id>/channels", api.channels)
    route("GET", "/apps/<app_id>/channels/<name>", api.channel)
    route("GET", "/apps/<app_id>/channels/<name>/users", api.users)
    route("POST", "/apps/<app_id>/users/<user_id>/terminate_connections", api.terminate)
    # Pusher's SDK for Python leaves the app out here.
    blueprint.add_url_rule("/users/<user_id>/terminate_connections", "terminate", methods=["POST"])
    return blueprint


class _Api:
    def __init__(self, broadcasting: Broadcasting) -> None:
        self._broadcasting = broadcasting
        # JSON within JSON: a quotation mark takes two bytes.
        biggest = 2 * broadcasting.options.max_event * http_messages.MAX_BATCH
        self._max_body = biggest + _ROOM_IN_BODY

    def authenticate(self) -> None:
        """Let nobody in, nor read a body, without the signature of this app."""
        params = request.args.items(multi=True)
        try:
            self._broadcasting.signer.check_request(
                request.method, request.path, params, time.time()
            )
        except BadSignature as error:
            raise Refused(401, str(error)) from None
        app_id = (request.view_args or {}).pop("app_id", self._broadcasting.options.app_id)
        if app_id != self._broadcasting.options.app_id:
            raise Refused(404, "no app has this id; see BROADCAST_APP_ID")
        self._check_body()

    def _check_body(self) -> None:
        if request.method == "POST" and request.content_length is None:
            raise Refused(411, "the request names no Content-Length")
        if (request.content_length or 0) > self._max_body:
            raise Refused(413, f"the body is larger than {self._max_body} bytes")
        body, told = request.get_data(), request.args.get("body_md5", "")
        found = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if (body or told) and not hmac.compare_digest(found.encode(), told.encode()):
            raise Refused(401, "body_md5 is not the MD5 of the body")

    def events(self) -> dict[str, Any]:
        event = http_messages.parse_event(request.get_data(), self._max_event)
        self._publish(event)
        return {"channels": self._described(event.channels, event.info)} if event.info else {}

    def batch_events(self) -> dict[str, Any]:
        batch = http_messages.parse_batch(request.get_data(), self._max_event)
        for event in batch:
            self._publish(event)
        if not any(event.info for event in batch):
            return {}
        return {"batch": [self._described(e.channels, e.info)[e.channels[0]] for e in batch]}

    def channels(self) -> dict[str, Any]:
        prefix, info = request.args.get("filter_by_prefix", ""), parse_info(request.args)
        if "user_count" in info and not prefix.startswith("presence-"):
            raise Refused(400, "user_count needs filter_by_prefix=presence-")
        occupied = self._broker.occupied(prefix)
        names = [name for name in sorted(occupied) if not name.startswith("#")]
        return {"channels": self._described(names, info)}

    def channel(self, name: str) -> dict[str, Any]:
        channel, info = read_channel(name), parse_info(request.args)
        if "user_count" in info and not channel.presence:
            raise Refused(400, f"user_count is known of presence channels only, not of {name!r}")
        [size] = self._broker.sizes([name])
        return {"occupied": size.subscriptions > 0, **self._described([name], info)[name]}

    def users(self, name: str) -> dict[str, Any]:
        if not read_channel(name).presence:
            raise Refused(400, f"users are known of presence channels only, not of {name!r}")
        return {"users": [{"id": user_id} for user_id in sorted(self._broker.users(name))]}

    def terminate(self, user_id: str) -> dict[str, Any]:
        self._broadcasting.server.terminate(user_id)
        return {}

    def _publish(self, event: Event) -> None:
        self._broadcasting.publish_text(event.channels, event.name, event.data, event.skip)

    def _described(self, names: Sequence[str], info: Iterable[str]) -> dict[str, Any]:
        """What is asked about channels, as far as it exists for their kinds."""
        if not info:
            return {name: {} for name in names}
        described = {}
        for name, size in zip(names, self._broker.sizes(names), strict=True):
            channel, about = read_channel(name), {}
            if "subscription_count" in info:
                about["subscription_count"] = size.subscriptions
            if "user_count" in info and channel.presence:
                about["user_count"] = size.users
            described[name] = {**about, **self._cached(channel, info)}
        return described

    def _cached(self, channel: Channel, info: Iterable[str]) -> dict[str, Any]:
        if "cache" not in info or not channel.cached:
            return {}
        payload = self._broker.remembered(channel.name)
        if payload is None:
            return {"cache": None}
        ttl = self._broker.remembered_for(channel.name)
        return {"cache": {"data": http_messages.data_of(payload), "ttl": ttl}}

    @property
    def _broker(self) -> Broker:
        return self._broadcasting.server.broker

    @property
    def _max_event(self) -> int:
        return self._broadcasting.options.max_event


def _say(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status, mimetype="text/plain")
