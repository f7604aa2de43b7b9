from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask import Response
from flask import send_file
from werkzeug.test import run_wsgi_app

from flask_rf import Compress

from .decoding import decode
from .decoding import Decoder
from .decoding import zstd

CODINGS = ["gzip", "br", "zstd"]


class Body:
    """A streamed body that knows how far it was read and how often it was closed."""

    def __init__(self, chunks: list[str | bytes], fails: bool = False) -> None:
        self._left = iter(chunks)
        self._fails = fails
        self.produced = 0
        self.closed = 0

    def __iter__(self) -> Iterator[str | bytes]:
        return self

    def __next__(self) -> str | bytes:
        for chunk in self._left:
            self.produced += 1
            return chunk
        if self._fails:
            raise RuntimeError("the source broke off")
        raise StopIteration

    def close(self) -> None:
        self.closed += 1


def serve(app: Flask, body: Body, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    app.add_url_rule("/", "stream", lambda: Response(body, headers=named))  # type: ignore[arg-type]


def open_stream(app: Flask, coding: str, method: str = "GET") -> tuple[Any, Any]:
    """The app's own iterable and its headers, as a WSGI server gets them."""
    environ = app.test_request_context("/", method=method).request.environ
    environ["HTTP_ACCEPT_ENCODING"] = coding
    chunks, _, headers = run_wsgi_app(app, environ)
    return chunks, headers


@pytest.mark.parametrize("coding", CODINGS)
def test_rule_33_an_event_is_on_the_wire_when_the_view_yields_it(app: Flask, coding: str) -> None:
    if coding == "zstd":
        zstd()
    Compress(app)
    body = Body(["one,", "two,", b"three"])
    serve(app, body)
    chunks, headers = open_stream(app, coding)
    decoder = Decoder(coding)
    assert headers["Content-Encoding"] == coding
    for number, expected in enumerate([b"one,", b"two,", b"three"], start=1):
        assert decoder.feed(next(chunks)) == expected
        assert body.produced == number
    chunks.close()


def test_rule_33_empty_chunks_send_nothing(app: Flask) -> None:
    Compress(app)
    serve(app, Body(["", "a", "", "b"]))
    chunks, _ = open_stream(app, "gzip")
    encoded = list(chunks)
    assert len(encoded) == 3
    assert decode("gzip", b"".join(encoded)) == b"ab"


def test_rule_25_a_stream_has_no_content_length(app: Flask) -> None:
    Compress(app)
    serve(app, Body(["x" * 1000]), Content_Length="1000")
    response = app.test_client().get("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Length" not in response.headers
    assert decode("gzip", response.data) == b"x" * 1000


def test_a_stream_known_to_be_small_is_left_alone(app: Flask) -> None:
    Compress(app)
    serve(app, Body(["x"]), Content_Length="1")
    response = app.test_client().get("/", headers={"Accept-Encoding": "gzip"})
    assert response.data == b"x"


@pytest.mark.parametrize("headers", [{}, {"Content_Length": "4000"}])
def test_streams_can_be_left_alone(app: Flask, headers: dict[str, str]) -> None:
    Compress(app, streams=False)
    serve(app, Body(["x" * 4000]), **headers)
    for method in ("GET", "HEAD"):
        response = app.test_client().open("/", method=method, headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"


def test_bodies_at_hand_are_compressed_though_streams_are_not(app: Flask) -> None:
    Compress(app, streams=False)
    serve(app, ["x" * 4000])
    response = app.test_client().get("/", headers={"Accept-Encoding": "gzip"})
    assert decode("gzip", response.data) == b"x" * 4000
    assert response.headers["Content-Encoding"] == "gzip"


def test_rule_34_an_event_stream_is_left_alone_by_default(app: Flask) -> None:
    Compress(app)
    serve(app, Body(["data: 1\n\n"]), Content_Type="text/event-stream")
    response = app.test_client().get("/", headers={"Accept-Encoding": "gzip"})
    assert response.data == b"data: 1\n\n"
    assert "Vary" not in response.headers


def test_rule_34_an_event_stream_turned_on_is_flushed(app: Flask) -> None:
    Compress(app, mimetypes=["text/event-stream"])
    body = Body(["data: 1\n\n", "data: 2\n\n"])
    serve(app, body, Content_Type="text/event-stream")
    chunks, _ = open_stream(app, "br")
    assert Decoder("br").feed(next(chunks)) == b"data: 1\n\n"
    assert body.produced == 1
    chunks.close()


def test_rule_35_close_is_called_once_when_all_was_read(app: Flask) -> None:
    Compress(app)
    body = Body(["a", "b"])
    serve(app, body)
    chunks, _ = open_stream(app, "gzip")
    list(chunks)
    chunks.close()
    assert body.closed == 1


def test_rule_35_close_is_called_once_on_early_disconnect(app: Flask) -> None:
    Compress(app)
    body = Body(["a", "b"])
    serve(app, body)
    chunks, _ = open_stream(app, "gzip")
    next(chunks)
    chunks.close()
    chunks.close()
    assert body.closed == 1
    assert body.produced == 1


def test_rule_35_close_is_called_once_for_head(app: Flask) -> None:
    Compress(app)
    body = Body(["a"])
    serve(app, body)
    chunks, _ = open_stream(app, "gzip", "HEAD")
    assert list(chunks) == []
    chunks.close()
    assert (body.closed, body.produced) == (1, 0)


def test_rule_35_generators_are_closed_and_callbacks_run_once(app: Flask) -> None:
    Compress(app)
    ended: list[str] = []

    @app.get("/")
    def view() -> Response:
        def events() -> Iterator[str]:
            try:
                yield "a"
                yield "b"
            finally:
                ended.append("generator")

        response = Response(events())
        response.call_on_close(lambda: ended.append("callback"))
        return response

    chunks, _ = open_stream(app, "gzip")
    next(chunks)
    chunks.close()
    assert ended == ["generator", "callback"]


def test_rule_36_an_error_in_mid_stream_leaves_no_valid_trailer(app: Flask) -> None:
    Compress(app)
    body = Body(["a" * 100], fails=True)
    serve(app, body)
    chunks, _ = open_stream(app, "gzip")
    decoder = Decoder("gzip")
    assert decoder.feed(next(chunks)) == b"a" * 100
    with pytest.raises(RuntimeError, match="broke off"):
        next(chunks)
    with suppress(StopIteration):
        decoder.feed(next(chunks))
    chunks.close()
    assert not decoder.has_ended
    assert body.closed == 1


def test_rule_36_a_stream_that_ends_well_has_one(app: Flask) -> None:
    Compress(app)
    serve(app, Body(["a"]))
    chunks, _ = open_stream(app, "gzip")
    decoder = Decoder("gzip")
    for chunk in chunks:
        decoder.feed(chunk)
    assert decoder.has_ended


def test_rule_38_files_passed_through_are_left_alone(app: Flask, tmp_path: Path) -> None:
    Compress(app)
    file = tmp_path / "report.csv"
    file.write_text("a,b\n" * 1000)
    app.add_url_rule("/report", "report", lambda: send_file(file))
    headers = {"Accept-Encoding": "gzip, br"}
    with app.test_client().get("/report", headers=headers) as response:
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.data == file.read_bytes()
