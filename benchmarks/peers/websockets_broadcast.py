"""Python's websockets on asyncio with its broadcast()."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from redis.asyncio import Redis
from websockets.asyncio.server import broadcast
from websockets.asyncio.server import serve

clients: set[Any] = set()


async def handle(ws: Any) -> None:
    clients.add(ws)
    try:
        await ws.wait_closed()
    finally:
        clients.discard(ws)


async def main(port: int) -> None:
    messages = Redis.from_url(os.environ["REDIS_URL"]).pubsub(ignore_subscribe_messages=True)
    await messages.subscribe("bench")
    async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None, backlog=2048):
        async for message in messages.listen():
            broadcast(clients, message["data"].decode())


asyncio.run(main(int(sys.argv[1])))
