"""CORS (WHATWG Fetch, section "CORS protocol"): which pages of other origins may read.

Nothing is allowed by default, and what cannot be meant is refused when the app starts.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from functools import wraps
from typing import Any
from typing import TypeVar

from flask import Blueprint
from flask import current_app
from flask import Flask
from flask import got_request_exception

from .. import hooks
from ..errors import ConfigurationError
from ..errors import SetupError
from ..lifecycle import on_worker_start
from ..recipe import Recipe
from ..settings import check_keywords
from ..settings import resolve
from ..settings import resolved_settings
from ..views import Marks
from .compiled import CompiledCORS
from .compiled import MARK
from .faults import FaultReport
from .faults import NameOf
from .faults import overlay
from .faults import path_faults
from .options import CORSOptions
from .options import PolicyOptions
from .policy import Policy

V = TypeVar("V", bound=Callable[..., Any])


class CORS(Recipe[CompiledCORS]):
    """Let pages of other origins use this app.

    :param app: the app; or a blueprint, whose views then have a policy of their own, as under
        :func:`cross_origin`. Without it, call :meth:`init_app`.
    :param origins: ``https://app.example.com``, ``https://*.example.com`` for subdomains of
        any depth, ``http://localhost:*`` for any port, a compiled regular expression that a
        whole origin matches, a function that is given an origin and says whether it is allowed,
        or ``*`` alone for every page.
    :param methods: besides GET, HEAD and POST; ``*`` for all.
    :param allow_headers: request headers; ``*`` for all but Authorization.
    :param expose_headers: response headers that pages may read, besides flask_rf's own.
    :param supports_credentials: whether pages may send cookies.
    :param max_age: seconds (or a timedelta) a browser may remember a preflight, at most 86400.
    :param resources: the paths CORS is for (all by default), or a mapping of options by
        path; what a path does not say itself is taken from the options above. ``{}`` leaves
        only the views under :func:`cross_origin`.
    :param dangerously_allow_insecure_origins: lend cookies to plain http origins.
    :param dangerously_allow_public_suffixes: lend cookies to wildcards like
        ``https://*.github.io``, under which anybody can register.
    :raises ConfigurationError: an option cannot be meant; the message names every fault.
    """

    name = "cors"
    options = CORSOptions
    awaits = "CORS_ORIGINS"

    def __init__(self, app: Flask | Blueprint | None = None, **options: Any) -> None:
        super().__init__(**options)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask | Blueprint) -> None:
        if isinstance(app, Blueprint):
            self._init_blueprint(app)
        else:
            super().init_app(app)

    def _init_blueprint(self, blueprint: Blueprint) -> None:
        if "resources" in self.given:
            remedy = "give paths to CORS on the app; a blueprint's policy is for all its views"
            raise ConfigurationError("resources", self.given["resources"], remedy, "argument")
        setattr(blueprint, MARK, _own_policy("CORS", self.given))
        blueprint.before_request(lambda: _need_cors(f"CORS on the blueprint {blueprint.name!r}"))

    @staticmethod
    def configured(app: Flask) -> bool:
        """Whether the app's settings say anything about origins.

        :raises ConfigurationError: a setting is malformed, or one typo away from a real one.
        """
        resolve(app, CORSOptions)
        found = resolved_settings(app)
        return any(found[key].source != "default" for key in ("CORS_ORIGINS", "CORS_RESOURCES"))

    def compile(self, app: Flask) -> CompiledCORS:
        options = resolve(app, CORSOptions, self.given)
        compiled = CompiledCORS(app, _policies(app, options))
        hooks.place(app, "cors", before=compiled.before, after=compiled.after)
        got_request_exception.connect(compiled.failed, app)
        return compiled

    @staticmethod
    def left_out(app: Flask) -> None:
        def refuse(workers: int) -> None:
            for endpoint in Marks(app, MARK).endpoints():
                raise _no_cors(f"the policy of the view {endpoint!r} or of its blueprint")

        on_worker_start(app, refuse)


def cross_origin(**options: Any) -> Callable[[V], V]:
    """Give one view a policy of its own, instead of its path's; needs :class:`CORS` on the app.

    :param options: as :class:`CORS` takes them, without ``resources``; what is not given
        has its default, whatever the app's own policy says.
    :raises TypeError: an unknown option.
    :raises ConfigurationError: an option cannot be meant.
    """
    check_keywords("cross_origin", PolicyOptions, options)
    policy = _own_policy("cross_origin", options)

    def decorate(view: V) -> V:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            _need_cors(f"@cross_origin on {view.__name__!r}")
            return current_app.ensure_sync(view)(*args, **kwargs)

        setattr(checked, MARK, policy)
        return checked  # type: ignore[return-value]

    return decorate


def _own_policy(owner: str, options: Mapping[str, Any]) -> Policy:
    """A policy that has nothing of the app's.

    :raises ConfigurationError: an option cannot be meant.
    """
    policy_options, faults = overlay(options, PolicyOptions())
    report = FaultReport()
    report.add(faults, lambda option: (f"{owner}({option})", None))
    report.refuse()
    return Policy(policy_options)


def _need_cors(what: str) -> None:
    if "rf_cors" not in current_app.extensions:
        raise _no_cors(what)


def _no_cors(what: str) -> SetupError:
    return SetupError(
        f"{what} has no effect without CORS on the app: set CORS_ORIGINS, or CORS_RESOURCES={{}} "
        "where only such policies are wanted"
    )


def _policies(app: Flask, options: CORSOptions) -> dict[str, Policy]:
    """Compile the policy of each path.

    :raises ConfigurationError: it names every fault of all of them.
    """
    wanted = {"/": {}} if options.resources is None else options.resources
    report, merged = FaultReport(), {}
    written = _names_written(app)
    report.add(path_faults(wanted), written)
    for path, given in wanted.items():
        merged[path], faults = overlay(given, options)
        report.add(faults, _names_within(path, given, written))
    report.refuse()
    return {path: Policy(merged[path]) for path in merged}


def _names_written(app: Flask) -> NameOf:
    def name_of(option: str) -> tuple[str, str | None]:
        found = resolved_settings(app)[f"CORS_{option.upper()}"]
        name = option if found.source == "argument" else found.setting.key
        return name, None if found.source == "default" else found.source

    return name_of


def _names_within(path: str, given: Mapping[str, Any], outside: NameOf) -> NameOf:
    def name_of(option: str) -> tuple[str, str | None]:
        return (f"resources[{path!r}][{option!r}]", None) if option in given else outside(option)

    return name_of
