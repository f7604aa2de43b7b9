from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.redis.primary import parse_info
from flask_rf.redis.primary import Primary
from flask_rf.redis.primary import UNKNOWN

RUN_ID = "5b1c0c8f3a"
NEVER = "0" * 40


def info(aof: int = 1, role: str = "master", former: str = NEVER) -> str:
    return (
        f"# Server\r\nrun_id:{RUN_ID}\r\n# Persistence\r\naof_enabled:{aof}\r\n"
        f"# Replication\r\nrole:{role}\r\nmaster_replid2:{former}\r\n"
    )


def test_a_server_with_a_file_of_its_own_kept_what_it_had() -> None:
    assert parse_info(info()) == Primary(RUN_ID, True)


@pytest.mark.parametrize("told", [info(aof=0), info(role="slave"), info(former="a" * 40)])
def test_one_without_a_file_or_promoted_or_no_primary_may_lack_something(told: str) -> None:
    assert parse_info(told) == Primary(RUN_ID, False)


def test_a_server_that_does_not_tell_its_run_is_unknown() -> None:
    assert parse_info("# Server\r\nredis_version:7.0\r\n") == UNKNOWN


@given(st.text())
def test_whatever_a_server_says_is_no_error(text: str) -> None:
    assert isinstance(parse_info(text), Primary)
