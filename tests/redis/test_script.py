from __future__ import annotations

from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from flask_rf.redis.script import Script
from tests.parts.redis import RedisProcess


def test_a_script_runs_whether_the_server_knows_it_or_not(redis_server: RedisProcess) -> None:
    client = redis_server.client
    script = Script("return {KEYS[1], ARGV[1]}")

    replies = []
    for _ in range(2):
        client.script_flush()
        replies += [script.run(client.execute_command, ["a"], [n]) for n in (1, 2)]

    assert replies == [[b"a", b"1"], [b"a", b"2"]] * 2


def test_a_known_script_is_sent_by_its_digest(redis_server: RedisProcess) -> None:
    script = Script("return 1")
    script.run(redis_server.client.execute_command, [], [])
    sent = []

    def execute(*command: object) -> object:
        sent.append(command)
        return redis_server.client.execute_command(*command)

    script.run(execute, [], [])

    assert sent == [("EVALSHA", script.sha, 0)]


def test_a_mistake_in_a_script_is_not_taken_for_an_unknown_one(redis_server: RedisProcess) -> None:
    with pytest.raises(ResponseError, match="no such thing"):
        Script("return redis.error_reply('no such thing')").run(
            redis_server.client.execute_command, [], []
        )


def test_a_script_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "one.lua"
    path.write_text("return 'é'", encoding="utf-8")

    assert Script.from_file(path).text == "return 'é'"
