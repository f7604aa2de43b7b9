"""The libraries that flask_rf stands in for."""

from ..library import Library
from .flask_compress import FLASK_COMPRESS
from .flask_cors import FLASK_CORS
from .flask_limiter import FLASK_LIMITER
from .flask_socketio import FLASK_SOCKETIO
from .prometheus_flask_exporter import PROMETHEUS_FLASK_EXPORTER

LIBRARIES: tuple[Library, ...] = (
    FLASK_LIMITER,
    FLASK_CORS,
    FLASK_COMPRESS,
    FLASK_SOCKETIO,
    PROMETHEUS_FLASK_EXPORTER,
)
