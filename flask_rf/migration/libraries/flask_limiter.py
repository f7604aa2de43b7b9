"""Flask-Limiter 3 and 4."""

from __future__ import annotations

from ..library import differs
from ..library import Library
from ..library import missing
from ..library import not_needed
from ..library import renamed
from ..library import same

_TERMS = "An argument of Limiter(…) here, or a term of the limit: Limit.per_day(200)."
_ON_ERROR = "True becomes RATE_LIMIT_ON_ERROR=allow; by default each worker counts by itself."
_FALLBACK = "Without Redis the same limits go on in each worker's memory, by default."
_TOGETHER = "All limits of a request are decided together, and counted by all or by none."
_META = "Declare a longer limit beside the short one: 5/minute; 50/day."
_SHORTER_NAMES = "Headers are called X-RateLimit-… and RateLimit, as their standard has it."
_DETAILS = "Functions get a Decision: limit, key, breached, remaining, reset_at, retry_after."
_IN_THE_URL = (
    "They go in the URL, as connection parameters of redis-py; time-outs and the pool are settings."
)
_BY_SCOPE = "Name what is counted by scope= of the limit."
_CHECK = "It looks here whether all limits can be meant, as check(app) says, and limits nothing."
_OTHER_STORES = (
    "Redis goes over, Sentinel and Cluster too; leave memory:// out. Other stores do not exist."
)
_STRATEGY = "By default sliding-window here; fixed-window lets twice the count pass at its edge."

_ON_LIMITS = {"meta_limits": missing(_META)}

