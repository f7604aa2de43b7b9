from __future__ import annotations

import pytest

from flask_rf.compression.mimetypes import eligibility

by_default = eligibility(None)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html; charset=utf-8",
        "application/json ; charset=utf-8",
        "text/csv",
        "TEXT/Markdown",
        "application/json",
        "application/problem+json",
        "application/health+json",
        "application/atom+xml",
        "application/javascript",
        "application/wasm",
        "application/x-ndjson",
        "image/svg+xml",
        "font/ttf",
    ],
)
def test_types_that_shrink_are_eligible(content_type: str) -> None:
    assert by_default(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "font/woff",
        "font/woff2",
        "application/font-woff",
        "image/png",
        "image/bmp",
        "image/x-icon",
        "audio/wav",
        "video/mp4",
        "application/gzip",
        "application/x-tar",
        "application/zip",
        "application/pdf",
        "application/octet-stream",
        "application/xjson",
    ],
)
def test_types_that_do_not_shrink_are_not(content_type: str | None) -> None:
    assert not by_default(content_type)


def test_chosen_types_replace_the_default() -> None:
    chosen = eligibility(("application/x-own", "Font/*"))
    assert chosen("application/x-own; a=b")
    assert chosen("font/woff")
    assert not chosen("text/html")
    assert not chosen(None)


def test_rule_34_no_pattern_turns_event_streams_on() -> None:
    assert not eligibility(("text/*",))("text/event-stream")
    assert eligibility(("text/*", "text/event-stream"))("text/event-stream")
    assert eligibility(("text/*",))("text/html")
