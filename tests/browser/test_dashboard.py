"""The dashboard in Chromium: two gunicorn workers and a Redis, and one process without."""

from __future__ import annotations

import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect
from playwright.sync_api import Page

from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.redis import RedisProcess
from tests.parts.werkzeug import Werkzeug

pytestmark = [pytest.mark.browser, pytest.mark.servers]

APP = "tests.apps.watched:app"
TOKEN = "a long enough token"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, redis: RedisProcess) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("watched")
    env = {"REDIS_URL": redis.url, "RATE_LIMIT_TIMEOUT": "5", "REDIS_TIMEOUT": "5"}
    server = Gunicorn(APP, folder, "--workers", "2", **env)
    yield server
    output = server.output()
    server.stop()
    assert "Traceback" not in output, output


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    yield
    while Socket.opened:
        Socket.opened.pop().cut()


def enter(page: Page, url: str) -> None:
    page.goto(f"{url}/rf")
    page.fill("[name=token]", TOKEN)
    page.click("button")
    expect(page.locator("#state")).to_have_text("Live")


def visit(url: str, *paths: str) -> None:
    """Ask for pages side by side; a path that begins with a word of HTTP uses that method."""

    def ask(path: str) -> None:
        method, _, path = path.rpartition(" ")
        request = urllib.request.Request(url + path, method=method or "GET")
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=60).close()

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(ask, paths))


def rows(page: Page, table: str) -> list[list[str]]:
    """The cells' texts, read at once: the page may draw the table anew at any moment."""
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    found: list[list[str]] = page.locator(f"#{table} tbody tr").evaluate_all(read)
    return found


def test_it_shows_what_two_workers_do(open_window: Callable[..., Page], server: Gunicorn) -> None:
    page = open_window()
    enter(page, server.url)
    expect(page.locator("#workers tbody tr")).to_have_count(2)
    sockets = [Socket(server.port) for _ in range(4)]
    for socket in sockets:
        socket.subscribe("chat")
    for socket in sockets[:3]:
        socket.subscribe("presence-room.lobby", user="ann")

    def shows_all() -> bool:
        visit(server.url, *["/orders"] * 30, "/orders/17", "/orders/3", "POST /send/chat")
        shown = " ".join(page.locator(".figures .value").all_inner_texts())
        channels = {row[0]: row[1:] for row in rows(page, "channels")}
        return (
            {"GET /orders", "GET /orders/<int:order>", "POST /send/<channel>"}
            <= {row[0] for row in rows(page, "routes")}
            and ["127.0.0.1", "20/minute"] in [row[:2] for row in rows(page, "denied")]
            and ["127.0.0.1", "20/minute"] in [row[:2] for row in rows(page, "near")]
            and any(row[0] == "20/minute" for row in rows(page, "limits"))
            and channels.get("chat") == ["4", ""]
            and channels.get("presence-room.lobby") == ["3", "1"]
            and {row[0] for row in rows(page, "checks")} >= {"redis", "memory", "event loop"}
            and page.locator("#sockets b").inner_text() == "5"
            and "–" not in shown
        )

    wait_until(shows_all, 90, "all of it to be shown")
    assert "private-rf-dashboard" not in page.locator("#channels").inner_text()
    for chart in ("#statuses", "#times", "#requests", "#latency", "#loop"):
        expect(page.locator(f"{chart} svg :is(path, polyline)")).not_to_have_count(0)
    expect(page).to_have_title(re.compile(r"^[\d.]+/s · shop$"))


def test_who_comes_later_sees_what_was_before(
    open_window: Callable[..., Page], server: Gunicorn
) -> None:
    visit(server.url, *["/orders/3"] * 20)
    page = open_window()
    enter(page, server.url)
    drawn = """() => {
        const lines = [...document.querySelectorAll("#requests polyline")];
        return Math.max(0, ...lines.map((line) => line.getAttribute("points").split(" ").length));
    }"""
    wait_until(lambda: page.evaluate(drawn) > 8, 60, "the curve of some seconds before")
    page.reload()
    wait_until(lambda: page.evaluate(drawn) > 8, 60, "the same after a reload")


