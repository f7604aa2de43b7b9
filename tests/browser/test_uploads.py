"""The example of uploads in a real browser: one page, this machine's disk and S3."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from playwright.sync_api import Page

from tests.parts.gunicorn import Gunicorn
from tests.parts.processes import wait_until
from tests.parts.s3 import S3Server
from tests.storage.conftest import _started as _started
from tests.storage.conftest import new_bucket
from tests.storage.conftest import ON_S3

pytestmark = [pytest.mark.browser, pytest.mark.servers]


@pytest.fixture(params=["local", *ON_S3])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, _started: Callable[..., S3Server]
) -> Iterator[str]:
    """The example on a disk of each kind."""
    if request.param == "local":
        root = str(tmp_path / "disk")
        env = {"STORAGE_DISKS": f'{{"files": {{"driver": "local", "root": "{root}"}}}}'}
    else:
        env = on_s3(_started(request.param))
    server = Gunicorn("examples.uploads.app:app", tmp_path, **env)
    yield server.url
    server.process.kill()
    assert "Traceback" not in server.output()


def on_s3(server: S3Server) -> dict[str, str]:
    bucket = new_bucket(server)
    server.allow_pages(bucket)
    account = {"BUCKET": bucket, "ENDPOINT": server.url, "KEY": server.key, "SECRET": server.secret}
    return {f"STORAGE_S3_{name}": value for name, value in account.items()}


@pytest.fixture
def page(open_window: Callable[..., Page], url: str) -> Page:
    page = open_window()
    page.goto(url)
    expect(page.locator("#empty")).to_be_visible()
    return page


def give(page: Page, name: str, kind: str, content: bytes) -> None:
    upload: Any = {"name": name, "mimeType": kind, "buffer": content}
    page.set_input_files("#choose", upload)


def test_files_are_uploaded_shown_saved_and_deleted(page: Page) -> None:
    give(page, "grüße & tea.txt", "text/plain", b"tea")
    give(page, "photo.bin", "", os.urandom(300_000))
    give(page, "page.png", "image/png", page.screenshot())
    expect(page.locator("#files li")).to_have_count(3)
    expect(page.locator("#files img")).to_be_visible()
    expect(page.locator("#sending li")).to_have_count(0)
    item = page.locator("#files li", has_text="grüße & tea.txt")
    expect(item).to_contain_text("3 B")
    with page.expect_download() as download:
        item.locator(".save").click()
    assert download.value.suggested_filename == "grüße & tea.txt"
    assert download.value.path().read_bytes() == b"tea"
    item.locator(".delete").click()
    expect(page.locator("#files li")).to_have_count(2)
    page.reload()
    expect(page.locator("#files li", has_text="photo.bin")).to_contain_text("300.0 kB")


def test_a_text_is_shown_as_it_was_written(page: Page) -> None:
    give(page, "tea.txt", "text/plain", "grüße ✓".encode())
    link = page.locator("#files .name a")
    page.goto(link.evaluate("(link) => link.href"))
    expect(page.locator("body")).to_have_text("grüße ✓")


def watch_progress(page: Page) -> Callable[[], int]:
    """:returns: a function that counts how far between nothing and all the page said it was."""
    page.evaluate(
        """() => {
          window.seen = new Set();
          const look = (changes) => changes.forEach(({ target }) => seen.add(target.value));
          const values = { subtree: true, attributeFilter: ["value"] };
          new MutationObserver(look).observe(document.body, values);
        }"""
    )
    between = "[...window.seen].filter((value) => value > 0 && value < 1).length"
    return lambda: int(page.evaluate(between))


@pytest.mark.parametrize("url", ON_S3[-1:], indirect=True)
def test_a_file_in_parts_shows_its_progress(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        for _ in range(110):
            file.write(os.urandom(1024 * 1024))
    seen = watch_progress(page)
    page.set_input_files("#choose", large)
    expect(page.locator("#files li")).to_contain_text(["115.3 MB"], timeout=120_000)
    assert seen() > 0


def test_a_file_in_one_piece_shows_its_progress(page: Page) -> None:
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    seen = watch_progress(page)
    give(page, "large.bin", "", os.urandom(1_000_000))
    expect(page.locator("#files li")).to_contain_text(["1.0 MB"], timeout=120_000)
    assert seen() > 1


def test_what_is_refused_is_said(page: Page) -> None:
    give(page, "back\\slash.txt", "text/plain", b"tea")
    failed = page.locator("#sending .failed")
    expect(failed).to_contain_text("A file cannot be named like this")
    failed.get_by_text("Dismiss").click()
    expect(page.locator("#sending li")).to_have_count(0)
    wait_until(lambda: page.locator("#files li").count() == 0)
