"""The HTTP side: sockets, event streams, the authorisation endpoint and the browser's scripts."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from flask import abort
from flask import current_app
from flask import Flask
from flask import jsonify
from flask import request
from flask import Response
from werkzeug.exceptions import HTTPException

from ..blueprints import EveryHost
from ..client_address import ClientAddress
from ..client_address import network_of
from ..eventloop import in_greenlet
from . import protocol
from . import scripts
from .authorization import Denied
from .broadcasting import Broadcasting
from .channel import InvalidChannel
from .channel import parse_channel
from .connection import new_socket_id
from .leaves import Leaves
from .protocol import Code
from .sse import Listener
from .sse import refused
from .sse import Streams
from .websocket import detach
from .websocket import detachable
from .websocket import hands_over
from .websocket import NoReader
from .websocket import serve
from .wire import close_frame
from .wire import text_frame
from .wire import Wire

NAME = "rf_broadcast"
SOCKET = f"{NAME}.socket"
STREAM = f"{NAME}.stream"
ENDPOINTS = (SOCKET, STREAM, f"{NAME}.auth", f"{NAME}.user_auth", f"{NAME}.client")


def make_blueprint(broadcasting: Broadcasting, clients: ClientAddress) -> EveryHost:
    """The routes of one app: ``/app/<key>`` and those under ``/broadcasting``."""
    from flask_sock import Sock  # brings asyncio: half of what importing RF would cost

    blueprint = EveryHost(NAME, __name__)
    routes = _Routes(broadcasting, clients)
    blueprint.before_request(routes.inspect)
    Sock().route("/app/<key>", bp=blueprint, endpoint="socket")(routes.socket)
    blueprint.get("/broadcasting/sse", endpoint="stream")(routes.stream)
    for prefix in ("/broadcasting", "/pusher"):
        blueprint.post(f"{prefix}/auth", endpoint="auth")(routes.auth)
        blueprint.post(f"{prefix}/user-auth", endpoint="user_auth")(routes.user_auth)
    names = ",".join(f'"{name}"' for name in scripts.NAMES)
    blueprint.get(f"/broadcasting/<any({names}):name>", endpoint="client")(routes.client)
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
        self._leaves = Leaves(broadcasting)
        self._streams = Streams(broadcasting.options)
        self._scripts = {name: scripts.served(name) for name in scripts.NAMES}

    def inspect(self) -> None:
        """Refuse what is no WebSocket handshake, and pages of foreign sites."""
        if request.endpoint == SOCKET:
            self._inspect_handshake()
        if request.endpoint in (SOCKET, STREAM):
            self._inspect_origin()

    def _inspect_handshake(self) -> None:
        if request.method != "GET":  # RFC 6455, 4.1; Flask lets HEAD in wherever GET is
            abort(Response("", 405, {"Allow": "GET"}))
        if request.headers.get("Sec-WebSocket-Version") != "13":
            abort(Response("", 426, {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}))
        if not _is_nonce(request.headers.get("Sec-WebSocket-Key", "")):
            abort(400, "Sec-WebSocket-Key is not 16 bytes in base64")
        if not hands_over(request.environ):
            abort(501, "this server keeps its connections; serve WebSockets with gunicorn")
        # simple-websocket accepts permessage-deflate unasked: up to 146 KiB a connection.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)

    def _inspect_origin(self) -> None:
        origin = request.headers.get("Origin")
        if origin and not self._may_connect(origin):
            abort(403, f"pages of {origin!r} may not open sockets here; see BROADCAST_ORIGINS")
        # An <img> of another site names no origin, but brings the visitor's cookies.
        if not origin and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            abort(403, "pages of other sites may not open streams here without CORS")

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

    def stream(self) -> Response:
        """The events of the channels that the query names, for ``EventSource``."""
        # gevent's own server says no, and serves others all the same.
        if not (request.environ.get("wsgi.multithread") or in_greenlet()):
            abort(501, "this server answers one request at a time; a stream would be the last")
        channels = self._channels_asked_for()
        server, address = self._broadcasting.server, network_of(self._clients.of(request.environ))
        full = self._streams.refusal(server, address)
        if full:
            return _readable_abroad(refused(full))
        listener = self._listener(new_socket_id(), address, channels)
        return _readable_abroad(self._streams.response(server, listener))

    def _channels_asked_for(self) -> list[str]:
        """Those of ``channels=a,b``, and of each ``channel=``, whose name may have a comma."""
        if not {"channels", "channel"} & set(request.args):
            abort(400, "name the channels: ?channels=orders,news")
        names = request.args.get("channels", "").split(",") + request.args.getlist("channel")
        channels = list(dict.fromkeys(name for name in names if name))
        if len(channels) > self._broadcasting.options.max_subscriptions:
            abort(400, "these are more channels than BROADCAST_MAX_SUBSCRIPTIONS")
        return channels

    def _listener(self, socket_id: str, address: str, channels: Sequence[str]) -> Listener:
        environ = request.environ
        personal = any(name.startswith("#") for name in channels)
        return Listener(
            socket_id,
            address,
            environ.get("gunicorn.socket") or environ.get("werkzeug.socket"),
            {name: _unless_denied(self._leave, socket_id, name) for name in channels},
            _unless_denied(self._leaves.to_sign_in, socket_id) if personal else None,
            request.headers.get("Last-Event-ID") or request.args.get("lastEventID", ""),
        )

    def _leave(self, socket_id: str, name: str) -> dict[str, str]:
        try:
            channel = parse_channel(name)
        except InvalidChannel:
            return {}  # the session says what is wrong with it
        return self._leaves.to_join(socket_id, channel) if channel.guarded else {}

    def auth(self) -> Response:
        """Sign a socket's leave to join a channel, if the app's callback gives it."""
        fields = _fields()
        socket_id = _socket_id(fields)
        try:
            channel = parse_channel(fields.get("channel_name") or "")
        except InvalidChannel as error:
            abort(400, str(error))
        return _signed(lambda: self._leaves.to_join(socket_id, channel))

    def user_auth(self) -> Response:
        """Sign for who is behind a socket."""
        socket_id = _socket_id(_fields())
        return _signed(lambda: self._leaves.to_sign_in(socket_id))

    def client(self, name: str) -> Response:
        """A script of the browser's side."""
        response = Response(self._scripts[name], mimetype="text/javascript")
        response.cache_control.max_age = 3600
        response.cache_control.public = True
        response.add_etag()
        response.make_conditional(request)
        return response


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
        _explain(error)
        abort(403)


def _unless_denied(leave: Callable[..., dict[str, str]], *about: str) -> dict[str, str] | None:
    try:
        return leave(*about)
    except Denied as error:
        _explain(error)
    except HTTPException as error:  # the callback's own, as of a get_or_404()
        if error.code is None or error.code >= 500:
            raise
    return None


def _explain(error: Denied) -> None:
    if current_app.debug:
        current_app.logger.info("denied: %s", error)


def _readable_abroad(response: Response) -> Response:
    """Let the page read it: its origin was let in. A CORS policy has the last word."""
    origin = request.headers.get("Origin")
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _is_nonce(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
