"""Which server a connection has reached.

What is numbered by a server must be told from what another numbers: a replica that takes
over may lack acknowledged writes, and a server that starts again may have lost them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

_NEVER_PROMOTED = "0" * 40


class Primary(NamedTuple):
    """
    :param run_id: names one run of one server; "-" where it does not tell.
    :param kept: all that it acknowledged before it started is there: it wrote to a file of its
        own (AOF) all the time, and no replica was promoted to it.
    """

    run_id: str
    kept: bool


#: A server that does not answer INFO, as access rules may have it.
UNKNOWN = Primary("-", False)


#: A command, or what makes it once it is known which server it goes to.
Command = tuple[Any, ...] | Callable[[Primary], tuple[Any, ...]]


def parse_info(text: str) -> Primary:
    """Read what INFO answers."""
    fields = dict(line.partition(":")[::2] for line in text.splitlines())
    run_id = fields.get("run_id", "")
    if not run_id.isalnum():
        return UNKNOWN
    own = fields.get("role") == "master" and fields.get("master_replid2") == _NEVER_PROMOTED
    return Primary(run_id, own and fields.get("aof_enabled") == "1")


def ask(connection: Any) -> Primary:
    """Ask the server behind one of redis-py's connections.

    :raises redis.exceptions.ConnectionError: it is lost.
    """
    from redis.exceptions import ResponseError

    try:
        connection.send_command("INFO")
        answer = connection.read_response()
    except ResponseError:
        return UNKNOWN
    return parse_info(answer.decode("utf-8", "replace"))


def made_for(connection: Any, command: Command) -> tuple[Any, ...]:
    """``command`` as it is to be sent over ``connection``."""
    if not callable(command):
        return command
    # Asked once for each socket, since redis-py's connections dial anew by themselves.
    asked, primary = getattr(connection, "_rf_primary", (None, UNKNOWN))
    if asked is not connection._sock:
        primary = ask(connection)
        connection._rf_primary = (connection._sock, primary)
    return command(primary)
