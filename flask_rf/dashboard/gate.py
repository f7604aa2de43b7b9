"""Who may see the dashboard: by network, by a token typed once, or as the app's login says."""

from __future__ import annotations

import logging

from flask import Flask
from flask import request
from flask import Response
from itsdangerous import BadSignature
from itsdangerous import TimestampSigner

from .. import kinds
from ..access import Access
from ..access import LOOPBACK
from ..client_address import client_address
from ..errors import ConfigurationError
from .options import DashboardOptions

logger = logging.getLogger("flask_rf")

COOKIE = "rf_dashboard"
_LASTS = 12 * 3600  # seconds until the token is to be typed again
_SIGNED_IN = "in"


class Gate:
    """The rule of one app's dashboard.

    :raises ConfigurationError: anybody could see it in production.
    """

    def __init__(self, app: Flask, options: DashboardOptions) -> None:
        allow = options.allow
        if kinds.hold_everybody(allow) and not app.debug:
            raise ConfigurationError(
                "RF_DASHBOARD_ALLOW",
                ",".join(map(str, allow)),
                "it lets anybody in, whatever else is set; name the networks of those who may see "
                "the dashboard, or leave it out and set RF_DASHBOARD_TOKEN",
            )
        if not (options.token or options.allow or options.login):
            if not app.debug:
                raise ConfigurationError(
                    "RF_DASHBOARD",
                    True,
                    "say who may see it, by RF_DASHBOARD_TOKEN, RF_DASHBOARD_ALLOW or "
                    "RF_DASHBOARD_LOGIN; without one it is shown in debug mode only",
                )
            allow = kinds.networks(LOOPBACK)
        self._access = Access(allow, options.token, client_address(app))
        self._login = options.login
        self._signer = _signer(options.token) if options.token else None

    @property
    def has_token(self) -> bool:
        """Whether a stranger may try to sign in."""
        return self._signer is not None

    def admits(self) -> bool:
        """Whether whoever makes the current request may see the dashboard."""
        return self._access.admits(request.environ) or self._is_signed_in() or self._may_log_in()

    def sign_in(self, token: str, response: Response) -> bool:
        """Let the sender of the current request in from now on, if the token is right."""
        if self._signer is None or not self._access.is_token(token):
            return False
        response.set_cookie(
            COOKIE,
            self._signer.sign(_SIGNED_IN).decode(),
            max_age=_LASTS,
            secure=request.is_secure,
            httponly=True,
            # Also where leave to join the channel is given, which is elsewhere.
            path=request.script_root or "/",
            samesite="Strict",
        )
        return True

    def _is_signed_in(self) -> bool:
        cookie = request.cookies.get(COOKIE)
        if self._signer is None or not cookie:
            return False
        try:
            return self._signer.unsign(cookie, max_age=_LASTS) == _SIGNED_IN.encode()
        except BadSignature:
            return False

    def _may_log_in(self) -> bool:
        if self._login is None:
            return False
        try:
            return bool(self._login())
        except Exception:
            logger.exception("RF_DASHBOARD_LOGIN failed; the dashboard stays closed")
            return False


def _signer(token: str) -> TimestampSigner:
    """By the token itself, so that a new one ends what the old one has opened."""
    return TimestampSigner(token, salt="flask_rf.dashboard", digest_method=_sha256)


def _sha256(data: bytes = b"") -> object:
    import hashlib

    return hashlib.sha256(data)
