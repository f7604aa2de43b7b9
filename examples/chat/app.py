"""A chat: rooms, who is here, who is typing, and how a rate limit feels.

    flask --app examples/chat/app run
    gunicorn -c python:flask_rf.gunicorn examples.chat.app:app

Open it in a second, private window to be two people.
"""

import os
import secrets
import time
from pathlib import Path

from flask import abort
from flask import Flask
from flask import redirect
from flask import render_template
from flask import request
from flask import Response
from flask import session
from flask import url_for

from flask_rf import BroadcastError
from flask_rf import RF

ROOMS = {
    "lobby": "Come in and say hello",
    "kitchen": "What is cooking?",
    "garden": "Quiet talk in the shade",
}
ROOM = f"/rooms/<any({','.join(ROOMS)}):room>"

app = Flask(__name__)
# All workers sign sessions and channels with one key: set your own in production.
key_file = os.environ.get("SECRET_KEY_FILE")  # as containers get their secrets
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "for development only")
if key_file:
    app.config["SECRET_KEY"] = Path(key_file).read_text().strip()
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
rf = RF(app)


@rf.broadcast.user
def visitor():
    return session.get("user")


# Who loses the connection for a moment gets what was said meanwhile.
@rf.broadcast.channel("presence-room.{room}", history=50, ttl=300)
def may_enter(user, room):
    return user and room in ROOMS and {"name": user["name"]}


@app.get("/")
def welcome():
    if visitor():
        return redirect(url_for("enter", room="lobby"))
    return render_template("welcome.html")


@app.post("/")
def sign_in():
    name = " ".join(request.form["name"].split())[:24] or "Guest"
    session["user"] = {"id": secrets.token_hex(8), "name": name}
    return redirect(url_for("enter", room="lobby"))


@app.post("/leave")
def leave():
    session.clear()
    return redirect(url_for("welcome"))


@app.get(ROOM)
def enter(room):
    if not visitor():
        return redirect(url_for("welcome"))
    return render_template("room.html", user=visitor(), rooms=ROOMS, room=room)


@app.post(f"{ROOM}/messages")
@rf.limiter.limit("60/minute")
def say(room):
    text = request.form["text"].strip()
    if not 0 < len(text) <= 1000:
        abort(422)
    return tell_others(room, "message", text=text)


@app.post(f"{ROOM}/wave")
@rf.limiter.limit("5/minute")
def wave(room):
    return tell_others(room, "wave")


def tell_others(room, event, **data):
    data |= {"id": secrets.token_hex(8), "user": visitor() or abort(403), "at": time.time()}
    rf.broadcast.to(f"presence-room.{room}").to_others().send(event, data)
    return data, 201


@app.errorhandler(BroadcastError)
def not_sent(error):
    return {"error": "The link between servers is down."}, 503


@app.after_request
def only_our_own(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = "default-src 'self'"
    return response
