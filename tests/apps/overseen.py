"""The app of :mod:`.events`, with routes that tell what an operator sees."""

from flask import Flask

from flask_rf import Broadcast

app = Flask(__name__)
app.config["SECRET_KEY"] = "a secret of the tests"
broadcast = Broadcast(app)
broadcast.user(lambda: "ann")
broadcast.channel("presence-room.{room}")(lambda user, room: True)
overview = broadcast.compiled.overview


@app.get("/busiest")
def busiest() -> list[object]:
    return list(overview.busiest(5))


@app.get("/connections")
def connections() -> str:
    return str(overview.connections())