FLASK_LIMITER = Library(
    name="Flask-Limiter",
    module="flask_limiter",
    section="from-flask-limiter",
    settings={
        "RATELIMIT_ENABLED": renamed("RATE_LIMIT_ENABLED", default=True),
        "RATELIMIT_DEFAULT": renamed("RATE_LIMIT_DEFAULT"),
        "RATELIMIT_DEFAULTS_PER_METHOD": differs("default_limits_per_method", _TERMS),
        "RATELIMIT_DEFAULTS_EXEMPT_WHEN": differs("default_limits_exempt_when", _TERMS),
        "RATELIMIT_DEFAULTS_DEDUCT_WHEN": differs("default_limits_deduct_when", _TERMS),
        "RATELIMIT_DEFAULTS_COST": differs("default_limits_cost", _TERMS),
        "RATELIMIT_APPLICATION": renamed("RATE_LIMIT_APPLICATION"),
        "RATELIMIT_APPLICATION_PER_METHOD": differs("application_limits_per_method", _TERMS),
        "RATELIMIT_APPLICATION_EXEMPT_WHEN": differs("application_limits_exempt_when", _TERMS),
        "RATELIMIT_APPLICATION_DEDUCT_WHEN": differs("application_limits_deduct_when", _TERMS),
        "RATELIMIT_APPLICATION_COST": differs("application_limits_cost", _TERMS),
        "RATELIMIT_STRATEGY": renamed("RATE_LIMIT_STRATEGY", _STRATEGY),
        "RATELIMIT_STORAGE_URI": renamed("RATE_LIMIT_REDIS_URL", _OTHER_STORES),
        "RATELIMIT_STORAGE_OPTIONS": differs("REDIS_*", _IN_THE_URL),
        "RATELIMIT_KEY_FUNC": renamed("RATE_LIMIT_KEY"),
        "RATELIMIT_KEY_PREFIX": renamed("RF_PREFIX", "It begins the keys of broadcasting as well."),
        "RATELIMIT_HEADERS_ENABLED": renamed("RATE_LIMIT_HEADERS", "On by default here."),
        "RATELIMIT_HEADER_LIMIT": missing(_SHORTER_NAMES),
        "RATELIMIT_HEADER_REMAINING": missing(_SHORTER_NAMES),
        "RATELIMIT_HEADER_RESET": missing(_SHORTER_NAMES),
        "RATELIMIT_HEADER_RETRY_AFTER": missing(_SHORTER_NAMES),
        "RATELIMIT_HEADER_RETRY_AFTER_VALUE": not_needed("Retry-After is always in seconds."),
        "RATELIMIT_SWALLOW_ERRORS": differs("RATE_LIMIT_ON_ERROR", _ON_ERROR),
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": not_needed(_FALLBACK),
        "RATELIMIT_IN_MEMORY_FALLBACK": missing(_FALLBACK),
        "RATELIMIT_FAIL_ON_FIRST_BREACH": not_needed(_TOGETHER),
        "RATELIMIT_ON_BREACH_CALLBACK": renamed("RATE_LIMIT_ON_BREACH", _DETAILS),
        "RATELIMIT_REQUEST_IDENTIFIER": differs("scope", _BY_SCOPE),
        "RATELIMIT_META": missing(_META),
        "RATELIMIT_ON_META_BREACH_CALLBACK": missing(_META),
    },
    imports={
        "flask_limiter.Limiter": same("flask_rf.Limiter"),
        "flask_limiter.RateLimitExceeded": same("flask_rf.RateLimitExceeded"),
        "flask_limiter.errors.RateLimitExceeded": same("flask_rf.RateLimitExceeded"),
        "flask_limiter.util.get_remote_address": same("flask_rf.get_remote_address"),
        "flask_limiter.util.get_qualified_name": missing(
            "Write function.__module__ and function.__qualname__."
        ),
        "flask_limiter.Limit": differs(
            "flask_rf.Limit", "Write Limit.per_minute(5), or the limit's text."
        ),
        "flask_limiter.RouteLimit": differs("flask_rf.Limit", "It is what limiter.limit() makes."),
        "flask_limiter.ApplicationLimit": differs(
            "flask_rf.Limit", "Give such limits as application=."
        ),
        "flask_limiter.MetaLimit": missing(_META),
        "flask_limiter.RequestLimit": differs("flask_rf.ratelimit.Decision", _DETAILS),
        "flask_limiter.ExemptionScope": missing(
            "@limiter.exempt lifts the app's limits and defaults."
        ),
        "flask_limiter.HeaderNames": missing(_SHORTER_NAMES),
    },
    keywords={
        "Limiter": {
            "key_func": same("key"),
            "app": same("app"),
            "default_limits": same("default"),
            "application_limits": same("application"),
            "headers_enabled": same("headers"),
            "storage_uri": same("redis_url"),
            "strategy": same("strategy"),
            "enabled": same("enabled"),
            "on_breach": same("on_breach"),
            "default_limits_per_method": same("default_limits_per_method"),
            "default_limits_exempt_when": same("default_limits_exempt_when"),
            "default_limits_deduct_when": same("default_limits_deduct_when"),
            "default_limits_cost": same("default_limits_cost"),
            "application_limits_per_method": same("application_limits_per_method"),
            "application_limits_exempt_when": same("application_limits_exempt_when"),
            "application_limits_deduct_when": same("application_limits_deduct_when"),
            "application_limits_cost": same("application_limits_cost"),
            "header_name_mapping": missing(_SHORTER_NAMES),
            "storage_options": same("storage_options", _IN_THE_URL),
            "swallow_errors": same("on_error", _ON_ERROR),
            "fail_on_first_breach": same("fail_on_first_breach", _TOGETHER),
            "meta_limits": missing(_META),
            "on_meta_breach": missing(_META),
            "in_memory_fallback": missing(_FALLBACK),
            "in_memory_fallback_enabled": same("on_error", _FALLBACK),
            "retry_after": not_needed("Retry-After is always in seconds."),
            "key_prefix": differs("RF_PREFIX", "It is a setting of all features."),
            "request_identifier": differs("scope", _BY_SCOPE),
        },
        "limit": _ON_LIMITS,
        "shared_limit": _ON_LIMITS,
        "exempt": {"flags": missing("It lifts the app's limits and the defaults, both.")},
    },
    without={"check": (("app",), differs("with limiter.limit(…)", _CHECK))},
    attributes={
        "storage": missing("flask rf limits show and limiter.remaining() tell what is counted."),
        "limiter": missing("limiter.hit(), attempts() and attempt() count by hand."),
        "context": missing("limiter.current_limits is what was decided in this request."),
        "identify_request": differs("scope", _BY_SCOPE),
    },
)
