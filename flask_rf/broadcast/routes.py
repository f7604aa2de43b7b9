"""The HTTP side: the socket's route, the authorisation endpoint and the browser client."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from collections.abc import Mapping
from importlib import resources
from typing import Any

from flask import abort
from flask import Blueprint
from flask import current_app
from flask import Flask
from flask import jsonify
from flask import request
from flask import Response
from flask_sock import Sock

from . import protocol
from .authorization import Denied
from .authorization import user_id
from .broadcasting import Broadcasting
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel
from .protocol import Code
from .websocket import detach
from .websocket import detachable
from .websocket import NoReader
from .websocket import serve
from .wire import close_frame
from .wire import text_frame
from .wire import Wire

NAME = "rf_broadcast"
SOCKET = f"{NAME}.socket"


def make_blueprint(broadcasting: Broadcasting) -> Blueprint:
    """The routes of one app: ``/app/<key>`` and those under ``/broadcasting``."""
    blueprint = Blueprint(NAME, __name__)
    routes = _Routes(broadcasting)
    blueprint.before_request(routes.inspect_handshake)
    Sock().route("/app/<key>", bp=blueprint, endpoint="socket")(routes.socket)
    for path in ("/broadcasting/auth", "/pusher/auth"):
        blueprint.post(path, endpoint="auth")(routes.auth)
    blueprint.get("/broadcasting/rf.js", endpoint="client")(routes.client)
    return blueprint


def own_reader(app: Flask) -> None:
    """Let simple-websocket start no reader thread on our route; other routes keep theirs."""
    options = app.config.setdefault("SOCK_SERVER_OPTIONS", {})
    theirs = options.get("thread_class") or threading.Thread

    def thread_class(target: Callable[[], None]) -> Any:
        ours = request.endpoint == SOCKET
        return NoReader(target=target) if ours else theirs(target=target)

    app.config["SOCK_SERVER_OPTIONS"] = {**options, "thread_class": thread_class}


class _Routes:
    def __init__(self, broadcasting: Broadcasting) -> None:
        self._broadcasting = broadcasting
        self._client = resources.files(__package__).joinpath("client/rf.js").read_bytes()

    def inspect_handshake(self) -> None:
        """Refuse what is no WebSocket handshake, or comes from a page of a foreign site."""
        if request.endpoint != SOCKET:
            return
        if request.headers.get("Sec-WebSocket-Version") != "13":
            abort(Response("", 426, {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}))
        if not _is_nonce(request.headers.get("Sec-WebSocket-Key", "")):
            abort(400, "Sec-WebSocket-Key is not 16 bytes in base64")
        origin = request.headers.get("Origin")
        if origin and not self._may_connect(origin):
            abort(403, f"pages of {origin!r} may not open sockets here; see BROADCAST_ORIGINS")
        # simple-websocket accepts permessage-deflate unasked: up to 146 KiB a connection.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)

    def _may_connect(self, origin: str) -> bool:
        own = origin.partition("://")[2] == request.host
        return own or self._broadcasting.allows_origin(origin, request.path)

    def socket(self, ws: Any, key: str) -> None:
        if not isinstance(ws.thread, NoReader):
            raise RuntimeError(
                "SOCK_SERVER_OPTIONS was replaced after Broadcast was set up: set it before"
            )
        ws.connected = False  # flask-sock must neither write to the socket nor close it
        refusal = self._refusal(key)
        if refusal:
            code, reason = refusal
            frames = text_frame(protocol.error(code, reason)) + close_frame(code, reason)
            ws.sock.sendall(frames)
            return
        options = self._broadcasting.options
        take = detach if detachable(request.environ) else serve
        wire = Wire(ws.ws, options.max_message)
        take(self._broadcasting.server, wire, ws.sock, options.max_queue)

    def _refusal(self, key: str) -> tuple[Code, str] | None:
        if key != self._broadcasting.options.app_key:
            return Code.UNKNOWN_APP, "no app has this key; see BROADCAST_APP_KEY"
        version = request.args.get("protocol", "")
        if not version:
            return Code.NO_PROTOCOL, "the query names no protocol version"
        if version not in map(str, protocol.VERSIONS):
            return Code.UNSUPPORTED_PROTOCOL, "protocol versions 5 to 7 are spoken here"
        return None

    def auth(self) -> Response:
        """Sign a socket's leave to join a channel, if the app's callback gives it."""
        given = request.form or request.get_json(silent=True)
        fields = given if isinstance(given, Mapping) else {}
        socket_id, name = fields.get("socket_id"), fields.get("channel_name")
        try:
            channel = parse_channel(name or "")
        except InvalidChannel as error:
            abort(400, str(error))
        if not isinstance(socket_id, str) or not protocol.is_socket_id(socket_id):
            abort(400, "socket_id is two numbers with a dot between them")
        try:
            return jsonify(self._leave_to_join(socket_id, channel))
        except Denied as error:
            if current_app.debug:
                current_app.logger.info("denied %r: %s", channel.name, error)
            abort(403)

    def _leave_to_join(self, socket_id: str, channel: Channel) -> dict[str, str]:
        if not channel.guarded or channel.encrypted:
            raise Denied(f"{channel.name!r} is not a private or presence channel")
        broadcasting = self._broadcasting
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        verdict = broadcasting.authorizer.decide(app, channel)
        if not channel.presence:
            return {"auth": broadcasting.signer.channel(socket_id, channel.name)}
        info = None if verdict is True else verdict
        member = {"user_id": user_id(broadcasting.authorizer.current_user(app)), "user_info": info}
        data = app.json.dumps(member)
        auth = broadcasting.signer.channel(socket_id, channel.name, data)
        return {"auth": auth, "channel_data": data}

    def client(self) -> Response:
        response = Response(self._client, mimetype="text/javascript")
        response.cache_control.max_age = 3600
        response.cache_control.public = True
        response.add_etag()
        response.make_conditional(request)
        return response


def _is_nonce(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
