"""The settings of the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import ClassVar

from .. import kinds
from ..kinds import Network
from ..settings import Options
from ..settings import setting

_SHORTEST = 16  # characters: nobody counts guesses


def _token(raw: Any) -> str:
    written = kinds.text(raw)
    if len(written) < _SHORTEST:
        raise ValueError(f"write at least {_SHORTEST} random characters")
    return written


@dataclass(frozen=True)
class DashboardOptions(Options):
    prefix: ClassVar[str] = "RF_DASHBOARD_"

    enabled: bool = setting(
        kinds.boolean, False, key="RF_DASHBOARD", doc="Whether there is a dashboard."
    )
    path: str = setting(kinds.url_path("/rf"), "/rf", doc="Where it is.")
    token: str | None = setting(
        kinds.optional(_token), secret=True, doc="Lets in whoever types it, or sends it as bearer."
    )
    allow: tuple[Network, ...] = setting(kinds.networks, (), doc="Networks whose hosts may see it.")
    login: Callable[[], bool] | None = setting(
        kinds.optional(kinds.function),
        doc="Called in the request: whether the user who asks may see it.",
    )
