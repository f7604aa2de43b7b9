"""``flask rf cors``: why a page may, or may not."""

from __future__ import annotations

import click
from flask import current_app
from flask import request
from flask.cli import with_appcontext

from .compiled import CompiledCORS
from .tokens import normalize_method


@click.command("cors")
@click.argument("origin")
@click.argument("method")
@click.argument("path")
@click.option("--header", "headers", multiple=True, help="A header the page sends; repeatable.")
@with_appcontext
def cors_command(origin: str, method: str, path: str, headers: tuple[str, ...]) -> None:
    """Explain whether a page of ORIGIN may use METHOD on PATH; exits with 1 if not."""
    compiled: CompiledCORS | None = current_app.extensions.get("rf_cors")
    if compiled is None:
        raise click.ClickException("CORS is not set up on this app; set CORS_ORIGINS")
    asked = {"Origin": origin, "Access-Control-Request-Method": normalize_method(method)}
    if headers:
        asked["Access-Control-Request-Headers"] = ", ".join(headers)
    with current_app.test_request_context(path, method="OPTIONS", headers=asked):
        _explain(compiled)


def _explain(compiled: CompiledCORS) -> None:
    policy = compiled.policy_for(request)
    if policy is None:
        raise click.ClickException(f"no policy covers {request.path!r}; see CORS_RESOURCES")
    decision = compiled.decide(request, policy)
    if decision.refusal:
        raise click.ClickException(decision.refusal)
    _print("The preflight is answered with 204:", decision.headers)
    _print("The response carries:", policy.actual(request.environ["HTTP_ORIGIN"]))


def _print(title: str, headers: dict[str, str]) -> None:
    click.secho(title, bold=True)
    for name, value in headers.items():
        click.echo(f"  {name}: {value}")
