from __future__ import annotations

from flask_rf.ratelimit.limit import Limit
from flask_rf.ratelimit.limit import Rate
from flask_rf.ratelimit.plan import PolicyMaker
from flask_rf.ratelimit.policy import distinct
from tests.ratelimit.worlds import policy


def test_policies_have_names_fit_for_headers() -> None:
    limit = Limit(Rate(5, 120), scope='a "b"\n\\é')
    made = PolicyMaker("shop:1:rl").make(limit, "orders")

    assert made.header == '"a _b____-5-per-2-minutes";q=5;w=120'


def test_policies_that_count_apart_get_names_of_their_own() -> None:
    ann, bob = (policy("5/minute", key=key) for key in ("ann", "bob"))

    found = list(distinct([bob, ann, policy("5/hour")], earlier=[ann]))

    assert [one.name for one in found] == ["5-per-minute-2", "5-per-minute", "5-per-hour"]
    assert found[0].header == '"5-per-minute-2";q=5;w=60'
    assert found[0].storage_key("x") == bob.storage_key("x")