def test_it_fits_a_phone_and_a_desktop_by_day_and_by_night(
    open_window: Callable[..., Page], server: Gunicorn
) -> None:
    page = open_window()
    elsewhere: list[str] = []
    page.on("request", lambda r: r.url.startswith(server.url) or elsewhere.append(r.url))
    enter(page, server.url)
    expect(page.locator("#workers tbody tr")).to_have_count(2)
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    for scheme, bright in (("light", True), ("dark", False)):
        page.emulate_media(color_scheme=scheme)
        wait_until(lambda bright=bright: shade(page) > 600 if bright else shade(page) < 120)
    assert [url for url in elsewhere if not url.startswith(("data:", "ws"))] == []


def shade(page: Page) -> int:
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", back)[:3]))


def test_a_second_between_gaps_is_drawn_wide_enough_to_be_seen(
    open_window: Callable[..., Page], server: Gunicorn
) -> None:
    page = open_window()
    enter(page, server.url)
    width = """async () => {
        const { drawLines } = await import("/rf/static/charts.js");
        const svg = document.querySelector("header").appendChild(
            document.createElementNS("http://www.w3.org/2000/svg", "svg"));
        drawLines(svg, [{ name: "p50", values: [null, null, 4, null, null] }], 10);
        return svg.querySelector("polyline").getBBox().width;
    }"""
    assert page.evaluate(width) > 0


def test_what_strangers_have_written_stays_text(
    open_window: Callable[..., Page], server: Gunicorn
) -> None:
    page = open_window()
    enter(page, server.url)
    wild = Socket(server.port)
    wild.subscribe("chat;=@x")
    expect(page.locator("#channels")).to_contain_text("chat;=@x")
    assert page.locator("#channels script, #channels img").count() == 0


def test_a_worker_that_dies_goes_and_its_successor_comes(
    open_window: Callable[..., Page], server: Gunicorn
) -> None:
    page = open_window()
    enter(page, server.url)
    expect(page.locator("#workers tbody tr")).to_have_count(2)
    before = {row[0] for row in rows(page, "workers")}
    os.kill(int(sorted(before)[0].rpartition(":")[2]), signal.SIGKILL)

    def is_replaced() -> bool:
        shown = {row[0] for row in rows(page, "workers")}
        return len(shown) == 2 and shown != before

    wait_until(is_replaced, 60, "the worker that comes instead")
    expect(page.locator("#state")).to_have_text("Live")


def test_an_outage_of_redis_is_said_and_passes(
    open_window: Callable[..., Page], tmp_path: Path, own_redis: RedisProcess
) -> None:
    server = Gunicorn(APP, tmp_path, "--workers", "2", REDIS_URL=own_redis.url)
    try:
        page = open_window()
        enter(page, server.url)
        expect(page.locator("#workers tbody tr")).to_have_count(2)
        own_redis.kill()
        expect(page.locator("#state")).to_contain_text("Redis is away")
        own_redis.start()
        expect(page.locator("#state")).to_have_text("Live")
        shown = page.locator("#routes")
        wait_until(lambda: visit(server.url, "/late") or "(no route)" in shown.inner_text(), 60)
        expect(page.locator("#workers tbody tr")).to_have_count(2)
    finally:
        server.stop()


def test_one_process_without_redis_shows_itself(
    open_window: Callable[..., Page], tmp_path: Path
) -> None:
    server = Werkzeug(APP, tmp_path)
    url = f"http://127.0.0.1:{server.port}"
    try:
        page = open_window()
        enter(page, url)

        def shows_routes() -> bool:
            visit(url, *["/orders/3"] * 5)
            return any(len(row) == 4 for row in rows(page, "routes"))

        wait_until(shows_routes, 60, "the routes asked for")
        expect(page.locator("#workers tbody tr")).to_have_count(1)
        expect(page.locator("#redis .note")).to_have_text("not asked")
        expect(page.locator("#loop .note")).to_have_text("threads: no loop")
    finally:
        server.stop()
