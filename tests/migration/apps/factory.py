"""A factory with Flask-Limiter, configured by the app."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"], enabled=True)


def create_app():
    app = Flask("factory")
    limiter.init_app(app)

    @app.get("/")
    def home():
        return "home"

    @app.errorhandler(429)
    def too_many(error):
        return "too many", 429

    return app


app = create_app()

ASKED = [("GET", "/", {})] * 3
COMPARED = ()
