"""``flask rf broadcast`` and ``flask rf channels``: events from a shell, and who listens."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import with_appcontext

from ..errors import BroadcastError
from ..errors import RedisUnavailable
from .broadcasting import Broadcasting
from .broker import Broker
from .channel import parse_channel
from .publisher import Audience


@click.command("broadcast")
@click.argument("channel")
@click.argument("event")
@click.argument("data", metavar="[JSON]", required=False, default="{}")
@with_appcontext
def broadcast_command(channel: str, event: str, data: str) -> None:
    """Send an EVENT, with JSON as its data, to all who listen on CHANNEL."""
    broadcasting = _shared_broadcasting()
    try:
        value = json.loads(data)
    except ValueError as error:
        raise click.ClickException(
            f"{data!r} is not JSON ({error}); quote it for the shell, as in '{{\"id\": 7}}'"
        ) from None
    try:
        Audience(broadcasting.publish, (channel,)).send(event, value)
    except BroadcastError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Sent {event!r} to {channel}.")


@click.command("channels")
@click.option("--prefix", default="", help="Only channels whose names begin so.")
@with_appcontext
def channels_command(prefix: str) -> None:
    """List the channels that somebody listens on, over all servers."""
    broker = _shared_broadcasting().server.broker
    try:
        lines = [
            f"{subscriptions:>13}  {_users(broker, name):>5}  {name}"
            for name, subscriptions in sorted(broker.occupied(prefix).items())
        ]
    except RedisUnavailable as error:
        raise click.ClickException(str(error)) from None
    click.secho("SUBSCRIPTIONS  USERS  CHANNEL", bold=True)
    click.echo("\n".join(lines) or "Nobody listens.")


def _users(broker: Broker, channel: str) -> str:
    """How many are on a presence channel; of the other kinds nobody knows."""
    return str(len(broker.users(channel))) if parse_channel(channel).presence else "-"


def _shared_broadcasting() -> Broadcasting:
    broadcasting: Broadcasting | None = current_app.extensions.get("rf_broadcast")
    if broadcasting is None:
        raise click.ClickException("broadcasting is not set up on this app; add Broadcast(app)")
    if not broadcasting.options.between_processes:
        raise click.ClickException(
            "sockets are known to the memory of their own process alone, "
            "which no command reaches; set REDIS_URL"
        )
    return broadcasting
