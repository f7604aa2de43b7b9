"""``rf.js`` on a page of a real server, whose link is cut again and again."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.broadcast.client import send
from tests.broadcast.client import Socket
from tests.parts.gunicorn import Gunicorn
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess

pytestmark = [pytest.mark.browser, pytest.mark.servers]

ROOM = "presence-room.page"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as started:
        redis = RedisProcess(folder)
        started.callback(redis.stop)
        env = {"REDIS_URL": redis.url, "REDIS_TIMEOUT": "5"}  # a busy machine's takes its time
        server = Gunicorn("tests.apps.events:app", folder, "--workers", "2", **env)
        started.callback(server.process.kill)
        yield server
        assert "Traceback" not in server.output(), server.output()


@pytest.fixture
def proxy(server: Gunicorn) -> Iterator[FaultProxy]:
    proxy = FaultProxy(server.port)
    yield proxy
    proxy.close()


class Visit:
    """A page with ``rf``, for the user ann, behind the proxy; ``told`` keeps what it heard."""

    def __init__(self, page: Page, proxy: FaultProxy, transport: str) -> None:
        self.page, self.transport = page, transport
        proxy.forbidden = b"Upgrade: websocket" if transport == "sse" else b""
        page.goto(f"http://127.0.0.1:{proxy.port}/")
        page.add_script_tag(url="/broadcasting/rf.js")
        page.evaluate(
            "window.told = []; window.rf = new RF({headers: {'X-User': 'ann'}});"
            "rf.on('state', (state, detail) => (window.detail = detail))"
        )

    def listen(self, channel: str) -> None:
        self.page.evaluate(
            "(name) => rf.channel(name).listen('message', (n) => told.push(n))"
            ".missed(() => told.push('missed')).subscribed(() => (window.ready = true))",
            channel,
        )
        self.until("window.ready")

    def until(self, expression: str) -> None:
        self.page.wait_for_function(expression)

    def get(self, expression: str) -> Any:
        return self.page.evaluate(expression)


@pytest.fixture(params=["websocket", "sse"])
def visit(
    request: pytest.FixtureRequest, open_window: Callable[..., Page], proxy: FaultProxy
) -> Visit:
    return Visit(open_window(), proxy, request.param)


def test_a_page_is_connected_by_what_its_network_lets_pass(visit: Visit) -> None:
    visit.listen("log.page")
    assert visit.get("[rf.state, detail.transport]") == ["connected", visit.transport]


def test_whatever_is_cut_each_event_is_heard_once_and_in_order(
    visit: Visit, proxy: FaultProxy, server: Gunicorn
) -> None:
    visit.listen(f"log.cut-{visit.transport}")
    for number in range(1, 41):
        if number % 5 == 0:
            proxy.cut()
        send(server.port, f"log.cut-{visit.transport}", number)
        visit.page.wait_for_timeout(20)
    visit.until("told.length >= 40")
    assert visit.get("told") == list(range(1, 41))


def test_what_is_gone_for_good_is_said_to_be_missed(
    visit: Visit, proxy: FaultProxy, server: Gunicorn
) -> None:
    channel = f"short.{visit.transport}"
    visit.listen(channel)
    proxy.refusing = True
    proxy.cut()
    for number in range(300):
        send(server.port, channel, number)
    proxy.refusing = False
    visit.until("told.length")
    visit.until("rf.state === 'connected'")
    send(server.port, channel, "new")
    visit.until("told.includes('new')")
    assert visit.get("told") == ["missed", "new"]


def test_a_page_is_present_and_sees_who_else_is(visit: Visit, server: Gunicorn) -> None:
    visit.get("window.room = rf.join('room.page').joining(({ id }) => told.push(id))")
    visit.until("room.me === 'ann' && room.members.length === 1")
    other = Socket(server.port)
    assert "ann" in other.subscribe(ROOM, "bob")["data"]["presence"]["ids"]
    visit.until("told.length === 1 && room.members.length === 2")
    other.cut()
    visit.until("room.members.length === 1")


def test_its_own_events_are_left_out_also_of_what_it_gets_back(
    visit: Visit, proxy: FaultProxy, server: Gunicorn
) -> None:
    channel = f"log.own-{visit.transport}"
    visit.listen(channel)
    own = {"X-Socket-ID": visit.get("rf.socketId")}
    proxy.refusing = True
    proxy.cut()
    send(server.port, channel, "mine", **own)
    send(server.port, channel, "theirs")
    proxy.refusing = False
    visit.until("told.length")
    assert visit.get("told") == ["theirs"]
