from __future__ import annotations

import pytest
from flask import Flask


@pytest.fixture
def app(app: Flask) -> Flask:
    """With something to ask for."""
    app.add_url_rule("/", view_func=lambda: "hello", endpoint="hello")
    return app
