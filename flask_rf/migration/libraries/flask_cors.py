"""Flask-Cors 4 to 6."""

from __future__ import annotations

from ..library import differs
from ..library import Library
from ..library import missing
from ..library import not_needed
from ..library import same

_ORIGINS = "Nothing is allowed by default. Name the origins, or write * for every page."
_METHODS = "They come on top of GET, HEAD and POST; by default no others are allowed."
_HEADERS = "None by default; name what pages send (Content-Type, Authorization), or write *."
_RESOURCES = "Paths instead of regular expressions: /api covers itself and all below it."
_AT_ONCE = "Give it to CORS(…); init_app takes the app alone."
_RIGHT = "What it sets is always right here."
_ERRORS = "Errors and redirects always carry CORS headers."
_ALONE = "Policies of views need CORS on the app; this one lets nobody into the other views."
_PRIVATE = "Browsers have given up Private Network Access."

_OPTIONS = {
    "origins": same("origins"),
    "methods": differs("methods", _METHODS),
    "allow_headers": same("allow_headers"),
    "expose_headers": same("expose_headers"),
    "supports_credentials": same("supports_credentials"),
    "max_age": same("max_age", "In whole seconds, at most 86400."),
    "send_wildcard": not_needed(_RIGHT),
    "vary_header": not_needed(_RIGHT),
    "automatic_options": not_needed(_RIGHT),
    "always_send": not_needed(_RIGHT),
    "allow_private_network": missing(_PRIVATE),
}
_ON_ALL = {
    **_OPTIONS,
    "resources": differs("resources", _RESOURCES),
    "intercept_exceptions": not_needed(_ERRORS),
}

FLASK_CORS = Library(
    name="Flask-Cors",
    module="flask_cors",
    section="from-flask-cors",
    settings={
        "CORS_ORIGINS": same("CORS_ORIGINS", _ORIGINS),
        "CORS_METHODS": differs("CORS_METHODS", _METHODS),
        "CORS_ALLOW_HEADERS": same("CORS_ALLOW_HEADERS"),
        "CORS_EXPOSE_HEADERS": same("CORS_EXPOSE_HEADERS"),
        "CORS_SUPPORTS_CREDENTIALS": same("CORS_SUPPORTS_CREDENTIALS"),
        "CORS_MAX_AGE": same("CORS_MAX_AGE", "In whole seconds, at most 86400."),
        "CORS_RESOURCES": differs("CORS_RESOURCES", _RESOURCES),
        "CORS_SEND_WILDCARD": not_needed(_RIGHT),
        "CORS_VARY_HEADER": not_needed(_RIGHT),
        "CORS_AUTOMATIC_OPTIONS": not_needed(_RIGHT),
        "CORS_ALWAYS_SEND": not_needed(_RIGHT),
        "CORS_INTERCEPT_EXCEPTIONS": not_needed(_ERRORS),
        "CORS_ALLOW_PRIVATE_NETWORK": missing(_PRIVATE),
    },
    imports={
        "flask_cors.CORS": same("flask_rf.CORS"),
        "flask_cors.cross_origin": same("flask_rf.cross_origin"),
    },
    keywords={
        "CORS": {**_ON_ALL, "app": same("app")},
        "init_app": {
            name: change if change.fate in ("not needed", "missing") else differs(name, _AT_ONCE)
            for name, change in _ON_ALL.items()
        },
        "cross_origin": _OPTIONS,
    },
    without={
        "CORS": (("origins", "resources"), differs("origins", _ORIGINS)),
        "cross_origin": (("origins",), differs("origins", _ORIGINS)),
    },
    alone={
        "cross_origin": (
            ("flask_cors.CORS", "flask_rf.CORS", "flask_rf.RF"),
            differs("CORS(app, resources={})", _ALONE),
        )
    },
)
