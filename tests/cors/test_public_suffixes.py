from __future__ import annotations

import pytest

from flask_rf.cors.public_suffixes import is_public_suffix


@pytest.mark.parametrize(
    "host", ["com", "com.", "io", "dev", "co.uk", "com.au", "gov.br", "github.io", "herokuapp.com"]
)
def test_rule_15_anybody_registers_below_a_public_suffix(host: str) -> None:
    assert is_public_suffix(host)


@pytest.mark.parametrize(
    "host", ["a.com", "my.github.io", "a.co.uk", "localhost", "co.example", "uk.co.a.com"]
)
def test_rule_15_a_domain_of_ones_own_is_no_public_suffix(host: str) -> None:
    assert not is_public_suffix(host)
