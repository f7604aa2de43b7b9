"""Broadcasting that pings soon and waits for the answer but a moment."""

from flask import Flask

import flask_rf.broadcast.server
from flask_rf import Broadcast

flask_rf.broadcast.server._PONG_WITHIN = 2.0

app = Flask(__name__)
broadcast = Broadcast(app, activity_timeout=1)
