from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broadcast.client import Socket


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    yield
    while Socket.opened:
        Socket.opened.pop().cut()
