"""``examples/uploads`` without a browser: what strangers may send, and what happens meanwhile."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

NAME = "examples.uploads.app"
WANTED = {"name": "tea.txt", "type": "text/plain", "size": 3}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    disks = {"files": {"driver": "local", "root": str(tmp_path)}}
    monkeypatch.setenv("STORAGE_DISKS", json.dumps(disks))
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    made: Flask = importlib.import_module(NAME).app
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def uploaded(client: FlaskClient) -> Any:
    leave = client.post("/files", json=WANTED).json
    assert client.put(leave["url"], data=b"tea", headers=leave["headers"]).status_code == 200
    (file,) = client.get("/files").json
    return file


@pytest.mark.parametrize(
    "sent",
    [
        [],
        {},
        {"name": "tea.txt"},
        WANTED | {"name": None},
        WANTED | {"name": "a\\b"},
        WANTED | {"type": 5},
        WANTED | {"type": "a text"},
        WANTED | {"size": True},
        WANTED | {"size": "3"},
    ],
    ids=str,
)
def test_a_file_that_is_none_is_refused(client: FlaskClient, sent: Any) -> None:
    assert client.post("/files", json=sent).status_code == 422


@pytest.mark.parametrize("size", [-1, 2**40])
def test_a_size_has_its_limits(client: FlaskClient, size: int) -> None:
    assert client.post("/files", json=WANTED | {"size": size}).status_code == 413


@pytest.mark.parametrize("sent", [[], {}, {"path": "a", "upload_id": "b"}], ids=str)
def test_nothing_is_completed_that_nobody_names(client: FlaskClient, sent: Any) -> None:
    assert client.post("/files/complete", json=sent).status_code == 422


def test_an_upload_that_was_cut_off_is_no_fault_of_the_disk(client: FlaskClient) -> None:
    leave = client.post("/files", json=WANTED).json
    answer = client.put(leave["url"], data=b"te", headers=leave["headers"])
    assert (answer.status_code, answer.json["error"][:7]) == (400, "It cann")


def test_a_file_that_somebody_deleted_is_not_there(client: FlaskClient) -> None:
    file = uploaded(client)
    assert client.get(file["url"]).data == b"tea"
    assert client.delete(f"/files/{file['path']}").status_code == 204
    assert client.get(file["url"]).status_code == 404


def test_a_file_that_is_deleted_while_all_are_listed_is_left_out(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = uploaded(client)["path"]
    files = sys.modules[NAME].files
    monkeypatch.setattr(files, "all_files", lambda: ["gone/tea.txt", kept])
    assert [file["path"] for file in client.get("/files").json] == [kept]
