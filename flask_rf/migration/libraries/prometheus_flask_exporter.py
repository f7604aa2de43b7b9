"""prometheus-flask-exporter 0."""

from __future__ import annotations

from ..library import differs
from ..library import Library
from ..library import missing
from ..library import not_needed
from ..library import same

_NAMES = "Series are named by OpenTelemetry's conventions: dashboards and alerts need those names."
_WORKERS = "Several workers are read as one where PROMETHEUS_MULTIPROC_DIR is set."
_OWN = "metrics.counter(name, help, labels) gives prometheus-client's own; count where it happens."
_ROUTES = "By route always: a path would be a series of its own for each client that asks."
_EXEMPT = "flask_rf's own endpoints are left out; take others out in the query."

_CLASS = differs("flask_rf.Metrics", _NAMES)

PROMETHEUS_FLASK_EXPORTER = Library(
    name="prometheus-flask-exporter",
    module="prometheus_flask_exporter",
    section="from-prometheus-flask-exporter",
    settings={
        "PROMETHEUS_MULTIPROC_DIR": same("PROMETHEUS_MULTIPROC_DIR", _WORKERS),
        "prometheus_multiproc_dir": differs("PROMETHEUS_MULTIPROC_DIR", "In capitals."),
        "DEBUG_METRICS": not_needed("They are there in debug mode, too."),
    },
    imports={
        "prometheus_flask_exporter.PrometheusMetrics": _CLASS,
        "prometheus_flask_exporter.RESTfulPrometheusMetrics": _CLASS,
        "prometheus_flask_exporter.multiprocess.GunicornPrometheusMetrics": _CLASS,
        "prometheus_flask_exporter.multiprocess.GunicornInternalPrometheusMetrics": _CLASS,
        "prometheus_flask_exporter.multiprocess.MultiprocessPrometheusMetrics": _CLASS,
        "prometheus_flask_exporter.multiprocess.UWsgiPrometheusMetrics": _CLASS,
        "prometheus_flask_exporter.Counter": differs("prometheus_client.Counter", _OWN),
        "prometheus_flask_exporter.Gauge": differs("prometheus_client.Gauge", _OWN),
        "prometheus_flask_exporter.Histogram": differs("prometheus_client.Histogram", _OWN),
        "prometheus_flask_exporter.Summary": missing(
            "A summary cannot be added up over workers; use a histogram."
        ),
    },
    keywords={
        name: {
            "path": differs("path", "METRICS_PATH; answers METRICS_ALLOW and METRICS_TOKEN only."),
            "export_defaults": not_needed(_NAMES),
            "defaults_prefix": missing(_NAMES),
            "group_by": not_needed(_ROUTES),
            "buckets": not_needed("Those of the conventions, from 5 ms to 10 s."),
            "default_latency_as_histogram": not_needed("Always: summaries do not add up."),
            "default_labels": missing("Let Prometheus add them: labels of its target."),
            "response_converter": not_needed("Every kind of response is counted."),
            "excluded_paths": missing(_EXEMPT),
            "exclude_user_defaults": not_needed(_EXEMPT),
            "metrics_decorator": differs("METRICS_ALLOW", "Networks, or METRICS_TOKEN."),
            "registry": missing("prometheus-client's own is used, beside other libraries'."),
        }
        for name in ("PrometheusMetrics", "GunicornPrometheusMetrics")
    },
    attributes={
        "counter": differs("metrics.counter", _OWN),
        "gauge": differs("metrics.gauge", _OWN),
        "histogram": differs("metrics.histogram", _OWN),
        "summary": missing("A summary cannot be added up over workers; use a histogram."),
        "info": differs("metrics.gauge", "A gauge that is set to 1, with labels."),
        "do_not_track": missing(_EXEMPT),
        "exclude_all_metrics": missing(_EXEMPT),
        "register_default": missing(_OWN),
        "register_endpoint": not_needed("There is one endpoint, METRICS_PATH."),
        "start_http_server": differs("METRICS_PORT", "gunicorn serves them beside its workers."),
        "for_app_factory": differs("flask_rf.Metrics()", "Then init_app(app)."),
    },
)
