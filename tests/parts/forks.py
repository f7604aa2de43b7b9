"""What a fork of the tests' own process does, without ever going on with the tests."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable


def in_fork(work: Callable[[], object], fork: Callable[[], int] = os.fork) -> str:
    """What ``work`` returns in a child process, as text; nothing where it raises."""
    reader, writer = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.write(writer, str(work()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        found = said.read()
    os.waitpid(child, 0)
    return found
