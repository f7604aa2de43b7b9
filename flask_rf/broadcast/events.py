"""Events as classes, which know their channels, name and data themselves."""

from __future__ import annotations

import dataclasses
from abc import ABC
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BroadcastError
from .publisher import Audience
from .publisher import Sender


class Event(ABC):
    """Base of an app's own events, sent by ``broadcast.send(OrderShipped(7))``::

    @dataclass
    class OrderShipped(Event):
        order_id: int

        def broadcast_on(self) -> str:
            return f"private-orders.{self.order_id}"
    """

    @abstractmethod
    def broadcast_on(self) -> str | Sequence[str]:
        """The channel it goes to, or several."""

    def broadcast_as(self) -> str:
        """Its name; the class's by default."""
        return type(self).__name__

    def broadcast_with(self) -> Any:
        """Its data; by default the attributes whose names begin with no underscore."""
        names = list(vars(self))
        if dataclasses.is_dataclass(self):
            # With slots=True they are missing from vars().
            names = [field.name for field in dataclasses.fields(self)] + names
        return {name: getattr(self, name) for name in names if not name.startswith("_")}

    def broadcast_when(self) -> bool:
        """Whether it is to be sent at all."""
        return True


@dataclass(frozen=True)
class EventSender(Sender):
    """Sends events of classes of their own."""

    def send(self, event: Event, *, on_error: str = "raise") -> None:
        """Publish an event as it describes itself, or not at all if it says so.

        :param on_error: ``"raise"``, or ``"drop"`` to lose the event, counted and logged.
        :raises BroadcastError: it names no channel; else see :meth:`.publisher.Audience.send`.
        """
        if not isinstance(event, Event):
            raise TypeError(
                f"send() takes an instance of an Event class, not {event!r}; "
                "a name and data go to(channel).send(name, data)"
            )
        if event.broadcast_when():
            audience = Audience(self.publish, _channels(event), skip=self.skip)
            audience.send(event.broadcast_as(), event.broadcast_with(), on_error=on_error)


def _channels(event: Event) -> tuple[str, ...]:
    on = event.broadcast_on()
    channels = (on,) if isinstance(on, str) else tuple(on or ())
    if not channels:
        remedy = "broadcast_on() names no channel; to send nothing, let broadcast_when() say so"
        raise BroadcastError("", event.broadcast_as(), remedy)
    return channels
