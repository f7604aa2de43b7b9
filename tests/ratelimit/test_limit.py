from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.ratelimit.limit import as_limits
from flask_rf.ratelimit.limit import Dynamic
from flask_rf.ratelimit.limit import Limit
from flask_rf.ratelimit.limit import Named
from flask_rf.ratelimit.limit import parse_rates
from flask_rf.ratelimit.limit import Rate
from flask_rf.ratelimit.limit import STRATEGIES
from flask_rf.ratelimit.limit import strategy
from flask_rf.ratelimit.limit import UNITS


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("5/minute", [(5, 60)]),
        ("5 per minute", [(5, 60)]),
        ("1 per 2 hours", [(1, 7200)]),
        ("10/5 seconds", [(10, 5)]),
        ("100/day;10/hour", [(100, 86400), (10, 3600)]),
        ("1/month, 12/year", [(1, 30 * 86400), (12, 365 * 86400)]),
        ("  5 PER Minutes ", [(5, 60)]),
        ("5/minute;", [(5, 60)]),
    ],
)
def test_limits_are_read(text: str, rates: list[tuple[int, int]]) -> None:
    assert [(rate.count, rate.seconds) for rate in parse_rates(text)] == rates


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("5/mintue", "'mintue' is no period; write minute"),
        ("5/min", "write minute"),
        ("5/hr", "write hour"),
        ("5/m", "write minute or month"),
        ("5/fortnight", "write second or minute or hour or day or month or year"),
        ("five/minute", "like 5/minute"),
        ("-5/minute", "like 5/minute"),
        ("5", "like 5/minute"),
        ("", "like 5/minute"),
        ("5/minute per hour", "like 5/minute"),
        ("0/minute", "at least 1 request"),
        ("5/0 minutes", "at least 1 second"),
        ("2000000/second", "one request per microsecond"),
        ("5/101 years", "at most 100 years"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        parse_rates(text)


@given(st.integers(1, 10**6), st.integers(1, 100), st.sampled_from(sorted(UNITS)))
def test_a_rate_reads_back_from_its_text(count: int, n: int, unit: str) -> None:
    rate = Rate(count, n * UNITS[unit])

    assert parse_rates(str(rate)) == (rate,)


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        assert all(isinstance(rate, Rate) for rate in parse_rates(text))
    except ValueError as error:
        assert str(error)


def test_a_rate_is_put_in_words() -> None:
    words = [rate.words for rate in parse_rates("1/minute; 5/2 hours")]

    assert words == ["1 request per minute", "5 requests per 2 hours"]


def test_flask_limiters_strategies_are_understood() -> None:
    assert strategy("moving-window") == "sliding-window"
    assert strategy("sliding-window-counter") == "sliding-counter"


def test_an_unknown_strategy_is_refused_with_the_likely_one() -> None:
    with pytest.raises(ValueError, match=r"write 'token-bucket'; the strategies are"):
        strategy("tokenbucket")


def test_limits_are_built_by_the_period() -> None:
    limits = [Limit.per_second(1), Limit.per_minute(2), Limit.per_hour(3), Limit.per_day(4, days=2)]

    assert [str(limit.rate) for limit in limits] == ["1/second", "2/minute", "3/hour", "4/2 days"]


def test_a_limit_takes_its_rates_text() -> None:
    wanted = Limit.per_minute(5).by("ann")
    assert Limit("5/minute", key="ann") == wanted  # type: ignore[arg-type]
    for several in ("5/minute; 9/hour", 5, None):
        with pytest.raises(ValueError, match="a limit has one rate"):
            Limit(several)  # type: ignore[arg-type]


def test_chained_terms_leave_the_original_as_it_was() -> None:
    plain = Limit.per_minute(5)

    chained = plain.by("ann").after(bool).response(lambda request, headers: "no")

    assert (chained.key, chained.deduct_when) == ("ann", bool)
    assert chained.respond is not None
    assert plain == Limit.per_minute(5)


@pytest.mark.parametrize(
    ("terms", "remedy"),
    [
        ({"strategy": "leaky"}, "the strategies are"),
        ({"on_error": "explode"}, "local, allow, deny"),
        ({"cost": 6}, "write 0 to 5"),
        ({"cost": -1}, "write 0 to 5"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(terms: dict[str, object], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        as_limits("5/minute", terms)


@pytest.mark.parametrize("rate", [(2.5, 60), (5, 1.5)])
def test_a_rate_has_whole_numbers(rate: Any) -> None:
    with pytest.raises(ValueError, match="write whole numbers"):
        Rate(*rate)


def test_several_limits_may_be_written_in_several_ways() -> None:
    limits = as_limits(["5/minute; 9/hour", Limit.per_day(7), "api", lambda: "1/second"])

    assert [type(limit) for limit in limits] == [Limit, Limit, Limit, Named, Dynamic]


def test_terms_reach_every_limit() -> None:
    limits = as_limits(["5/minute", Limit.per_day(7)], {"cost": 2})

    assert [limit.cost for limit in limits if isinstance(limit, Limit)] == [2, 2]


def test_terms_are_added_to_limits_declared_before() -> None:
    declared = as_limits(["api", str], {"cost": 2})

    terms = [dict(limit.terms) for limit in as_limits(declared, {"scope": "x"})]  # type: ignore[union-attr]

    assert terms == [{"cost": 2, "scope": "x"}] * 2


def test_a_dynamic_limit_asks_each_time_and_may_say_none() -> None:
    answers = iter(["5/minute", None, [Limit.per_hour(1)]])
    (dynamic,) = as_limits(lambda: next(answers), {"cost": 1})
    assert isinstance(dynamic, Dynamic)

    assert [[str(limit.rate) for limit in dynamic.limits(dynamic.source())] for _ in range(3)] == [
        ["5/minute"],
        [],
        ["1/hour"],
    ]


@pytest.mark.parametrize("value", [5, 5.0, {"5": "minute"}, b"5/minute", object()])
def test_what_is_no_limit_at_all_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="like 5/minute"):
        as_limits(value)


def test_every_strategy_has_a_name_of_its_own() -> None:
    assert [strategy(name) for name in STRATEGIES] == list(STRATEGIES)
