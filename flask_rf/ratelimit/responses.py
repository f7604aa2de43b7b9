"""What a limited response says: the headers, and the 429.

``RateLimit-Policy`` and ``RateLimit`` are draft-ietf-httpapi-ratelimit-headers-10's;
``X-RateLimit-*`` is what clients knew before it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from markupsafe import escape
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import TooManyRequests
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from .limit import Limit
from .store import Claim
from .store import Verdict

_PROBLEM = "application/problem+json"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Too many requests</title>
<style>
:root {{ color-scheme: light dark }}
body {{
  max-width: 32rem; margin: 0 auto; padding: 18vh 1.5rem 2rem;
  font: 1.1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}}
h1 {{ margin: 0; font-size: 1.8rem; line-height: 1.2 }}
p {{ margin: .8rem 0 0 }}
</style>
<h1>Too many requests</h1>
<p>{message}</p>
<p>You can try again in {wait}.</p>
</html>
"""


class Window(NamedTuple):
    """What Flask-Limiter tells of a limit.

    :param reset_time: Unix time, in seconds, at which quota comes back.
    :param remaining: requests left.
    """

    reset_time: float
    remaining: int


class Decision(NamedTuple):
    """What was decided about one request and one limit."""

    claim: Claim
    verdict: Verdict

    @property
    def limit(self) -> Limit:
        return self.claim.policy.limit

    @property
    def key(self) -> str:
        """Whose requests are counted."""
        return self.claim.client

    @property
    def shared(self) -> bool:
        """Whether several endpoints are counted together."""
        return self.limit.shared

    @property
    def breached(self) -> bool:
        return not self.verdict.allowed

    @property
    def denies(self) -> bool:
        """The request is refused; a shadow limit's breach refuses nothing."""
        return not self.verdict.allowed and not self.claim.policy.limit.shadow

    @property
    def remaining(self) -> int:
        """Requests left, this one counted."""
        return self.verdict.remaining

    @property
    def reset_after(self) -> float:
        """Seconds until quota comes back."""
        return self.verdict.reset / 1e6

    @property
    def retry_after(self) -> float:
        """Seconds until the request would pass; 0 if it does."""
        return self.verdict.retry / 1e6

    @property
    def reset_at(self) -> int:
        """Unix time, in seconds, at which quota comes back."""
        return math.ceil(self.window.reset_time)

    @property
    def window(self) -> Window:
        return Window(time.time() + self.reset_after, self.remaining)


class RateLimitExceeded(TooManyRequests):
    """429 Too Many Requests (RFC 6585, section 4).

    :param decisions: of every limit that denied.
    :ivar decision: the one that denies for longest.
    """

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self.decisions = tuple(decisions)
        self.decision = max(decisions, key=lambda decision: decision.verdict.retry)
        super().__init__(_message(self.decision.limit))

    def get_response(self, environ: Any = None, scope: Any = None) -> Response:
        if environ is not None and prefers_html(environ.get("HTTP_ACCEPT", "")):
            return Response(self._page(), 429, mimetype="text/html")
        return Response(self._problem(), 429, mimetype=_PROBLEM)

    def _page(self) -> str:
        wait = retry_after_seconds(self.decision)
        seconds = "1 second" if wait == 1 else f"{wait} seconds"
        return _PAGE.format(message=escape(self.description), wait=seconds)

    def _problem(self) -> str:
        # RFC 9457, with the type and member the rate limit headers' draft registers.
        problem = {
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Too Many Requests",
            "status": 429,
            "detail": self.description,
            "violated-policies": [decision.claim.policy.name for decision in self.decisions],
        }
        return json.dumps(problem)


def prefers_html(accept: str) -> bool:
    """Whether a client would rather read a page than JSON."""
    if "html" not in accept:
        return False
    kinds = parse_accept_header(accept, MIMEAccept)
    return kinds.best_match([_PROBLEM, "application/json", "text/html"]) == "text/html"


def nearest_of(decisions: Sequence[Decision]) -> Decision:
    """The decision that matters most to the client."""
    nearest, *others = decisions
    for decision in others:
        if _tighter(decision, nearest):
            nearest = decision
    return nearest


def quota_headers(decisions: Sequence[Decision]) -> list[tuple[str, str]]:
    """The headers that tell what is left; nobody needs to slow down for a shadow limit."""
    decisions = [told for told in decisions if not told.claim.policy.limit.shadow]
    if not decisions:
        return []
    policies, quotas = [], []
    for (policy, _, _, _), verdict in decisions:
        policies.append(policy.header)
        reset = "" if policy.limit.lease else f";t={-(-verdict.reset // 1_000_000)}"
        quotas.append(f'"{policy.name}";r={verdict.remaining}{reset}')
    nearest = nearest_of(decisions)
    return [
        ("RateLimit-Policy", ", ".join(policies)),
        ("RateLimit", ", ".join(quotas)),
        ("X-RateLimit-Limit", str(nearest.claim.policy.count)),
        ("X-RateLimit-Remaining", str(nearest.verdict.remaining)),
        ("X-RateLimit-Reset", str(math.ceil(time.time() + nearest.verdict.reset / 1e6))),
    ]


def retry_after_seconds(decision: Decision) -> int:
    """Delta seconds (RFC 9110, section 10.2.3), rounded up; a date would depend on two clocks."""
    if decision.limit.lease:
        return 1  # nobody knows when a request will end
    return max(math.ceil(decision.verdict.retry / 1e6), 1)


def _message(limit: Limit) -> str:
    message = limit.error_message
    if message is None:
        return f"At most {limit.words} may be made here."
    return message() if callable(message) else message


def _tighter(one: Decision, other: Decision) -> bool:
    """Whether ``one`` tells more: it denied (for longer), else it is no lease and has less left."""
    if one.denies or other.denies:
        return one.denies and (not other.denies or one.verdict.retry > other.verdict.retry)
    if one.limit.lease or other.limit.lease:
        return other.limit.lease and not one.limit.lease
    return one.verdict.remaining < other.verdict.remaining
