"""The HTTP side: the socket's route, the authorisation endpoint and the browser client."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from flask import abort
from flask import Blueprint
from flask import current_app
from flask import Flask
from flask import jsonify
from flask import request
from flask import Response
from flask_sock import Sock

from ..client_address import ClientAddress
from ..client_address import network_of
from . import protocol
from . import scripts
from .authorization import Denied
from .authorization import user_id
from .broadcasting import Broadcasting
from .channel import Channel
from .channel import InvalidChannel
from .channel import parse_channel
from .encryption import shared_secret
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
ENDPOINTS = (SOCKET, f"{NAME}.auth", f"{NAME}.user_auth", f"{NAME}.client")


def make_blueprint(broadcasting: Broadcasting, clients: ClientAddress) -> Blueprint:
    """The routes of one app: ``/app/<key>`` and those under ``/broadcasting``."""
    blueprint = Blueprint(NAME, __name__)
    routes = _Routes(broadcasting, clients)
    blueprint.before_request(routes.inspect_handshake)
    Sock().route("/app/<key>", bp=blueprint, endpoint="socket")(routes.socket)
    for prefix in ("/broadcasting", "/pusher"):
        blueprint.post(f"{prefix}/auth", endpoint="auth")(routes.auth)
        blueprint.post(f"{prefix}/user-auth", endpoint="user_auth")(routes.user_auth)
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
    def __init__(self, broadcasting: Broadcasting, clients: ClientAddress) -> None:
        self._broadcasting = broadcasting
        self._clients = clients
        self._client = scripts.served("rf.js")

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
        address = network_of(self._clients.of(request.environ))
        refusal = self._refusal(key, address)
        if refusal:
            code, reason = refusal
            frames = text_frame(protocol.error(code, reason)) + close_frame(code, reason)
            ws.sock.sendall(frames)
            return
        options = self._broadcasting.options
        take = detach if detachable(request.environ) else serve
        wire = Wire(ws.ws.connection, options.max_message)
        take(self._broadcasting.server, wire, ws.sock, address, options.max_queue)

    def _refusal(self, key: str, address: str) -> tuple[Code, str] | None:
        if key != self._broadcasting.options.app_key:
            return Code.UNKNOWN_APP, "no app has this key; see BROADCAST_APP_KEY"
        version = request.args.get("protocol", "")
        if not version:
            return Code.NO_PROTOCOL, "the query names no protocol version"
        if version not in map(str, protocol.VERSIONS):
            return Code.UNSUPPORTED_PROTOCOL, "protocol versions 5 to 7 are spoken here"
        full = self._broadcasting.server.refusal(address)
        return (Code.OVER_CAPACITY, full) if full else None

    def auth(self) -> Response:
        """Sign a socket's leave to join a channel, if the app's callback gives it."""
        fields = _fields()
        socket_id = _socket_id(fields)
        try:
            channel = parse_channel(fields.get("channel_name") or "")
        except InvalidChannel as error:
            abort(400, str(error))
        return _signed(lambda: self._leave_to_join(socket_id, channel))

    def user_auth(self) -> Response:
        """Sign for who is behind a socket."""
        socket_id = _socket_id(_fields())
        return _signed(lambda: self._vouch_for(socket_id))

    def _vouch_for(self, socket_id: str) -> dict[str, str]:
        authorizer, app = self._broadcasting.authorizer, _current_app()
        user = authorizer.current_user(app)
        data = {"id": user_id(user), "watchlist": authorizer.followed_by(app, user)}
        text = app.json.dumps(data)
        return {"auth": self._broadcasting.signer.user(socket_id, text), "user_data": text}

    def _leave_to_join(self, socket_id: str, channel: Channel) -> dict[str, str]:
        if not channel.guarded:
            raise Denied(f"{channel.name!r} is not a private or presence channel")
        broadcasting, app = self._broadcasting, _current_app()
        verdict = broadcasting.authorizer.decide(app, channel)
        if not channel.presence:
            leave = {"auth": broadcasting.signer.channel(socket_id, channel.name)}
            return {**leave, **self._key_to(channel)}
        info = None if verdict is True else verdict
        member = {"user_id": user_id(broadcasting.authorizer.current_user(app)), "user_info": info}
        data = app.json.dumps(member)
        auth = broadcasting.signer.channel(socket_id, channel.name, data)
        return {"auth": auth, "channel_data": data}

    def _key_to(self, channel: Channel) -> dict[str, str]:
        master = self._broadcasting.options.encryption_key
        if not channel.encrypted:
            return {}
        if master is None:
            raise Denied("BROADCAST_ENCRYPTION_KEY is not set")
        secret = shared_secret(master, channel.name)
        return {"shared_secret": base64.b64encode(secret).decode()}

    def client(self) -> Response:
        response = Response(self._client, mimetype="text/javascript")
        response.cache_control.max_age = 3600
        response.cache_control.public = True
        response.add_etag()
        response.make_conditional(request)
        return response


def _current_app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


def _fields() -> Mapping[str, Any]:
    """What was posted, as a form or as JSON."""
    given = request.form or request.get_json(silent=True)
    return given if isinstance(given, Mapping) else {}


def _socket_id(fields: Mapping[str, Any]) -> str:
    socket_id = fields.get("socket_id")
    if not isinstance(socket_id, str) or not protocol.is_socket_id(socket_id):
        abort(400, "socket_id is two numbers with a dot between them")
    return socket_id


def _signed(leave: Callable[[], dict[str, str]]) -> Response:
    try:
        return jsonify(leave())
    except Denied as error:
        if current_app.debug:
            current_app.logger.info("denied: %s", error)
        abort(403)


def _is_nonce(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
