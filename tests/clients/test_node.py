"""pusher-js, Laravel Echo and Pusher's server SDK under Node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.parts.gunicorn import Gunicorn

from .scenarios import each_scenario

pytestmark = [pytest.mark.node, pytest.mark.servers]


@each_scenario
def test_under_node(
    module: str, scenario: str, server: Gunicorn, node: Callable[..., None]
) -> None:
    node("run.mjs", module, scenario, str(server.port), str(server.process.pid))


def test_pushers_server_sdk_publishes_asks_and_ends_connections(
    server: Gunicorn, node: Callable[..., None]
) -> None:
    node("server_sdk.mjs", str(server.port))
