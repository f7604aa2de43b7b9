#!/usr/bin/env python3
"""Run, test and measure flask-rf with nothing but Python 3.10 or later.

    python3 dev.py demo [--workers 2]     serve the chat with gunicorn and gevent
    python3 dev.py test [--full] [...]    run the tests; pytest's own arguments follow
    python3 dev.py lint                   ruff, mypy, import-linter
    python3 dev.py docs                   build the documentation
    python3 dev.py bench [NAME ...]       run the benchmarks
    python3 dev.py lock [--upgrade]       write constraints.txt: the versions to install

Each makes what it needs in .venv first, and says so; a second run starts at once.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from tools import environment
from tools.deployment import deployment
from tools.environment import prepare
from tools.environment import PYTHON
from tools.node import node
from tools.parts import chromium
from tools.parts import postgres
from tools.parts import prometheus
from tools.parts import redis_server
from tools.processes import ROOT
from tools.processes import run
from tools.processes import say
from tools.processes import served
from tools.processes import started
from tools.processes import Trouble
from tools.s3 import ceph
from tools.s3 import swift

# --- demo ---


def demo(options: argparse.Namespace) -> int:
    prepare("demo")
    host, port, workers = options.host, options.port or free_port(), options.workers
    if accepts(host, port):
        raise Trouble(f"port {port} is taken. Choose another with --port, or leave --port out.")
    command = ["-m", "gunicorn", "-c", "python:flask_rf.gunicorn", "examples.chat.app:app"]
    command += ["--bind", f"{host}:{port}", "--workers", str(workers)]
    with tempfile.TemporaryDirectory(prefix="flask-rf-") as folder, redis_url(workers) as url:
        log = Path(folder) / "gunicorn.log"
        env = os.environ | ({"REDIS_URL": url} if url else {})
        chat = served(log, partial(answers, host, port), PYTHON, *command, env=env)
        with chat as gunicorn, suppress(KeyboardInterrupt):
            say(f"The chat is at http://{host}:{port} ({back_end(url)}, workers: {workers}).")
            say("Open it in two windows: each shows what the other says. Ctrl-C stops it.")
            say(f"gunicorn's log: {log}")
            gunicorn.wait()
            raise Trouble(f"gunicorn ended. Its log:\n{log.read_text()}")
    return 0


@contextmanager
def redis_url(workers: int) -> Iterator[str | None]:
    """``REDIS_URL``; without it one worker needs none, several get a Redis for this demo."""
    url = os.environ.get("REDIS_URL")
    if url or workers == 1:
        yield url
        return
    binary, port = redis_server(), free_port()
    say(f"Starting {binary} on port {port}.")
    with tempfile.TemporaryDirectory(prefix="flask-rf-") as folder:
        command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder]
        log = Path(folder) / "redis.log"
        with served(log, partial(accepts, "127.0.0.1", port), *command, "--save", ""):
            yield f"redis://127.0.0.1:{port}/0"


def back_end(url: str | None) -> str:
    """The demo's back end in words, without the password of a URL."""
    if not url:
        return "memory"
    place = url.partition("://")[2].partition("?")[0].rpartition("@")[2]
    return f"Redis at {place.partition('/')[0] or place}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def accepts(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def answers(host: str, port: int) -> bool:
    """Whether a worker answers: gunicorn listens long before its first one does."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    return False


# --- test, lint, docs, bench, lock ---

# Tests that wait for other processes more than they compute; without Node's, each of the three
# parts of the suite takes about as long.
WAITING = "((servers or browser) and not node)"
BESIDE = (f"browser and {WAITING}", f"not browser and {WAITING}")
NO_TESTS = 5  # pytest's exit status when it has chosen none


def test(options: argparse.Namespace) -> int:
    """Run the suite plainly, then again as a gevent worker runs it: monkey-patched."""
    prepare("tests")
    env = os.environ | {"RF_REDIS_SERVER": redis_server()}
    say(f"The tests' Redis is {env['RF_REDIS_SERVER']}")
    if "node" not in options.without:
        found = node()
        env["PATH"] = f"{found.parent}{os.pathsep}{os.environ['PATH']}"
        say(f"The tests' Node is {found}")
    if "deployment" not in options.without:
        deployment()
    if "browser" not in options.without:
        env["CHROME_PATH"] = chromium()
        say(f"The tests' Chromium is {env['CHROME_PATH']}")
    if "s3" not in options.without:
        env["RF_SWIFT_PYTHON"] = str(swift())
        others = "and on Ceph" if ceph() else "alone: Ceph is installed for root on Debian only"
        say(f"The tests of S3 run on OpenStack Swift {others}.")
    if "postgres" not in options.without:
        env["RF_POSTGRES_BIN"] = postgres()
        say(f"The tests' PostgreSQL is in {env['RF_POSTGRES_BIN']}")
    if "prometheus" not in options.without:
        env["RF_PROMETHEUS_BIN"] = prometheus()
        say(f"The tests' Prometheus is in {env['RF_PROMETHEUS_BIN']}")
    plain: list[str | Path] = [PYTHON, "-m", "pytest", *(["--full"] if options.full else [])]
    patched: list[str | Path] = [PYTHON, "-m", "tests.gevent_pytest", *options.pytest]
    without = "".join(f" and not {marker}" for marker in options.without)
    if options.pytest:  # somebody's choice of tests is run in one piece
        choice = ["-m", without.removeprefix(" and ")] if without else []
        statuses = [run(*plain, *choice, *options.pytest, env=env)]
        say("Now the same under gevent's monkey patching.")
        return worst(*statuses, run(*patched, env=env))
    with ExitStack() as stack:
        parts = [aside(*plain, "-m", f"{part}{without}", env=env) for part in BESIDE]
        waiting = [stack.enter_context(part) for part in parts]
        say("Most tests that wait for servers and browsers run beside the others.")
        statuses = [run(*plain, "-m", f"not {WAITING}{without}", env=env)]
        say("Now the same under gevent's monkey patching.")
        statuses.append(run(*patched, env=env))
        say("What the tests of servers and browsers say:")
    return worst(*statuses, *(status for part in waiting for status in part))


@contextmanager
def aside(*command: str | Path, env: dict[str, str]) -> Iterator[list[int]]:
    """Run ``command`` beside the block, and print its words after it.

    The list holds its exit status then.
    """
    statuses: list[int] = []
    with tempfile.TemporaryFile() as log:
        output = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        with started(*command, farewell=signal.SIGINT, env=env, **output) as process:
            yield statuses
            statuses.append(process.wait())
        log.seek(0)
        print(log.read().decode(errors="replace"), flush=True)


def worst(*statuses: int) -> int:
    """The first failure; to choose no tests is one only if no run chose any."""
    failures = [status for status in statuses if status not in (0, NO_TESTS)]
    return failures[0] if failures else min(statuses)


def lint(options: argparse.Namespace) -> int:
    prepare("lint")
    import_linter = "from importlinter.cli import lint_imports_command as main; main()"
    linters = {
        "ruff check": ("-m", "ruff", "check"),
        "ruff format": ("-m", "ruff", "format", "--check"),
        "mypy": ("-m", "mypy"),
        "import-linter": ("-c", import_linter),
    }
    failed = [name for name, arguments in linters.items() if run(PYTHON, *arguments) != 0]
    say(f"Found something: {', '.join(failed)}. See above." if failed else "Nothing found.")
    return 1 if failed else 0


def docs(options: argparse.Namespace) -> int:
    prepare("docs")
    html = ROOT / "docs" / "_build" / "html"
    status = run(PYTHON, "-m", "sphinx", "-q", "-W", "--keep-going", ROOT / "docs", html)
    if status == 0:
        say(f"The documentation is at {html / 'index.html'}")
    return status


def bench(options: argparse.Namespace) -> int:
    scripts = sorted(script.stem for script in (ROOT / "benchmarks").glob("[!_]*.py"))
    unknown = sorted(set(options.names) - set(scripts))
    if unknown:
        raise Trouble(f"no benchmark {', '.join(unknown)}. There are: {', '.join(scripts)}")
    prepare("benchmarks")
    statuses = [run(PYTHON, "-m", f"benchmarks.{name}") for name in options.names or scripts]
    statuses.append(run(PYTHON, "-m", "benchmarks._figures"))
    return 1 if any(statuses) else 0


def lock(options: argparse.Namespace) -> int:
    return environment.lock(*(["--upgrade"] if options.upgrade else []))


# --- The command line ---


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(command: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        subparser = commands.add_parser(command.__name__, allow_abbrev=False)
        subparser.set_defaults(run=command)
        return subparser

    demo_parser = add(demo)
    demo_parser.add_argument("--host", default="127.0.0.1")
    demo_parser.add_argument("--port", type=port, help="default: a free one")
    demo_parser.add_argument("--workers", type=workers, default=1, help="more than one use Redis")
    test_parser = add(test)
    test_parser.add_argument("--full", action="store_true", help="run the minutes-long soaks too")
    parts = ["browser", "deployment", "node", "postgres", "prometheus", "s3"]
    test_parser.add_argument("--without", action="append", default=[], choices=parts)
    add(lint)
    add(docs)
    add(bench).add_argument("names", nargs="*", metavar="NAME")
    add(lock).add_argument("--upgrade", action="store_true", help="to the newest versions")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run is not test:
        parser.error(f"what is {' '.join(rest)}?")
    options.pytest = [argument for argument in rest if argument != "--"]
    return options


def port(written: str) -> int:
    return _from_one(written, 65535)


def workers(written: str) -> int:
    return _from_one(written, 1000)


def _from_one(written: str, most: int) -> int:
    if not written.isdecimal() or not 0 < int(written) <= most:
        raise argparse.ArgumentTypeError(f"{written!r}: write a number from 1 to {most}")
    return int(written)


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        status: int = options.run(options)
        return status
    except Trouble as trouble:
        print(f"dev.py: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
