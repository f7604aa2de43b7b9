"""What can go wrong, as a small tree whose leaves carry their evidence.

Each gives all it was made of to ``Exception``, by which it travels between processes.
"""

from __future__ import annotations

from typing import Any
from typing import ClassVar

#: Characters of a refused value that are shown: enough to know it by.
_SHOWN = 200


class RFError(Exception):
    """Base of every error flask_rf raises by itself."""


class SetupError(RFError, RuntimeError):
    """A feature was set up twice, left out, or used before it was set up."""


class ConfigurationError(RFError, ValueError):
    """A setting or argument has a value that cannot be meant.

    :param setting: its name as the user wrote it (``"CORS_ORIGINS"``).
    :param value: the value refused; shown escaped, and only how it begins if it is long.
    :param remedy: what to write instead, as the end of a sentence.
    :param source: where the value came from (``"environment"``).
    """

    def __init__(self, setting: str, value: Any, remedy: str, source: str | None = None) -> None:
        self.setting = setting
        self.value = value
        self.remedy = remedy
        self.source = source
        super().__init__(setting, value, remedy, source)

    def __str__(self) -> str:
        article = "" if self.source == "app.config" else "the "
        origin = f" (from {article}{self.source})" if self.source else ""
        return f"{self.setting}={_shown(self.value)}{origin}: {self.remedy}"


def _shown(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"


class RedisUnavailable(RFError, ConnectionError):
    """Redis did not answer within its time budget.

    :param operation: what was attempted (``"rate limit check"``).
    :param reason: the first line of the cause, without credentials.
    """

    def __init__(self, operation: str, reason: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(operation, reason)

    def __str__(self) -> str:
        return f"{self.operation}: Redis is unavailable ({self.reason})"


class BroadcastError(RFError):
    """An event could not be published.

    :param channel: the first channel concerned.
    :param event: the event's name.
    :param reason: why, in words.
    """

    def __init__(self, channel: str, event: str, reason: str) -> None:
        self.channel = channel
        self.event = event
        self.reason = reason
        super().__init__(channel, event, reason)

    def __str__(self) -> str:
        return f"{self.event!r} was not sent to {self.channel!r}: {self.reason}"


class StorageError(RFError):
    """A disk could not do what was asked.

    What the driver met is its ``__cause__``.

    :param reason: why, in words.
    :ivar disk: the disk's name.
    :ivar path: the file or directory concerned.
    """

    #: What :data:`~flask_rf.signals.storage_operation` calls it.
    outcome: ClassVar[str] = "error"
    #: What a view that does not catch it answers with.
    status: ClassVar[int] = 500

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.disk = ""
        self.path = ""

    def __str__(self) -> str:
        place = [f"{self.path!r}"] if self.path else []
        place += [f"the disk {self.disk!r}"] if self.disk else []
        return f"{' on '.join(place)}: {self.reason}" if place else self.reason


class NotFound(StorageError):
    """There is no such file."""

    outcome = "not_found"
    status = 404


class InvalidPath(StorageError, ValueError):
    """A path that no disk accepts."""

    outcome = "invalid_path"
    status = 404


class AlreadyExists(StorageError):
    """The file was to be created and is there already."""

    outcome = "already_exists"
    status = 409


class Conflict(StorageError):
    """The file has changed meanwhile."""

    outcome = "conflict"
    status = 409


class Obstructed(StorageError):
    """A directory is where the file should be, or a file where a directory should be."""

    outcome = "obstructed"
    status = 409


class TooLarge(StorageError):
    """More bytes than are allowed."""

    outcome = "too_large"
    status = 413


class WrongType(StorageError):
    """Content of a type that is not allowed."""

    outcome = "wrong_type"
    status = 415


class Incomplete(StorageError):
    """The content ended before its announced size."""

    outcome = "incomplete"
    status = 400


class Denied(StorageError):
    """The disk does not allow it: permissions, credentials, a symbolic link, a read-only disk."""

    outcome = "denied"


class Linked(Denied):
    """A symbolic link is on the path, which no disk follows: as if nothing were there."""

    status = 404


class NoSpace(StorageError):
    """The disk is full."""

    outcome = "no_space"
    status = 507


class Unavailable(StorageError, ConnectionError):
    """The disk does not answer, or stopped in the middle."""

    outcome = "unavailable"
    status = 503


class Unsupported(StorageError):
    """The disk's driver or server cannot do this at all."""

    outcome = "unsupported"
