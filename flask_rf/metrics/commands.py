"""``flask rf metrics``: the numbers from the command line, or served off the workers."""

from __future__ import annotations

import os

import click
from flask import current_app
from flask import Flask
from flask.cli import with_appcontext

from ..errors import RFError
from ..metric_files import Busy
from ..metric_files import DIRECTORY
from ..settings import resolve
from . import families
from .exporter import listen
from .exposition import expose
from .options import MetricsOptions


@click.command("metrics")
@click.option("--port", type=click.IntRange(1, 65535), help="Serve them on this port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The port's address.")
@with_appcontext
def metrics_command(port: int | None, host: str) -> None:
    """Print the workers' metrics, or serve them to Prometheus on a port of their own."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        options = resolve(app, MetricsOptions)
        families.prometheus()
        _require_files()
        if port is None:
            click.echo(expose().body, nl=False)
        else:
            _serve(app, options, host, port)
    except (RFError, Busy, OSError) as error:
        raise click.ClickException(str(error)) from None


def _require_files() -> None:
    if DIRECTORY not in os.environ:
        raise click.ClickException(
            f"{DIRECTORY} is not set: name the directory that the workers write to, "
            "here and where they start"
        )


def _serve(app: Flask, options: MetricsOptions, host: str, port: int) -> None:
    server = listen(host, port, app, options)
    click.echo(f"Metrics are at http://{host}:{port}/metrics. Ctrl-C stops it.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
