"""What a request claims of the limits that it meets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from flask import Request

from .clients import call
from .clients import Clients
from .limit import Limit
from .plan import Entry
from .plan import Policy
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
    policies = _policies(request, entry)
    if earlier or len(policies) > 1:
        policies = list(distinct(policies, (decision.claim.policy for decision in earlier)))
    for policy in policies:
        limit = policy.limit
        if limit.exempt_when is not None and call(limit.exempt_when, request):
            continue
        client = clients.key(request, policy)
        claims.append(Claim(policy, policy.storage_key(client), cost_of(limit), client))
    return claims


def distinct(policies: Iterable[Policy], earlier: Iterable[Policy] = ()) -> Iterator[Policy]:
    """``policies`` under names of their own; those that count by different keys may share one."""
    names = {policy.name: _count(policy) for policy in earlier}
    for policy in policies:
        name, count, number = policy.name, _count(policy), 1
        while names.setdefault(name, count) != count:
            number += 1
            name = f"{policy.name}-{number}"
        yield policy if number == 1 else dataclasses.replace(policy, name=name)


def cost_of(limit: Limit) -> int:
    """What one request or message takes now."""
    return limit.cost if isinstance(limit.cost, int) else max(int(limit.cost()), 0)


def _policies(request: Request, entry: Entry) -> list[Policy]:
    """What ``entry`` comes to in this request."""
    policies: list[Policy] = []
    for item in entry:
        if isinstance(item, Policy):
            policies.append(item)
        else:
            policies += item.policies(lambda function: call(function, request))
    return policies


def _count(policy: Policy) -> tuple[str, object]:
    return policy.prefix, policy.limit.key
