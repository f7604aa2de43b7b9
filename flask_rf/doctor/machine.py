"""Judges the machine and what runs on it. Pure."""

from __future__ import annotations

from .facts import GunicornFacts
from .facts import MachineFacts
from .findings import advice
from .findings import Finding
from .findings import fine
from .findings import hurts
from .gunicorn import OURS
from .gunicorn import understood

_FEW_FILES = 4096
_SPARE_FILES = 500  # beside sockets: logs, Redis, databases, code
_SHORT_QUEUE = 1024


def open_files(facts: MachineFacts) -> Finding:
    if facts.open_files is None:
        return fine("open files", "As many as needed.")
    wanted = (facts.sockets or 0) + _SPARE_FILES
    mend = f"raise it: ulimit -n {max(wanted, 65536)}, LimitNOFILE= or ulimits: nofile"
    if facts.open_files < _FEW_FILES:
        return hurts(
            "open files",
            f"A process may open {facts.open_files:,}, and each connection is one.",
            mend,
        )
    if facts.open_files < wanted:
        return advice(
            "open files",
            f"A process may open {facts.open_files:,}, and BROADCAST_MAX_CONNECTIONS "
            f"promises {facts.sockets:,} sockets.",
            f"{mend}; or promise fewer",
        )
    return fine("open files", f"A process may open {facts.open_files:,}.")


def backlog(facts: MachineFacts) -> Finding | None:
    if facts.backlog is None:
        return None
    if facts.backlog < _SHORT_QUEUE:
        return advice(
            "queue",
            f"The kernel lets {facts.backlog:,} connections wait to be accepted; "
            "after a restart all clients come at once.",
            "sysctl -w net.core.somaxconn=4096",
        )
    return fine("queue", f"The kernel lets {facts.backlog:,} connections wait to be accepted.")


def workers(facts: MachineFacts) -> Finding:
    if facts.workers > 2 * max(facts.cpus, 1):
        return advice(
            "workers",
            f"{facts.workers} share {facts.cpus:g} CPUs; with gevent one for each is enough.",
            "set WEB_CONCURRENCY to the number of CPUs",
        )
    return fine("workers", f"{facts.workers} on {facts.cpus:g} CPUs.")


def shared_memory(facts: MachineFacts) -> Finding:
    if not facts.shared_memory:
        return advice(
            "heartbeat",
            "There is no /dev/shm: where the disk is slow, gunicorn takes workers for dead.",
            "mount a tmpfs there, or set gunicorn's worker_tmp_dir to one",
        )
    return fine("heartbeat", "gunicorn's heartbeats are kept in memory.")


def installed(facts: MachineFacts) -> Finding:
    if facts.missing:
        return advice(
            "packages",
            f"Not installed: {', '.join(facts.missing)}.",
            'pip install "flask-rf[deploy]"',
        )
    return fine("packages", "All that production wants is installed.")


def gunicorn(facts: MachineFacts) -> Finding | None:
    """Judges those that run; None if none does, as where this is asked before the start."""
    for running in facts.gunicorns:
        finding = _judge_gunicorn(running, facts.sockets is not None)
        if finding is not None:
            return finding
    if facts.gunicorns:
        return fine("gunicorn", "It runs with flask_rf's settings.")
    return None


def _judge_gunicorn(running: GunicornFacts, broadcasts: bool) -> Finding | None:
    told = understood(running.arguments, running.source)
    if broadcasts and told.worker == "sync":
        return hurts(
            "gunicorn",
            f"Process {running.pid} has sync workers: each WebSocket keeps one for itself.",
            f"start it with -c python:{OURS}",
        )
    if told.has_ours is False:
        return advice(
            "gunicorn",
            f"Process {running.pid} runs without flask_rf's settings: "
            "when it stops, WebSockets are cut off instead of sent elsewhere.",
            f"start it with -c python:{OURS}, or begin your own settings with from {OURS} import *",
        )
    if told.worker is None or told.has_ours is None:
        return advice(
            "gunicorn",
            f"The settings of process {running.pid} cannot be read without running them.",
            f"see that worker_class is not sync, and that they begin with from {OURS} import *",
        )
    return None


JUDGES = (installed, gunicorn, workers, open_files, backlog, shared_memory)
