"""pusher-js and Laravel Echo in a real browser, on a page of the server's own."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page
from playwright.sync_api import Route

from tests.broadcast.client import send
from tests.browser.conftest import browser
from tests.browser.conftest import open_window
from tests.parts.gunicorn import Gunicorn

from .conftest import HERE
from .conftest import Link
from .scenarios import each_scenario_of
from .scenarios import MODULES
from .scenarios import WITH_PLUG_IN

__all__ = ["browser", "open_window"]

pytestmark = [pytest.mark.browser, pytest.mark.node]

_RUN = """async ([module, scenario, port]) => {
  const [{ makeWorld, disconnectAll }, scenarios] = await Promise.all(
    ["world", module].map((name) => import(`/clients/${name}.mjs`)),
  );
  const { restart, publish, cut, restore } = window;
  const link = { port, cut, restore };
  await scenarios[scenario](makeWorld({ Pusher, Echo: Echo.default, link, restart, publish }));
  disconnectAll();
}"""


@pytest.fixture
def page(open_window: Callable[..., Page], packages: Path, server: Gunicorn, link: Link) -> Page:
    page = open_window()
    names = ("world", *MODULES, WITH_PLUG_IN)
    files = {f"{name}.mjs": HERE / f"{name}.mjs" for name in names}
    files["pusher.js"] = packages / "pusher-js/dist/web/pusher-with-encryption.min.js"
    files["echo.js"] = packages / "laravel-echo/dist/echo.iife.js"
    for name, path in files.items():
        page.route(f"**/clients/{name}", partial(serve, path))
    page.expose_function("restart", lambda: server.process.signal(signal.SIGHUP))
    page.expose_function("publish", partial(publish, server.port))
    page.expose_function("cut", link.cut)
    page.expose_function("restore", link.restore)
    # A page made up here could not open sockets to loopback, nor one of another port.
    page.goto(f"http://127.0.0.1:{link.port}/")
    for name in ("pusher.js", "echo.js"):
        page.add_script_tag(url=f"/clients/{name}")
    return page


def serve(path: Path, route: Route) -> None:
    route.fulfill(path=path, content_type="text/javascript")


def publish(port: int, channel: str, body: str, socket_id: str) -> int:
    own = {"X-Socket-ID": socket_id} if socket_id else {}
    return send(port, quote(channel), json.loads(body), **own)


@each_scenario_of(*MODULES)
def test_in_a_browser(module: str, scenario: str, page: Page, link: Link) -> None:
    page.evaluate(_RUN, [module, scenario, link.port])


@each_scenario_of(WITH_PLUG_IN)
def test_in_a_browser_with_the_plug_in(module: str, scenario: str, page: Page, link: Link) -> None:
    page.add_script_tag(url="/broadcasting/pusher-recovery.js")
    page.evaluate(_RUN, [module, scenario, link.port])
