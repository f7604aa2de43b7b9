"""The app of :mod:`tests.apps.events`, which gives silent and closing clients but a moment."""

import flask_rf.broadcast.server
from tests.apps.events import app
from tests.apps.events import broadcast

__all__ = ["app"]

flask_rf.broadcast.server._PONG_WITHIN = 2.0
flask_rf.broadcast.server._LAST_WORDS = 1.0
assert broadcast.compiled.options.activity_timeout == 1, "set BROADCAST_ACTIVITY_TIMEOUT=1"
