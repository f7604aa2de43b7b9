"""The smallest example under ``flask run``: one process, no Redis."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from playwright.sync_api import Page
from playwright.sync_api import WebSocket

from tests.parts.processes import wait_until
from tests.parts.werkzeug import Werkzeug

pytestmark = pytest.mark.browser


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    server = Werkzeug("examples/minimal", tmp_path)
    yield f"http://127.0.0.1:{server.port}"
    server.process.kill()
    assert "Traceback" not in server.output()


def test_a_post_shows_in_the_open_page(open_window: Callable[..., Page], url: str) -> None:
    window, frames = open_window(), list[str]()

    def record(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(str(frame)))

    window.on("websocket", record)
    window.goto(url)

    def subscribed() -> bool:
        window.wait_for_timeout(20)
        return any("subscription_succeeded" in frame for frame in frames)

    wait_until(subscribed)
    request = urllib.request.Request(f"{url}/hello/world", method="POST")
    assert urllib.request.urlopen(request, timeout=10).status == 204
    expect(window.locator("body")).to_contain_text("world")
