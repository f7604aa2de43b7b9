"""``flask rf limits``: which limits hold where, and what a client has left."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from flask.cli import with_appcontext

from ..client_address import network_of
from ..client_address import parse_address
from .compiled import CompiledLimiter
from .keys import bounded
from .limit import Limit
from .limit import Rate
from .plan import Entry
from .plan import Place
from .plan import PREFLIGHT
from .plan import scope_of
from .policy import LETTERS
from .policy import Policy
from .store import Claim

_KEY = re.compile(r"(.*?):([a-z])(\d+)/(\d+):([^{]*):\{.*\}", re.DOTALL)


@click.group("limits", cls=AppGroup, invoke_without_command=True)
@click.pass_context
@with_appcontext
def limits_command(context: click.Context) -> None:
    """List every route's limits; show or clear what a client used."""
    if context.invoked_subcommand is None:
        _list(_limiter())


@limits_command.command("show")
@click.argument("key")
def show(key: str) -> None:
    """Show what KEY, an address or whatever limits count by, has left."""
    compiled = _shared_limiter()
    scopes = _scopes(compiled)
    rows = [_left(compiled, found, scopes) for found in _keys(compiled, key)]
    if not rows:
        click.echo(f"Nothing is counted for {_printable(key)}.")
        return
    _print_table(("LIMIT", "COUNTED", "LEFT", "MORE IN"), rows)


@limits_command.command("clear")
@click.argument("key")
def clear(key: str) -> None:
    """Forget what KEY used of every limit."""
    compiled = _shared_limiter()
    found = _keys(compiled, key)
    compiled.clear(found)
    counts = "1 count" if len(found) == 1 else f"{len(found)} counts"
    click.echo(f"Cleared {counts} of {_printable(key)}.")


def _printable(key: str) -> str:
    """``key``, which may be bytes of a shell that are no text."""
    return key.encode("utf-8", "backslashreplace").decode()


def _limiter() -> CompiledLimiter:
    compiled: CompiledLimiter | None = current_app.extensions.get("rf_limiter")
    if compiled is None:
        raise click.ClickException("no limiter is set up on this app; add Limiter(app)")
    return compiled


def _shared_limiter() -> CompiledLimiter:
    compiled = _limiter()
    if not compiled.store.shared:
        raise click.ClickException(
            "counts are in the memory of each worker, where no command sees them; set REDIS_URL"
        )
    policy = Policy(Limit(Rate(1, 1)), "fixed-window", "deny", "", "")
    # Under our own prefix: an ACL may allow no other.
    look = Claim(policy, f"{compiled.namespace}:look", 0)
    if compiled.store.take([look])[0].held_by is None:
        raise click.ClickException("Redis does not answer")
    return compiled


def _list(compiled: CompiledLimiter) -> None:
    plan = compiled.compile_plan()
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (endpoint, method), entry in plan.entries.items():
        if method not in (PREFLIGHT, "HEAD", "OPTIONS"):
            grouped.setdefault((endpoint, _texts(entry)), []).append(method)
    rows = [
        (endpoint, ",".join(sorted(methods)), text or "no limit")
        for (endpoint, texts), methods in sorted(grouped.items())
        for text in texts or ("",)
    ]
    for function, entry in sorted(plan.called.items()):
        rows += [(f"{function}()", "(when called)", text) for text in _texts(entry)]
    rows += [("(no route)", "", text) for text in _texts(plan.unrouted)]
    _print_table(("ENDPOINT", "METHODS", "LIMIT"), rows)


def _texts(entry: Entry) -> tuple[str, ...]:
    return tuple(_explain(item) for item in entry)


def _explain(item: Policy | Place) -> str:
    if isinstance(item, Place):
        return f"what {_name(item.dynamic.source)}() says in the request"
    limit = item.limit
    by = _name(limit.key) or "client"
    facts = [f"{limit} by {by}", item.strategy]
    if limit.shared:
        scope = limit.scope
        shown = f"what {_name(scope)}() says" if callable(scope) else repr(scope)
        facts.append(f"counted together as {shown}")
    if limit.cost != 1:
        facts.append("costs " + (str(limit.cost) if isinstance(limit.cost, int) else "vary"))
    if limit.deduct_when is not None:
        facts.append("given back unless the response counts")
    if limit.exempt_when is not None:
        facts.append("not always")
    if limit.shadow:
        facts.append("refuses nothing (shadow)")
    if item.on_error != "local":
        facts.append(f"without Redis: {item.on_error}")
    return ", ".join(facts)


def _name(function: Any) -> Any:
    """A function by its name; what is none as it is."""
    return getattr(function, "__qualname__", function)


def _keys(compiled: CompiledLimiter, key: str) -> list[str]:
    address = parse_address(key.partition("/")[0])
    client = network_of(str(address), compiled.options.ipv6_prefix) if address else key
    found = {*compiled.store.keys(compiled.namespace, f"{{{bounded(client)}}}")}
    # What a function says of the scope stands in front of the client; what is no such limit's
    # may be another client's own.
    scoped = {prefix for prefix, policy in _policies(compiled) if callable(policy.limit.scope)}
    joined = compiled.store.keys(compiled.namespace, f"|{client}}}") if scoped else ()
    return sorted(found | {other for other in joined if _prefix_of(other) in scoped})


def _policies(compiled: CompiledLimiter) -> Iterator[tuple[str, Policy]]:
    plan = compiled.compile_plan()
    for entry in (*plan.entries.values(), plan.unrouted):
        yield from ((item.prefix, item) for item in entry if isinstance(item, Policy))


def _prefix_of(key: str) -> str:
    return f"{key.partition('{')[0]}{{"


def _scopes(compiled: CompiledLimiter) -> dict[str, str]:
    """What policies count at, by their prefix, where a long name is but a digest."""
    found: dict[str, str] = {}
    for (endpoint, method), entry in compiled.compile_plan().entries.items():
        for item in entry:
            if isinstance(item, Policy):
                found[item.prefix] = scope_of(item.limit, endpoint, method)
    return found


def _left(compiled: CompiledLimiter, key: str, scopes: Mapping[str, str]) -> tuple[str, ...]:
    match = _KEY.fullmatch(key)
    if match is None:  # counted by hand: only the code that counts knows how many are too many
        return ("by hand", key, "", "")
    _, letter, count, seconds, scope = match.groups()
    limit = Limit(Rate(int(count), int(seconds)), lease=letter == LETTERS["concurrency"])
    strategy = next(name for name, its in LETTERS.items() if its == letter)
    policy = Policy(limit, strategy, "local", "", "")
    verdict = compiled.store.take([Claim(policy, key, 0)])[0]
    wait = f"{verdict.reset / 1e6:.0f} s"
    scope = scopes.get(_prefix_of(key), scope)
    return (f"{limit}, {strategy}", scope, f"{verdict.remaining} of {count}", wait)


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    for index, row in enumerate(table):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.secho(line.rstrip(), bold=index == 0)
