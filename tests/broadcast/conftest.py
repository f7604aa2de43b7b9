from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broadcast.client import Socket
from tests.broadcast.client import Stream


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    yield
    for opened in (Socket.opened, Stream.opened):
        while opened:
            opened.pop().cut()
