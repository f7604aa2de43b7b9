"""What can go wrong, as a small tree whose leaves carry their evidence."""

from __future__ import annotations

from typing import Any


class RFError(Exception):
    """Base of every error flask_rf raises by itself."""


class SetupError(RFError, RuntimeError):
    """A feature was set up twice, left out, or used before it was set up."""


class ConfigurationError(RFError, ValueError):
    """A setting or argument has a value that cannot be meant.

    :param setting: its name as the user wrote it (``"CORS_ORIGINS"``).
    :param value: the value refused; shown escaped.
    :param remedy: what to write instead, as the end of a sentence.
    :param source: where the value came from (``"environment"``).
    """

    def __init__(self, setting: str, value: Any, remedy: str, source: str | None = None) -> None:
        self.setting = setting
        self.value = value
        self.remedy = remedy
        self.source = source
        article = "" if source == "app.config" else "the "
        origin = f" (from {article}{source})" if source else ""
        super().__init__(f"{setting}={value!r}{origin}: {remedy}")


class RedisUnavailable(RFError, ConnectionError):
    """Redis did not answer within its time budget.

    :param operation: what was attempted (``"rate limit check"``).
    :param reason: the first line of the cause, without credentials.
    """

    def __init__(self, operation: str, reason: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(f"{operation}: Redis is unavailable ({reason})")


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
        super().__init__(f"{event!r} was not sent to {channel!r}: {reason}")
