"""The example chat as people meet it: real windows, gunicorn's workers and a real Redis."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import expect
from playwright.sync_api import Locator
from playwright.sync_api import Page
from playwright.sync_api import Route

from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.proxy import FaultProxy
from tests.parts.redis import RedisProcess

pytestmark = pytest.mark.browser

Enter = Callable[..., Page]


@pytest.fixture
def serve(own_redis: RedisProcess, tmp_path: Path) -> Iterator[Callable[[int], Gunicorn]]:
    """Starts servers of the chat that share a Redis."""
    with ExitStack() as stack:

        def serve(workers: int) -> Gunicorn:
            options = ("examples.chat.app:app", tmp_path, "--workers", str(workers))
            # a busy machine's Redis is not to be blamed
            env = {"RATE_LIMIT_TIMEOUT": "5", "REDIS_TIMEOUT": "5"}
            server = Gunicorn(*options, REDIS_URL=own_redis.url, **env)
            stack.callback(lambda: print(server.output()))
            stack.callback(server.process.kill)  # a drain would take its seconds
            return server

        yield serve


@pytest.fixture
def chat(serve: Callable[[int], Gunicorn]) -> Gunicorn:
    return serve(2)


@pytest.fixture
def enter(request: pytest.FixtureRequest, open_window: Callable[..., Page]) -> Enter:
    """Brings a visitor into a room, connected; into the one ``chat`` unless told where."""

    def enter(
        name: str, room: str = "lobby", server: Gunicorn | FaultProxy | None = None, **options: int
    ) -> Page:
        server = server or request.getfixturevalue("chat")
        window = open_window(**({"viewport": options} if options else {}))
        window.goto(server.url)
        window.get_by_label("Your nickname").fill(name)
        window.get_by_role("button", name="Enter").click()
        if room != "lobby":
            window.get_by_role("link", name=room.title()).click()
        expect(state(window)).to_have_text("Connected")
        expect(people(window).filter(has_text=f"{name} (you)")).to_be_visible()
        return window

    return enter


def state(window: Page) -> Locator:
    return window.locator("#state")


def people(window: Page) -> Locator:
    return window.locator("#people li")


def messages(window: Page) -> Locator:
    return window.locator(".message .text")


def write(window: Page, text: str) -> None:
    window.get_by_label("Your message").press_sequentially(text)


def say(window: Page, text: str) -> None:
    write(window, text)
    window.get_by_label("Your message").press("Enter")


def test_what_is_said_while_the_last_words_are_on_their_way_follows_them(enter: Enter) -> None:
    ada = enter("Ada")
    held: list[Route] = []
    ada.route("**/messages", lambda route: held.append(route) if not held else route.continue_())
    say(ada, "One")
    wait_until(lambda: ada.wait_for_timeout(20) or held)
    say(ada, "Two")
    held[0].continue_()
    expect(messages(ada)).to_have_text(["One", "Two"])


def test_a_message_typed_in_one_window_appears_in_the_other(enter: Enter) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    say(ada, "Good morning")
    expect(messages(grace)).to_have_text(["Good morning"])
    expect(messages(ada)).to_have_text(["Good morning"])  # once: to_others() left her out
    expect(ada.get_by_label("Your message")).to_have_value("")
    say(grace, "To you too")
    expect(messages(ada)).to_have_text(["Good morning", "To you too"])
    expect(ada.locator(".mine .text")).to_have_text(["Good morning"])


def test_a_message_crosses_from_one_server_to_another(
    enter: Enter, serve: Callable[[int], Gunicorn]
) -> None:
    ada, grace = enter("Ada", server=serve(1)), enter("Grace", server=serve(1))
    expect(people(ada)).to_have_text([re.compile("Ada"), re.compile("Grace")])
    say(ada, "Over there?")
    expect(messages(grace)).to_have_text(["Over there?"])


def test_markup_stays_text_and_long_words_wrap(enter: Enter) -> None:
    ada, grace = enter("<i>Ada</i>", width=390, height=800), enter("Grace", width=390, height=800)
    say(ada, "<img src=x onerror=alert(1)> " + "w" * 300)
    expect(messages(grace)).to_contain_text("<img src=x onerror=alert(1)>")
    expect(people(grace).filter(has_text="<i>Ada</i>")).to_be_visible()
    assert grace.evaluate("document.documentElement.scrollWidth") == 390


def test_each_text_is_written_in_its_own_direction(enter: Enter) -> None:
    ada, noa = enter("Ada"), enter("נועה \u202e")  # overrides what follows, till it is isolated
    came = ada.locator(".happened").filter(has_text="came in")
    expect(came.locator("bdi")).to_have_text("נועה \u202e")
    expect(people(noa).filter(has_text="(you)").locator("bdi")).to_have_text("נועה \u202e")
    say(noa, "שלום! (1)")
    expect(messages(noa)).to_have_count(1)
    say(noa, "Hello! (2)")
    expect(messages(ada)).to_have_text(["שלום! (1)", "Hello! (2)"])
    directions = messages(ada).evaluate_all(
        "all => all.map(one => getComputedStyle(one).direction)"
    )
    assert directions == ["rtl", "ltr"]


def test_nothing_moves_for_who_wants_it_so(enter: Enter, link: FaultProxy) -> None:
    moving = "document.getAnimations().filter(one => one.playState === 'running').length"
    ada = enter("Ada", server=link)
    link.refusing = True
    link.cut()
    expect(state(ada)).to_have_text("Reconnecting…")
    wait_until(lambda: ada.evaluate(moving) > 0)
    ada.emulate_media(reduced_motion="reduce")
    wait_until(lambda: ada.evaluate(moving) == 0)


def test_what_is_typed_while_a_message_is_on_its_way_stays_alone_in_the_box(enter: Enter) -> None:
    ada, held = enter("Ada"), list[Route]()
    ada.route("**/messages", lambda route: held.append(route))
    say(ada, "Hello")
    wait_until(lambda: bool(ada.wait_for_timeout(20) or held))
    write(ada, "and")
    held.pop().continue_()
    expect(messages(ada)).to_have_text(["Hello"])
    expect(ada.get_by_label("Your message")).to_have_value("and")


def test_rooms_do_not_hear_each_other(enter: Enter) -> None:
    ada, grace, alan = enter("Ada", "kitchen"), enter("Grace", "garden"), enter("Alan", "kitchen")
    say(ada, "Soup")
    expect(messages(alan)).to_have_text(["Soup"])
    expect(messages(grace)).to_have_count(0)
    expect(people(grace)).to_have_count(1)


def test_a_reload_loses_nothing_and_nobody(enter: Enter) -> None:
    ada = enter("Ada")
    say(ada, "Still here?")
    expect(messages(ada)).to_have_text(["Still here?"])
    ada.reload()
    expect(ada.locator(".mine .text")).to_have_text(["Still here?"])
    expect(people(ada)).to_have_text(["AAda (you)"])


def test_who_is_here_follows_joins_and_leaves(enter: Enter) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    expect(people(ada)).to_have_text([re.compile("Ada \\(you\\)$"), re.compile("Grace$")])
    expect(ada.get_by_text("Grace came in")).to_be_visible()
    grace.get_by_role("button", name="Leave").click()
    expect(people(ada)).to_have_text([re.compile("Ada \\(you\\)$")])
    expect(ada.get_by_text("Grace left")).to_be_visible()


def test_a_second_window_of_one_visitor_is_the_same_person(enter: Enter) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    second = ada.context.new_page()
    second.goto(ada.url)
    expect(people(second)).to_have_count(2)
    say(ada, "From the first")
    expect(second.locator(".mine .text")).to_have_text(["From the first"])
    second.close()
    say(grace, "Only one of you?")
    expect(messages(ada)).to_have_count(2)
    expect(people(grace)).to_have_count(2)
    expect(grace.get_by_text("Ada left")).to_have_count(0)


def test_typing_shows_and_ends_with_the_message(enter: Enter) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    write(ada, "I was just")
    shown = grace.get_by_text("Ada is typing…")  # for some seconds, unless she types on
    wait_until(lambda: write(ada, ".") or shown.is_visible())
    expect(ada.locator("#typing")).to_have_text("")
    ada.get_by_role("button", name="Send").click()
    expect(messages(grace)).to_have_text([re.compile(r"I was just\.+")])
    expect(grace.locator("#typing")).to_have_text("")


def test_waving_shows_what_is_left_and_then_counts_down(enter: Enter) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    wave, quota = ada.get_by_role("button", name="Wave"), ada.locator("#quota")
    for left in (4, 3, 2, 1, 0):
        wave.click()
        expect(quota).to_have_text(f"{left} of 5 left")
    expect(grace.get_by_text("Ada waved 5 times")).to_be_visible()
    wave.click()
    expect(quota).to_have_text(re.compile(r"again in \d+ s"))
    first = quota.inner_text()
    expect(quota).to_have_text(re.compile(r"again in \d+ s"))
    expect(quota).not_to_have_text(first)
    expect(wave).to_be_disabled()


def test_going_offline_is_said(enter: Enter) -> None:
    ada = enter("Ada")
    ada.context.set_offline(True)
    expect(state(ada)).to_have_text("Offline")
    say(ada, "Anybody?")
    expect(ada.get_by_role("alert")).to_contain_text("Your words are still here")
    ada.context.set_offline(False)
    expect(state(ada)).to_have_text("Connected")
    ada.get_by_role("button", name="Send").click()
    expect(messages(ada)).to_have_text(["Anybody?"])


@pytest.fixture
def link(chat: Gunicorn) -> Iterator[FaultProxy]:
    """A way to the chat that can be cut."""
    link = FaultProxy(chat.port)
    link.url = f"http://127.0.0.1:{link.port}"
    yield link
    link.close()


def test_what_is_said_while_the_connection_is_lost_comes_once_it_is_back(
    enter: Enter, link: FaultProxy
) -> None:
    ada, grace = enter("Ada", server=link), enter("Grace")
    say(grace, "One")
    expect(messages(ada)).to_have_text(["One"])
    link.refusing = True
    link.cut()
    expect(state(ada)).to_have_text("Reconnecting…")
    for count, text in enumerate(("Two", "Three"), 2):
        say(grace, text)
        expect(messages(grace)).to_have_count(count)
    link.refusing = False
    expect(messages(ada)).to_have_text(["One", "Two", "Three"])
    expect(ada.locator(".gap")).to_have_count(0)


def test_a_message_of_ones_own_appears_once_though_it_was_sent_without_a_connection(
    enter: Enter, link: FaultProxy
) -> None:
    ada, grace = enter("Ada", server=link), enter("Grace")
    ada.route("**/broadcasting/sse*", lambda route: route.abort())
    link.forbidden = b"Upgrade: websocket"
    link.cut()
    expect(state(ada)).to_have_text("Reconnecting…")
    say(ada, "Anybody?")
    expect(messages(ada)).to_have_text(["Anybody?"])
    link.forbidden = b""
    expect(state(ada)).to_have_text("Connected")
    say(grace, "Me")
    expect(messages(ada)).to_have_text(["Anybody?", "Me"])


def test_what_cannot_be_had_any_more_is_said_to_be_missing(
    enter: Enter, link: FaultProxy, own_redis: RedisProcess
) -> None:
    ada, grace = enter("Ada", server=link), enter("Grace")
    link.refusing = True
    link.cut()
    expect(state(ada)).to_have_text("Reconnecting…")
    say(grace, "Lost")
    expect(messages(grace)).to_have_text(["Lost"])
    own_redis.client.delete(*own_redis.client.keys("*:position:*"))
    link.refusing = False
    expect(ada.get_by_text("Some messages may be missing here")).to_be_visible()
    for count, text in enumerate(("Of a new epoch", "Found"), 2):
        say(grace, text)
        expect(messages(grace)).to_have_count(count)
    expect(messages(ada).last).to_have_text("Found")
    ada.reload()
    expect(ada.locator(".gap")).to_have_count(1)


def test_the_chat_goes_on_where_no_websocket_passes(enter: Enter, link: FaultProxy) -> None:
    link.forbidden = b"Upgrade: websocket"
    ada, grace = enter("Ada", server=link), enter("Grace")
    expect(people(ada)).to_have_count(2)
    expect(state(ada)).to_have_attribute("title", re.compile("nobody sees you typing"))
    say(ada, "Can you hear me?")
    expect(messages(grace)).to_have_text(["Can you hear me?"])
    say(grace, "Clearly")
    expect(messages(ada)).to_have_text(["Can you hear me?", "Clearly"])


def test_new_workers_take_the_windows_over(enter: Enter, chat: Gunicorn) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    with ada.expect_websocket(), grace.expect_websocket():
        chat.process.signal(signal.SIGHUP)
    # A window that comes back at once may meet an old worker again, and is sent on once more.
    wait_until(lambda: chat.output().count("Worker exiting") == 2)
    for window in (ada, grace):
        expect(state(window)).to_have_text("Connected")
        expect(people(window)).to_have_count(2)
    say(ada, "Was there a deploy?")
    expect(messages(grace)).to_have_text(["Was there a deploy?"])
    assert "Traceback" not in chat.output()


def test_an_outage_of_redis_is_said_survived_and_over_in_seconds(
    enter: Enter, chat: Gunicorn, own_redis: RedisProcess
) -> None:
    ada, grace = enter("Ada"), enter("Grace")
    own_redis.kill()
    for window in (ada, grace):
        expect(state(window)).to_have_text("Interrupted")
        expect(window.get_by_text("The link between servers is down")).to_be_visible()
    say(ada, "Can you hear me?")
    expect(ada.get_by_role("alert")).to_contain_text("Your words are still here")
    expect(ada.get_by_label("Your message")).to_have_value("Can you hear me?")
    assert [chat.get("/")[0] for _ in range(20)] == [200] * 20
    ada.reload()  # a page opened in the outage says so as well
    expect(state(ada)).to_have_text("Interrupted")
    own_redis.start()
    for window in (ada, grace):
        expect(state(window)).to_have_text("Connected", timeout=20_000)
        expect(people(window)).to_have_count(2)
    say(ada, "And now?")
    expect(messages(grace)).to_have_text(["And now?"])
    assert "Traceback" not in chat.output()
    said = [line for line in chat.output().splitlines() if not line.startswith("{")]
    assert len(said) < 60  # beside the access log
