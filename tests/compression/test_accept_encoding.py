from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.compression.accept_encoding import choose
from flask_rf.compression.accept_encoding import Negotiator
from flask_rf.compression.accept_encoding import parse

OFFERED = ("zstd", "br", "gzip")


def best(header: str | None, offered: tuple[str, ...] = OFFERED) -> str | None:
    return next(iter(choose(header, offered).codings), None)


def test_rule_01_no_header_means_identity() -> None:
    assert choose(None, OFFERED).codings == ()
    assert choose(None, OFFERED).identity


@pytest.mark.parametrize("header", ["", " ", ",", " , ,"])
def test_rule_02_an_empty_value_means_identity_only(header: str) -> None:
    assert choose(header, OFFERED).codings == ()
    assert choose(header, OFFERED).identity


@pytest.mark.parametrize(
    "header",
    ["gzip;q=0", "gzip;Q=0", "gzip; q=0", "gzip ;q=0.000", "gzip\t;\tq=0.", "GZIP ; q = 0.0"],
)
def test_rule_03_q_zero_means_refused(header: str) -> None:
    assert best(header) is None
    assert best(f"{header}, br") == "br"


def test_rule_04_the_asterisk_covers_only_codings_not_listed() -> None:
    assert choose("gzip;q=0, *", OFFERED).codings == ("zstd", "br")
    assert best("gzip;q=0, *", ("gzip",)) is None


def test_rule_05_what_the_asterisk_refuses_may_be_named() -> None:
    assert choose("*;q=0, gzip", OFFERED).codings == ("gzip",)


def test_rule_06_identity_may_be_refused() -> None:
    choice = choose("identity;q=0, gzip", OFFERED)
    assert choice.codings == ("gzip",)
    assert not choice.identity


@pytest.mark.parametrize(
    ("header", "identity"),
    [("deflate", True), ("*;q=0", False), ("*;q=0, identity;q=0.1", True), ("identity;q=0", False)],
)
def test_rule_07_nothing_acceptable_leaves_identity_unless_that_is_refused(
    header: str, identity: bool
) -> None:
    choice = choose(header, OFFERED)
    assert choice.codings == ()
    assert choice.identity is identity


def test_rule_08_the_highest_q_wins() -> None:
    assert choose("zstd;q=0.1, br;q=0.5, gzip;q=0.9", OFFERED).codings == ("gzip", "br", "zstd")


def test_rule_08_on_equal_q_the_server_decides() -> None:
    assert choose("gzip, br, zstd", OFFERED).codings == OFFERED
    assert choose("zstd, br, gzip", ("gzip", "br")).codings == ("gzip", "br")


def test_rule_09_identity_liked_better_wins() -> None:
    assert best("br;q=0.001, identity") is None
    assert best("br;q=0.5, identity;q=0.5") == "br"
    assert best("br;q=0.2, *;q=0.5") == "zstd"


@pytest.mark.parametrize(
    "weight", ["abc", "2", ".5", "0.5000", "1.001", "-1", "1e0", "", "0.5;q=1", "٠"]
)
def test_rule_10_a_malformed_q_drops_its_element(weight: str) -> None:
    assert "gzip" not in parse(f"gzip;q={weight}")
    assert "br" in parse(f"gzip;q={weight}, br")


def test_rule_10_a_parameter_other_than_q_drops_its_element() -> None:
    assert parse("gzip;level=1, br") == {"br": 1.0}


def test_rule_11_tokens_are_compared_whole_and_without_case() -> None:
    assert best("vibrant, gzipped, zst") is None
    assert best("BR") == "br"


def test_rule_11_x_gzip_is_gzip() -> None:
    assert best("X-GZip") == "gzip"
    assert best("x-gzip;q=0, gzip") is None


def test_a_coding_named_twice_stays_refused() -> None:
    assert best("gzip, gzip;q=0") is None
    assert best("gzip;q=0, gzip") is None


def test_the_negotiator_remembers_within_bounds() -> None:
    negotiate = Negotiator(OFFERED)
    for number in range(2000):
        negotiate(f"x{number}, gzip")
    assert negotiate("x0, gzip").codings == ("gzip",)
    assert negotiate._remembered.cache_info().currsize <= 256


def test_the_negotiator_keeps_no_long_header() -> None:
    negotiate = Negotiator(OFFERED)
    assert negotiate("x" * 8000 + ", gzip").codings == ("gzip",)
    assert negotiate._remembered.cache_info().currsize == 0


names = st.sampled_from(["gzip", "br", "zstd", "deflate", "identity", "*", "x-unknown"])
weights = st.integers(0, 1000)
preferences = st.dictionaries(names, weights)
blank = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def headers(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """A well-formed header, oddly spaced and cased, and what it means in thousandths."""
    meant = draw(preferences)
    elements = [
        draw(blank)
        + (name.upper() if draw(st.booleans()) else name)
        + f"{draw(blank)};{draw(blank)}q={weight // 1000}.{weight % 1000:03}"
        + draw(blank)
        for name, weight in meant.items()
    ]
    return ",".join(elements), meant


@given(headers())
def test_a_well_formed_header_is_read_as_meant(case: tuple[str, dict[str, int]]) -> None:
    header, meant = case
    assert {name: round(q * 1000) for name, q in parse(header).items()} == meant


@given(headers())
def test_no_refused_coding_is_ever_chosen(case: tuple[str, dict[str, int]]) -> None:
    header, meant = case
    for coding in choose(header, OFFERED).codings:
        assert meant.get(coding, meant.get("*", 0)) > 0


@given(headers())
def test_the_first_choice_has_the_highest_weight(case: tuple[str, dict[str, int]]) -> None:
    header, meant = case
    codings = choose(header, OFFERED).codings
    acceptable = [meant.get(coding, meant.get("*", 0)) for coding in OFFERED]
    if codings:
        assert meant.get(codings[0], meant.get("*", 0)) == max(acceptable)


@given(preferences, st.randoms())
def test_the_order_of_elements_means_nothing(meant: dict[str, int], random: object) -> None:
    elements = [f"{name};q={weight / 1000:.3f}" for name, weight in meant.items()]
    shuffled = list(elements)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(",".join(elements), OFFERED) == choose(",".join(shuffled), OFFERED)


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_no_text_breaks_the_parser(header: str) -> None:
    assert all(0 <= weight <= 1 for weight in parse(header).values())
    choose(header, OFFERED)


@given(st.text(alphabet="gzipbr*;q=.01 \t,", max_size=200))
def test_nearly_right_text_never_offers_what_is_not_named(header: str) -> None:
    if "zstd" not in header and "*" not in header:
        assert "zstd" not in choose(header, OFFERED).codings
