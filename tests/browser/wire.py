"""``rf.js`` in a page of its own, its server and its clock in the test's hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from playwright.sync_api import Page

from flask_rf.broadcast.scripts import served

_FAKES = Path(__file__).with_name("fakes.js")
_SCRIPT = '<script src="/broadcasting/rf.js"></script>'

PING = {"event": "pusher:ping", "data": {}}


def subscription(channel: str, **more: Any) -> dict[str, object]:
    """The frame that asks to be let into a channel."""
    return {"event": "pusher:subscribe", "data": {"channel": channel, "auth": "", **more}}


class Wire:
    """The other end of the client's WebSocket; ``socket`` means the newest one."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._greetings = 0

    def load(self, options: str = "", html: str = _SCRIPT) -> Wire:
        """Open the page ``https://shop.test`` and make ``rf = new RF(options)``."""
        self.page.clock.install(time=0)
        self.page.add_init_script(path=_FAKES)
        self.page.route("**/*", lambda route: route.fulfill(body=html, content_type="text/html"))
        client = {"body": served("rf.js"), "content_type": "text/javascript"}
        self.page.route("**/broadcasting/rf.js", lambda route: route.fulfill(**client))
        self.page.goto("https://shop.test/")
        self.page.clock.pause_at(3600)  # from here on, only wait() lets time pass
        self.run(
            f"window.told = []; window.tell = (...values) => told.push(values);"
            f"window.rf = new RF({options}); rf.on('state', (state) => tell(state))"
        )
        return self

    def greet(self, activity_timeout: int = 30) -> Wire:
        """Answer the newest socket as a server does; its id counts up from 1.1."""
        self._greetings += 1
        greeting = {"socket_id": f"{self._greetings}.1", "activity_timeout": activity_timeout}
        return self.receive("pusher:connection_established", greeting)

    def receive(self, event: str, data: Any = None, **more: Any) -> Wire:
        frame = {"event": event, "data": json.dumps({} if data is None else data), **more}
        return self.receive_text(json.dumps(frame))

    def receive_text(self, text: str) -> Wire:
        return self.run(f"sockets.at(-1).onmessage({{data: {json.dumps(text)}}})")

    def block(self, streams: int | None = 200) -> Wire:
        """Let no WebSocket pass, till the client tries a stream; each ends before its greeting.

        :param streams: the status of a stream; None where there is no HTTP either.
        """
        self.run(f"window.streamed = {json.dumps(streams or False)}")
        return self.close(1006).wait(1).close(1006).run("await settle(9)")

    def write(self, event: str, data: Any = None, **more: Any) -> Wire:
        """Send a message down the newest stream."""
        frame = {"event": event, "data": json.dumps({} if data is None else data), **more}
        return self.write_text(f"data: {json.dumps(frame)}\n\n")

    def write_text(self, text: str) -> Wire:
        return self.run(f"streams.at(-1).write({json.dumps(text)}); await settle(9)")

    def greet_stream(self) -> Wire:
        self._greetings += 1
        greeting = {"socket_id": f"{self._greetings}.1", "activity_timeout": 120}
        return self.write("pusher:connection_established", greeting)

    @property
    def asked_for(self) -> dict[str, list[str]]:
        """The query of the newest stream."""
        return parse_qs(urlsplit(self.get("streams.at(-1).url")).query)

    @property
    def streams(self) -> int:
        """How many streams were opened so far."""
        return int(self.get("streams.length"))

    def admit(self, channel: str, **members: Any) -> Wire:
        """Let the client into ``channel``, which ``members`` are on (id to info)."""
        data = {"presence": {"ids": [*members], "hash": members, "count": len(members)}}
        return self.receive("pusher_internal:subscription_succeeded", data, channel=channel)

    def close(self, code: int, reason: str = "") -> Wire:
        return self.run(f"sockets.at(-1).onclose({{code: {code}, reason: {json.dumps(reason)}}})")

    def run(self, javascript: str) -> Wire:
        self.page.evaluate(f"async () => {{ {javascript}; await settle(); }}")
        return self

    def wait(self, seconds: float) -> Wire:
        self.page.clock.run_for(round(seconds * 1000))
        return self.run("")

    def get(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    @property
    def state(self) -> str:
        return str(self.get("rf.state"))

    @property
    def dialled(self) -> int:
        """How many sockets were opened so far."""
        return int(self.get("sockets.length"))

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the client sent through the newest socket."""
        return list(self.get("sockets.at(-1).sent"))

    @property
    def told(self) -> list[Any]:
        """The arguments of every call of ``tell`` since the last look."""
        return list(self.get("told.splice(0)"))
