"""Flask-SocketIO 5. Another protocol, so more than imports changes."""

from __future__ import annotations

from ..library import differs
from ..library import Library
from ..library import missing
from ..library import not_needed

_EVENTS = "Clients send requests to ordinary views; whispers go from client to client."
_ROOMS = "A room is a channel. Clients subscribe; @rf.broadcast.channel says who may."
_SEND = "rf.broadcast.to(channel).send(event, data)."
_LOG = "The logger flask_rf.broadcast says what happens."
_ONE_WAY = "There are WebSockets only."
_ASK = "Clients answer by requests of their own."

_OPTIONS = {
    "message_queue": differs("REDIS_URL", "A Redis; kombu's other queues do not exist."),
    "client_manager": differs("REDIS_URL", "It is a setting here."),
    "channel": differs("RF_PREFIX", "It begins all keys and topics."),
    "cors_allowed_origins": differs(
        "BROADCAST_ORIGINS", "Pages of the same origin, and those that CORS allows, may."
    ),
    "cors_credentials": not_needed("WebSockets always carry cookies; origins are checked."),
    "ping_interval": differs("BROADCAST_ACTIVITY_TIMEOUT", "Seconds of silence."),
    "ping_timeout": not_needed("Thirty seconds, as the protocol has it."),
    "max_http_buffer_size": differs("BROADCAST_MAX_MESSAGE", "Characters; by default 10 000."),
    "path": differs("/app/<BROADCAST_APP_KEY>", "The protocol says where."),
    "resource": differs("/app/<BROADCAST_APP_KEY>", "The protocol says where."),
    "async_mode": not_needed("It finds out whether gevent runs."),
    "async_handlers": not_needed("No handler of yours runs on the socket."),
    "manage_session": not_needed("The session is the one of the request that asks."),
    "always_connect": not_needed("A channel is refused, the connection stays."),
    "namespaces": differs("@rf.broadcast.channel", _ROOMS),
    "transports": missing(_ONE_WAY),
    "allow_upgrades": missing(_ONE_WAY),
    "http_compression": not_needed(_ONE_WAY),
    "compression_threshold": not_needed(_ONE_WAY),
    "cookie": not_needed("None is set."),
    "json": not_needed("Data are written by app.json."),
    "serializer": not_needed("Data are written by app.json."),
    "logger": not_needed(_LOG),
    "engineio_logger": not_needed(_LOG),
    "monitor_clients": not_needed("flask rf channels lists who listens."),
}

FLASK_SOCKETIO = Library(
    name="Flask-SocketIO",
    module="flask_socketio",
    section="from-flask-socketio",
    imports={
        "flask_socketio.SocketIO": differs(
            "flask_rf.Broadcast", "Another protocol: clients use rf.js, pusher-js or Laravel Echo."
        ),
        "flask_socketio.emit": differs("rf.broadcast.to(…).send(…)", _SEND),
        "flask_socketio.send": differs("rf.broadcast.to(…).send(…)", _SEND),
        "flask_socketio.call": missing(_ASK),
        "flask_socketio.join_room": differs("@rf.broadcast.channel", _ROOMS),
        "flask_socketio.leave_room": differs("@rf.broadcast.channel", _ROOMS),
        "flask_socketio.rooms": differs("flask rf channels", _ROOMS),
        "flask_socketio.close_room": missing(_ROOMS),
        "flask_socketio.disconnect": differs(
            "POST /apps/1/users/ID/terminate_connections", "The HTTP API closes a user's sockets."
        ),
        "flask_socketio.Namespace": differs("@rf.broadcast.channel", _ROOMS),
        "flask_socketio.ConnectionRefusedError": differs(
            "@rf.broadcast.channel", "Return False to refuse."
        ),
        "flask_socketio.SocketIOTestClient": differs(
            "rf.broadcast.fake()", "It records what is sent."
        ),
    },
    keywords={"SocketIO": _OPTIONS, "init_app": _OPTIONS},
    attributes={
        "on": differs("@app.post", _EVENTS),
        "event": differs("@app.post", _EVENTS),
        "on_event": differs("@app.post", _EVENTS),
        "on_namespace": differs("@rf.broadcast.channel", _ROOMS),
        "on_error": differs("@app.errorhandler", "What clients send are requests."),
        "on_error_default": differs("@app.errorhandler", "What clients send are requests."),
        "emit": differs("rf.broadcast.to(…).send(…)", _SEND),
        "send": differs("rf.broadcast.to(…).send(…)", _SEND),
        "call": missing(_ASK),
        "close_room": missing(_ROOMS),
        "start_background_task": differs("rf.spawn", "A thread, which gevent makes a greenlet."),
        "sleep": differs("time.sleep", "gevent has patched it."),
        "run": differs("flask run", "In production: gunicorn -c python:flask_rf.gunicorn app:app."),
        "test_client": differs("rf.broadcast.fake()", "It records what is sent."),
    },
)
