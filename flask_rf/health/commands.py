"""``flask rf health``: the checks from the command line, for cron and people."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from .monitor import Monitor
from .result import Outcome

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


@click.command("health")
@with_appcontext
@click.pass_context
def health(context: click.Context) -> None:
    """Run every check from here; the exit status is 1 if one fails.

    The workers that serve are not asked: probe them by HTTP.
    """
    monitor: Monitor | None = current_app.extensions.get("rf_health")
    if monitor is None:
        raise click.ClickException("health is not set up on this app; add Health(app)")
    report = monitor.report()
    for outcome in report.outcomes:
        click.echo(_line(outcome))
    click.secho(report.status, fg=_COLOURS[report.status], bold=True)
    context.exit(1 if report.status == "fail" else 0)


def _line(outcome: Outcome) -> str:
    status = click.style(outcome.result.status, fg=_COLOURS[outcome.result.status])
    line = f"{status}  {outcome.check.name}  {outcome.seconds * 1000:.1f} ms"
    return f"{line}  {outcome.result.output}" if outcome.result.output else line
