from __future__ import annotations

from typing import Any

import pytest

from flask_rf import ConfigurationError
from flask_rf.ratelimit.limit import as_limits
from flask_rf.ratelimit.limit import Declared
from flask_rf.ratelimit.plan import Endpoint
from flask_rf.ratelimit.plan import Place
from flask_rf.ratelimit.plan import Planner
from flask_rf.ratelimit.plan import PolicyMaker
from flask_rf.ratelimit.plan import PREFLIGHT
from flask_rf.ratelimit.policy import Policy

MAKER = PolicyMaker("shop:1:rl")


def joining(*texts: str) -> tuple[Declared, ...]:
    return as_limits(texts, {"override_defaults": False})


def planned(endpoint: Endpoint, method: str = "GET", **options: Any) -> list[str]:
    plan = Planner(MAKER, **options).plan([endpoint])
    entry = plan.entries[endpoint.name, method]
    return [str(item.limit) for item in entry if isinstance(item, Policy)]


def endpoint(*levels: tuple[Declared, ...], **options: Any) -> Endpoint:
    return Endpoint("a", frozenset({"GET", "OPTIONS"}), levels, **options)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], ["9/day"]),
        ([as_limits("1/minute")], ["1/minute"]),
        ([joining("1/minute")], ["1/minute", "9/day"]),
        ([(), as_limits("2/minute")], ["2/minute"]),
        ([as_limits("1/minute"), as_limits("2/minute")], ["1/minute"]),
        ([joining("1/minute"), as_limits("2/minute")], ["1/minute", "2/minute"]),
        ([joining("1/minute"), joining("2/minute")], ["1/minute", "2/minute", "9/day"]),
        ([(*joining("1/minute"), *as_limits("1/hour"))], ["1/minute", "1/hour"]),
    ],
)
def test_the_nearest_level_holds_and_others_if_it_joins_them(
    levels: list[tuple[Declared, ...]], expected: list[str]
) -> None:
    assert planned(endpoint(*levels), defaults=as_limits("9/day")) == expected


def test_app_wide_limits_join_always() -> None:
    limits = planned(endpoint(as_limits("1/minute")), app_wide=as_limits("9/hour"))

    assert limits == ["9/hour", "1/minute"]


def test_an_exempt_endpoint_keeps_only_its_own_limits() -> None:
    own = endpoint(as_limits("1/minute"), as_limits("2/minute"), exempt=True)

    assert planned(own, defaults=as_limits("9/day"), app_wide=as_limits("9/hour")) == ["1/minute"]


def test_automatic_options_meet_app_wide_limits_and_preflights_none() -> None:
    own = endpoint(as_limits("1/minute"), automatic_options=True)

    assert planned(own, "OPTIONS", app_wide=as_limits("9/hour")) == ["9/hour"]
    assert planned(own, PREFLIGHT, app_wide=as_limits("9/hour")) == []


def test_a_limit_declared_twice_is_counted_once() -> None:
    assert planned(endpoint(as_limits(["1/minute", "1/minute"]))) == ["1/minute"]


def test_limits_by_different_keys_are_two() -> None:
    limits = (*as_limits("1/minute"), *as_limits("1/minute", {"key": "everyone"}))

    assert planned(endpoint(limits)) == ["1/minute", "1/minute"]


def test_dynamic_limits_take_the_terms_of_their_place() -> None:
    plan = Planner(MAKER).plan([endpoint(as_limits(lambda: "1/minute", {"cost": 1}))])
    (place,) = plan.entries["a", "GET"]
    assert isinstance(place, Place)

    (policy,) = place.policies(lambda function: function())

    assert policy.storage_key("ann") == "shop:1:rl:w1/60:a:{ann}"


def test_an_undefined_name_is_refused_naming_those_defined() -> None:
    with pytest.raises(ConfigurationError, match="the limit of a='apo': .*write api"):
        planned(endpoint(as_limits("apo")), named={"api": lambda: None})


@pytest.mark.parametrize(
    ("terms", "key"),
    [
        ({}, "shop:1:rl:w5/60:a:{ann}"),
        ({"strategy": "token-bucket"}, "shop:1:rl:t5/60:a:{ann}"),
        ({"scope": "x"}, "shop:1:rl:w5/60:a/x:{ann}"),
        ({"scope": "x", "shared": True}, "shop:1:rl:w5/60:x:{ann}"),
        ({"per_method": True}, "shop:1:rl:w5/60:a/GET:{ann}"),
        ({"lease": True}, "shop:1:rl:l5/60:a:{ann}"),
    ],
)
def test_keys_carry_the_strategy_the_policy_and_the_client(terms: dict[str, Any], key: str) -> None:
    plan = Planner(MAKER).plan([endpoint(as_limits("5/minute", terms))])
    (policy,) = plan.entries["a", "GET"]
    assert isinstance(policy, Policy)

    assert policy.storage_key("ann") == key
