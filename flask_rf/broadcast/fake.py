"""Recording instead of sending, for the tests of apps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask.json.provider import JSONProvider


@dataclass(frozen=True)
class SentEvent:
    """An event that an app would have sent.

    :param channels: all that one call of ``send`` named.
    :param data: as clients would receive it.
    :param skip: id of the socket left out, or "".
    """

    event: str
    channels: tuple[str, ...]
    data: Any
    skip: str = ""

    def __str__(self) -> str:
        leaving_out = f", leaving out socket {self.skip}" if self.skip else ""
        return f"{self.event!r} to {', '.join(self.channels)}: {self.data!r}{leaving_out}"


def _anything(data: Any) -> bool:
    return True


class Sent:
    """What an app sent while it was faked.

    ``__tracebackhide__`` makes pytest show the test's line, not ours.

    :param json: the app's; data are compared as it would write them.
    """

    def __init__(self, json: JSONProvider) -> None:
        self._json = json
        self._events: list[SentEvent] = []

    def record(self, channels: tuple[str, ...], event: str, text: str, skip: str) -> None:
        """:param text: the event's data: JSON, or what a server SDK sent instead."""
        try:
            data = self._json.loads(text)
        except ValueError:
            data = text
        self._events.append(SentEvent(event, channels, data, skip))

    @property
    def events(self) -> tuple[SentEvent, ...]:
        """All that was sent, in order."""
        return tuple(self._events)

    def assert_sent(
        self,
        event: str,
        *,
        channel: str | None = None,
        data: Any = _anything,
        times: int | None = None,
    ) -> None:
        """Fail unless an event was sent.

        :param event: its name.
        :param channel: one that it went to.
        :param data: equal to what was sent, or a function that is true of it.
        :param times: how often exactly; at least once by default.
        """
        __tracebackhide__ = True
        found = sum(self._matches(each, event, channel, data) for each in self._events)
        if found != times and not (times is None and found):
            expected = "at least once" if times is None else _times(times)
            what = _describe(event, channel, data)
            self._fail(f"expected {what} {expected}, but it was sent {_times(found)}")

    def assert_not_sent(
        self, event: str, *, channel: str | None = None, data: Any = _anything
    ) -> None:
        """Fail if an event was sent; the parameters are those of :meth:`assert_sent`."""
        __tracebackhide__ = True
        self.assert_sent(event, channel=channel, data=data, times=0)

    def assert_nothing_sent(self) -> None:
        """Fail if any event was sent."""
        __tracebackhide__ = True
        if self._events:
            self._fail("expected no event at all")

    def _matches(self, sent: SentEvent, event: str, channel: str | None, data: Any) -> bool:
        if sent.event != event or (channel is not None and channel not in sent.channels):
            return False
        if callable(data):
            return bool(data(sent.data))
        wanted = self._json.loads(self._json.dumps({} if data is None else data))
        return bool(sent.data == wanted)

    def _fail(self, complaint: str) -> None:
        __tracebackhide__ = True
        listed = "".join(f"\n  {each}" for each in self._events)
        what = f"what was sent:{listed}" if listed else "nothing was sent"
        raise AssertionError(f"{complaint}; {what}")


class Fakes:
    """The records being made for one app, one inside the other."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._records: tuple[Sent, ...] = ()

    @property
    def innermost(self) -> Sent | None:
        records = self._records
        return records[-1] if records else None

    @contextmanager
    def record(self, json: JSONProvider) -> Iterator[Sent]:
        """Have everything recorded that any thread sends meanwhile."""
        sent = Sent(json)
        with self._changing:
            self._records = (*self._records, sent)
        try:
            yield sent
        finally:
            with self._changing:
                self._records = tuple(each for each in self._records if each is not sent)


def _describe(event: str, channel: str | None, data: Any) -> str:
    where = "" if channel is None else f" to {channel}"
    if data is _anything:
        return f"{event!r}{where}"
    if callable(data):
        return f"{event!r}{where}, {getattr(data, '__qualname__', data)}() being true of it,"
    return f"{event!r}{where}: {data!r}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
