"""Requests another site can make a browser send, to read secrets off the length of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def is_risky(environ: Mapping[str, Any]) -> bool:
    """Whether a request carries cookies and comes from another site."""
    return "HTTP_COOKIE" in environ and _is_cross_site(environ)


def _is_cross_site(environ: Mapping[str, Any]) -> bool:
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "cross-site")
    # A browser without fetch metadata; one that names no page may have been told not to.
    page = environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER")
    return page is not None and _host_of(page) != environ.get("HTTP_HOST")


def _host_of(page: str) -> str | None:
    try:
        return urlsplit(page).netloc
    except ValueError:  # no URL at all
        return None
