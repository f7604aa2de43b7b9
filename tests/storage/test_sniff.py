"""What content is, by its first bytes and by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_rf.storage.disposition import is_inert
from flask_rf.storage.sniff import extension_of
from flask_rf.storage.sniff import HEAD_BYTES
from flask_rf.storage.sniff import sniff
from flask_rf.storage.sniff import type_of_name
from flask_rf.storage.terms import checked_type

HEADS = {
    b"\x89PNG\r\n\x1a\n....": ("image/png", "png"),
    b"\xff\xd8\xff\xe0..JFIF": ("image/jpeg", "jpg"),
    b"GIF89a....": ("image/gif", "gif"),
    b"RIFF\x10\0\0\0WEBPVP8 ": ("image/webp", "webp"),
    b"\0\0\0\x1cftypavif....": ("image/avif", "avif"),
    b"\0\0\0\x1cftypheic....": ("image/heic", "heic"),
    b"\0\0\0\x18ftypisom....": ("video/mp4", "mp4"),
    b"\0\0\0\x14ftypqt  ....": ("video/quicktime", "mov"),
    b"BM....": ("image/bmp", "bmp"),
    b"\0\0\1\0..": ("image/x-icon", "ico"),
    b"%PDF-1.7": ("application/pdf", "pdf"),
    b"PK\3\4....": ("application/zip", "zip"),
    b"\x1f\x8b\x08..": ("application/gzip", "gz"),
    b"ID3\3": ("audio/mpeg", "mp3"),
    b"RIFF\x10\0\0\0WAVEfmt ": ("audio/wave", "wav"),
    b"OggS\0..": ("application/ogg", "ogg"),
    b"\x1a\x45\xdf\xa3..": ("video/webm", "webm"),
    b"wOF2....": ("font/woff2", "woff2"),
    b"<!DOCTYPE HTML><p>": ("text/html", "html"),
    b"\n  <script >alert(1)": ("text/html", "html"),
    b"<!-- x --><b>": ("text/html", "html"),
    b"<svg xmlns='..'>": ("image/svg+xml", "svg"),
    b"<?xml version='1.0'?>\n<!-- <a> --><svg\n": ("image/svg+xml", "svg"),
    b"<?xml version='1.0'?><order/>": ("text/xml", "xml"),
    b"plain words": ("text/plain", "txt"),
    "grüße".encode(): ("text/plain", "txt"),
    b"\xef\xbb\xbf\x01": ("text/plain", "txt"),
    b"\x00\x01\x02": ("application/octet-stream", "bin"),
    b"": ("application/octet-stream", "bin"),
}


@pytest.mark.parametrize("head", HEADS, ids=lambda head: repr(head)[:24])
def test_content_is_known_by_its_first_bytes(head: bytes) -> None:
    kind, extension = HEADS[head]
    assert (sniff(head), extension_of(sniff(head))) == (kind, extension)


@given(st.binary(max_size=HEAD_BYTES))
def test_any_content_has_a_type(head: bytes) -> None:
    assert checked_type(sniff(head))
    assert extension_of(sniff(head)).isalnum()


def test_many_comments_cost_no_time() -> None:
    """A pattern that tries all ways to divide them would not end."""
    assert sniff(b"<!--" + b"-->--><!--" * 140) == "text/html"
    assert sniff(b"<?xml" + b"<!---->" * 200) == "text/xml"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/photo.JPG", "image/jpeg"),
        ("a.b/photo.webp", "image/webp"),
        ("app.js", "text/javascript"),
        ("data.json", "application/json"),
        ("page.html", "text/html"),
        ("backup.tar.gz", "application/gzip"),
        ("dump.sql.xz", "application/octet-stream"),
        ("README", None),
        ("photo.unheard", None),
        (".png", None),
    ],
)
def test_a_name_tells_a_type_by_its_extension(path: str, expected: str | None) -> None:
    assert type_of_name(path) == expected


@pytest.mark.parametrize(
    "kind", ["image/png", "video/mp4", "text/plain; charset=utf-8", "image/avif"]
)
def test_pictures_and_plain_text_may_be_shown(kind: str) -> None:
    assert is_inert(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "image/svg+xml",
        "IMAGE/SVG+XML",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "application/octet-stream",
        "image/svg+xml;a=b",
        "nonsense",
        "text/css",
    ],
)
def test_what_could_act_may_not_be_shown(kind: str) -> None:
    assert not is_inert(kind)
