"""``flask rf …``: commands that explain what an app is set up to do."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Any
from typing import cast

import click
from flask import current_app
from flask.cli import AppGroup

from .errors import RFError
from .settings import Hidden
from .settings import Resolved
from .settings import resolved_settings

#: Commands that features bring, by name; loaded when used.
_FEATURES = {
    "broadcast": ("flask_rf.broadcast.commands", "broadcast_command"),
    "channels": ("flask_rf.broadcast.commands", "channels_command"),
    "cors": ("flask_rf.cors.commands", "cors_command"),
    "doctor": ("flask_rf.doctor.commands", "doctor"),
    "health": ("flask_rf.health.commands", "health"),
    "limits": ("flask_rf.ratelimit.commands", "limits_command"),
    "metrics": ("flask_rf.metrics.commands", "metrics_command"),
    "migrate": ("flask_rf.migration.commands", "migrate"),
    "storage": ("flask_rf.storage.commands", "storage_command"),
}


class _Commands(AppGroup):
    """Our own commands and the features'."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_FEATURES])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _FEATURES:
            return super().get_command(ctx, name)
        module, command = _FEATURES[name]
        return cast(click.Command, getattr(importlib.import_module(module), command))

    def invoke(self, ctx: click.Context) -> Any:
        """Say in one sentence what stops an app from being loaded, or a command."""
        if os.environ.get("NO_COLOR"):  # https://no-color.org; click does not ask
            ctx.color = False
        try:
            return super().invoke(ctx)
        except RFError as error:
            raise click.ClickException(str(error)) from error


rf = _Commands("rf", help="Explain and operate flask_rf.")


@rf.command("config")
def config() -> None:
    """Print every setting, its value and where it came from."""
    settings = resolved_settings(current_app._get_current_object())  # type: ignore[attr-defined]
    if not settings:
        raise click.ClickException("flask_rf is not set up on this app; add RF(app)")
    _print_table(
        ("SETTING", "VALUE", "FROM"),
        [(key, _shown(found), found.source) for key, found in sorted(settings.items())],
    )


def _shown(found: Resolved) -> str:
    if found.value is None:
        return "-"
    value = Hidden() if found.setting.secret else found.value
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "-"
    return str(value) if isinstance(value, (str, bool, int, float)) else repr(value)


def _print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head) - 1)]
    for index, row in enumerate(table):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        line = "  ".join([*cells, row[-1]])
        click.secho(line, bold=index == 0)
