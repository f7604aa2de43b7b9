"""pusher-js and Laravel Echo in a real browser, on a page of the server's own."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page
from playwright.sync_api import Route

from tests.browser.conftest import browser
from tests.browser.conftest import open_window
from tests.parts.gunicorn import Gunicorn

from .conftest import HERE
from .scenarios import each_scenario
from .scenarios import MODULES

__all__ = ["browser", "open_window"]

pytestmark = [pytest.mark.browser, pytest.mark.node]

_RUN = """async ([module, scenario, port]) => {
  const [{ makeWorld, disconnectAll }, scenarios] = await Promise.all(
    ["world", module].map((name) => import(`/clients/${name}.mjs`)),
  );
  const restart = window.restart;
  await scenarios[scenario](makeWorld({ Pusher, Echo: Echo.default, port, restart }));
  disconnectAll();
}"""


@pytest.fixture
def page(open_window: Callable[..., Page], packages: Path, server: Gunicorn) -> Page:
    page = open_window()
    files = {f"{name}.mjs": HERE / f"{name}.mjs" for name in ("world", *MODULES)}
    files["pusher.js"] = packages / "pusher-js/dist/web/pusher-with-encryption.min.js"
    files["echo.js"] = packages / "laravel-echo/dist/echo.iife.js"
    for name, path in files.items():
        page.route(f"**/clients/{name}", partial(serve, path))
    page.expose_function("restart", lambda: server.process.signal(signal.SIGHUP))
    page.goto(server.url)  # a page made up here could not open sockets to loopback
    for name in ("pusher.js", "echo.js"):
        page.add_script_tag(url=f"/clients/{name}")
    return page


def serve(path: Path, route: Route) -> None:
    route.fulfill(path=path, content_type="text/javascript")


@each_scenario
def test_in_a_browser(module: str, scenario: str, page: Page, server: Gunicorn) -> None:
    page.evaluate(_RUN, [module, scenario, server.port])
