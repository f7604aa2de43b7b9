"""What a request claims of the limits that it meets."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

from flask import Request

from .clients import call
from .clients import Clients
from .limit import Limit
from .plan import Entry
from .policy import distinct
from .policy import Policy
from .responses import Decision
from .store import Claim


def claims_of(
    request: Request, entry: Entry, clients: Clients, earlier: Sequence[Decision] = ()
) -> list[Claim]:
    """One for each limit of ``entry`` that the request is not exempt from.

    :param clients: says whose request it is.
    :param earlier: what was decided about the request before.
    """
    claims = []
    known = entry.policies if not earlier else None
    for policy in _late(request, entry, earlier) if known is None else known:
        limit = policy.limit
        if limit.exempt_when is not None and call(limit.exempt_when, request):
            continue
        client = clients.key(request, policy)
        claims.append(Claim(policy, policy.storage_key(client), cost_of(limit), client))
    return claims


def cost_of(limit: Limit) -> int:
    """What one request or message takes now."""
    return limit.cost if isinstance(limit.cost, int) else max(int(limit.cost()), 0)


def _late(request: Request, entry: Entry, earlier: Sequence[Decision]) -> Iterator[Policy]:
    """What ``entry`` comes to in this request only, under names that are not taken."""
    policies: list[Policy] = []
    for item in entry:
        if isinstance(item, Policy):
            policies.append(item)
        else:
            policies += item.policies(lambda function: call(function, request))
    return distinct(policies, (decision.claim.policy for decision in earlier))
