"""A receiver of webhooks that a test can make fail, hang and recover."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any


class WebhookListener:
    """Listens on a free port.

    :ivar status: what the next requests are answered with.
    :ivar answering: while cleared, requests hang.
    :ivar requests: headers and body of each, whatever it was answered with.
    :ivar events: those of the requests that were answered with success, in order.
    """

    def __init__(self) -> None:
        self.status = 200
        self.answering = threading.Event()
        self.answering.set()
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.events: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks?token=t0ken"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.requests.append((dict(self.headers), body))
                listener.answering.wait(10)
                if listener.status == 200:
                    listener.events += json.loads(body)["events"]
                self.send_response(listener.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler

    def named(self, name: str) -> list[dict[str, Any]]:
        """The events of one name, without it."""
        named = [dict(event) for event in self.events if event["name"] == name]
        for event in named:
            del event["name"]
        return named

    def stop(self) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
