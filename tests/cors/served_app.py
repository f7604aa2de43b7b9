"""Served by gunicorn in test_served."""

from __future__ import annotations

from flask import Flask

from flask_rf import CORS

app = Flask(__name__)
CORS(
    app,
    origins=["https://a.com", "https://*.b.com"],
    methods=["PUT"],
    allow_headers=["X-A", "X-B"],
    supports_credentials=True,
)
