"""``flask rf doctor``: looks, judges, and says it in colours."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

import click
from flask import current_app
from flask import Flask
from flask.cli import with_appcontext

from ..settings import resolved_settings
from . import app as judge_app
from . import machine as judge_machine
from . import redis as judge_redis
from .facts import RedisFacts
from .findings import Finding
from .findings import judged
from .look import app_facts
from .look import machine_facts
from .look_at_redis import redis_facts

_COLOURS = {"hurts": "red", "advice": "yellow", "fine": "green"}
_WORST_FIRST = list(_COLOURS)


@click.command("doctor")
@click.option("--all", "everything", is_flag=True, help="Say what is fine, too.")
@click.pass_context
@with_appcontext
def doctor(context: click.Context, everything: bool) -> None:
    """Say what would hurt in production; the exit status is 1 if anything would.

    Run it where the app runs, with its environment.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if not resolved_settings(app):
        raise click.ClickException("flask_rf is not set up on this app; add RF(app)")
    findings = sorted(examine(app), key=lambda finding: _WORST_FIRST.index(finding.severity))
    for finding in findings:
        if everything or finding.severity != "fine":
            _print(finding)
    click.secho(_summary(findings), bold=True)
    context.exit(1 if any(finding.severity == "hurts" for finding in findings) else 0)


def examine(app: Flask) -> Iterator[Finding]:
    """All there is to say about ``app``, its Redis servers and this machine."""
    yield from judged(app_facts(app), judge_app.JUDGES)
    for facts in redis_facts(app):
        yield from _judged_redis(facts)
    yield from judged(machine_facts(app), judge_machine.JUDGES)


def _judged_redis(facts: RedisFacts) -> Iterator[Finding]:
    yield from judged(facts, judge_redis.JUDGES)
    if not facts.error:
        yield from judged(facts, judge_redis.ANSWERING)


def _print(finding: Finding) -> None:
    severity = click.style(f"{finding.severity:<6}", fg=_COLOURS[finding.severity], bold=True)
    click.echo(f"{severity}  {click.style(finding.subject, bold=True)}: {finding.says}")
    if finding.mend:
        click.echo(f"        Mend: {finding.mend}.")


def _summary(findings: Iterable[Finding]) -> str:
    counts = {severity: 0 for severity in _WORST_FIRST}
    for finding in findings:
        counts[finding.severity] += 1
    hurt = f"{counts['hurts']} would hurt" if counts["hurts"] else "Nothing would hurt"
    return f"{hurt}; {counts['advice']} to think about, {counts['fine']} fine."
