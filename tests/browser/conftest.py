"""A real browser: the Chromium of this machine, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import BrowserContext
from playwright.sync_api import expect
from playwright.sync_api import Page
from playwright.sync_api import sync_playwright

from .wire import Wire

_PATIENCE = 60_000  # milliseconds; a busy machine decides no test, nor do rf.js's longest pauses
expect.set_options(timeout=_PATIENCE)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_QUIET = (
    "--no-sandbox",  # containers seldom allow one, and every page here is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """``CHROME_PATH``, else the first Chromium or Chrome on the PATH."""
    paths = [os.environ.get("CHROME_PATH"), *map(shutil.which, _NAMES)]
    found = next((path for path in paths if path), None)
    if found is None or not os.access(found, os.X_OK):
        pytest.fail(
            "no Chromium found for the browser tests: install one (apt-get install chromium), "
            "name it in CHROME_PATH, or leave these tests out with -m 'not browser'",
            pytrace=False,
        )
    return found


# Not for the whole session: Playwright's event loop runs in this thread while it is open.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens windows of separate visitors, in which an uncaught error fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_window(**options: Any) -> Page:
        contexts.append(browser.new_context(locale="en-GB", **options))
        contexts[-1].set_default_timeout(_PATIENCE)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def wire(open_window: Callable[..., Page]) -> Wire:
    return Wire(open_window())
