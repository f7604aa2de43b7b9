"""What a fork of the tests' own process does, without ever going on with the tests."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable


def in_fork(work: Callable[[], object], fork: Callable[[], int] = os.fork) -> str:
    """What ``work`` returns in a child process, or raises, as text."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads of other tests
        child = fork()
    if child == 0:
        try:
            os.write(writer, (_outcome(work) or "nothing").encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    found = os.read(reader, 65536).decode()
    for end in (reader, writer):
        os.close(end)
    return found


def _outcome(work: Callable[[], object]) -> str:
    try:
        return str(work())
    except BaseException as error:
        return repr(error)
