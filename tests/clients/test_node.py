"""pusher-js, Laravel Echo and Pusher's server SDK under Node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.parts.gunicorn import Gunicorn

from .conftest import Link
from .conftest import PLUG_IN
from .scenarios import each_scenario_of
from .scenarios import MODULES
from .scenarios import WITH_PLUG_IN

pytestmark = [pytest.mark.node, pytest.mark.servers]

Node = Callable[..., None]


@each_scenario_of(*MODULES)
def test_under_node(module: str, scenario: str, server: Gunicorn, node: Node, link: Link) -> None:
    node("run.mjs", module, scenario, server.port, server.process.pid, link.port)


@each_scenario_of("pusher_js", WITH_PLUG_IN)
def test_under_node_with_the_plug_in(
    module: str, scenario: str, server: Gunicorn, node: Node, link: Link
) -> None:
    node("run.mjs", module, scenario, server.port, server.process.pid, link.port, PLUG_IN)


def test_pushers_server_sdk_publishes_asks_and_ends_connections(
    server: Gunicorn, node: Node
) -> None:
    node("server_sdk.mjs", server.port)
