"""Each file of examples/deploy is taken by the tool it is written for."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from flask import Flask

from flask_rf import gunicorn
from flask_rf import RF
from flask_rf.broadcast.options import BroadcastOptions
from flask_rf.health.options import HealthOptions
from flask_rf.settings import resolved_settings
from tests.deploy.conftest import DEPLOY
from tests.deploy.conftest import installed
from tests.deploy.conftest import make_secrets
from tests.parts.nginx import nginx_binary
from tests.parts.processes import ROOT
from tests.test_docs import write_files

pytestmark = pytest.mark.deployment

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def run(*command: str | Path, **options: Any) -> str:
    """What a tool prints; a test ends here if it finds fault."""
    result = subprocess.run(command, capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``kubectl apply --kustomize`` would send, of a copy with secrets."""
    copy = tmp_path_factory.mktemp("kustomize") / "deploy"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets"))
    make_secrets(copy / "secrets")
    (copy / "all.yaml").write_text(run("kubectl", "kustomize", copy))
    return copy / "all.yaml"


@pytest.fixture(scope="module")
def resources(manifests: Path) -> dict[tuple[str, str], Any]:
    """Those by kind and name, which lacks what kustomize adds to it."""
    found = list(yaml.safe_load_all(manifests.read_text()))
    return {(r["kind"], re.sub(r"-\w{10}$", "", r["metadata"]["name"])): r for r in found}


# --- The tutorial ---


def test_the_tutorials_files_are_taken_too(tmp_path: Path) -> None:
    write_files("tutorial", tmp_path)
    assert run(installed("hadolint"), tmp_path / "Dockerfile") == ""
    compose = (installed("docker-compose"), "-f", tmp_path / "compose.yaml", "config")
    whole = yaml.safe_load(run(*compose, env={**os.environ, "SECRET_KEY": "a key"}))
    assert {*whole["services"]} == {"web", "redis"}
    keyless = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    refused = subprocess.run(compose, env=keyless, capture_output=True, text=True)
    assert refused.returncode != 0 and "make one" in refused.stderr


# --- Dockerfile ---


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert run(installed("hadolint"), DEPLOY / "Dockerfile") == ""


def test_what_the_dockerfile_copies_is_there_and_let_in_by_its_ignore_file() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"flask_rf", "examples/chat", "constraints.txt"} <= set(copied)
    let_in = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert let_in[1] == "*"
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in let_in


def test_the_image_runs_as_a_user_that_kubernetes_can_tell_from_root() -> None:
    (user,) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert "0" not in user
    assert DOCKERFILE.index("USER") > DOCKERFILE.rindex("COPY")


# --- compose.yaml ---


def test_docker_compose_takes_its_file() -> None:
    run(installed("docker-compose"), "-f", DEPLOY / "compose.yaml", "config", "-q")


@pytest.fixture(scope="module")
def composed() -> Any:
    """The file as docker-compose understands it."""
    command = (installed("docker-compose"), "-f", DEPLOY / "compose.yaml", "config")
    return yaml.safe_load(run(*command))


def test_no_container_may_write_gain_rights_or_use_a_capability(composed: Any) -> None:
    for service in composed["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_there_are_three_replicas_where_nginx_looks_for_them(composed: Any) -> None:
    services = composed["services"]
    replicas = [services[name] for name in services if name.startswith("web")]
    addresses = [replica["networks"]["inside"]["ipv4_address"] for replica in replicas]
    assert len(addresses) == 3
    nginx = (DEPLOY / "nginx.conf").read_text()
    assert re.findall(r"server ([\d.]+):8000", nginx) == addresses
    proxy = services["nginx"]["networks"]["inside"]["ipv4_address"]
    assert {replica["environment"]["TRUSTED_PROXIES"] for replica in replicas} == {proxy}


def test_every_secret_that_is_asked_for_is_made(composed: Any, secrets: Path) -> None:
    asked = [Path(secret["file"]).name for secret in composed["secrets"].values()]
    assert len(asked) == 3
    for name in asked:
        assert (secrets / name).stat().st_size > 32
        # Read by the containers' users; the folder is closed to everybody else here.
        assert stat.S_IMODE((secrets / name).stat().st_mode) == 0o644
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


def test_secrets_that_are_there_are_kept(tmp_path: Path) -> None:
    folder = make_secrets(tmp_path / "secrets")
    before = {file.name: file.read_text() for file in folder.iterdir()}
    make_secrets(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == before
    (folder / "redis_password_chat").unlink()
    make_secrets(folder)
    changed = {f.name for f in folder.iterdir() if f.read_text() != before[f.name]}
    assert changed == {"redis_password_chat", "redis_url", "users.acl"}


def test_no_secret_is_ever_committed() -> None:
    ignored = (DEPLOY / "secrets" / ".gitignore").read_text().split()
    assert ignored == ["*", "!.gitignore"]


# --- nginx.conf ---


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    run(nginx_binary(), "-t", "-q", "-p", tmp_path, "-c", DEPLOY / "nginx.conf")


def test_nginx_waits_longer_than_a_silent_socket_is_left_alone() -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s", (DEPLOY / "nginx.conf").read_text())
    assert int(seconds) > BroadcastOptions.activity_timeout + 30


# --- Kubernetes ---


def test_kubernetes_takes_every_resource(manifests: Path) -> None:
    said = run(installed("kubernetes-validate"), "--strict", manifests)
    assert said.count("passed") >= 15
    assert said.count("passed") == len(said.splitlines())


def test_every_manifest_is_part_of_the_whole() -> None:
    listed = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    files = (DEPLOY / "kubernetes").iterdir()
    assert sorted(listed) == sorted(f"kubernetes/{file.name}" for file in files)


def test_there_is_all_that_a_service_needs(resources: dict[tuple[str, str], Any]) -> None:
    kinds = {kind for kind, name in resources}
    assert kinds == {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Secret",
        "Service",
        "StatefulSet",
    }


@pytest.mark.parametrize("which", [("Deployment", "web"), ("StatefulSet", "redis")])
def test_pods_have_no_rights_and_no_environment_of_other_services(
    resources: dict[tuple[str, str], Any], which: tuple[str, str]
) -> None:
    pod = resources[which]["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container) >= {"startupProbe", "livenessProbe", "readinessProbe", "resources"}


def test_a_rollout_never_has_fewer_pods_and_leaves_time_to_say_goodbye(
    resources: dict[tuple[str, str], Any],
) -> None:
    spec = resources["Deployment", "web"]["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    wait = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pod["terminationGracePeriodSeconds"] > wait + gunicorn.graceful_timeout
    assert wait >= container["readinessProbe"]["periodSeconds"]


def test_probes_wait_longer_than_the_checks_take(resources: dict[tuple[str, str], Any]) -> None:
    (container,) = resources["Deployment", "web"]["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["timeoutSeconds"] > HealthOptions.total_timeout


def test_pods_get_exactly_the_configuration_and_the_secrets_that_are_made(
    resources: dict[tuple[str, str], Any],
) -> None:
    pod = resources["Deployment", "web"]["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if "secret" in volume]
    secret = resources["Secret", "web"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
    settings = resources["ConfigMap", "web"]["data"]
    files = {value for key, value in settings.items() if key.endswith("_FILE")}
    assert files == {f"{mount['mountPath']}/{name}" for name in secret["data"]}


def test_the_configured_settings_are_real(
    resources: dict[tuple[str, str], Any], composed: Any, app: Flask
) -> None:
    app.config["RF_ACCESS_LOG"] = True
    RF(app)
    keys = set(resolved_settings(app))
    real = {*keys, *(f"{key}_FILE" for key in keys), "SECRET_KEY_FILE", "WEB_CONCURRENCY"}
    assert set(resources["ConfigMap", "web"]["data"]) <= real
    assert set(composed["services"]["web-1"]["environment"]) <= real


def test_redis_is_where_its_url_says(
    resources: dict[tuple[str, str], Any], composed: Any, secrets: Path
) -> None:
    parts = urlsplit((secrets / "redis_url").read_text())
    assert parts.hostname in composed["services"]
    service = resources["Service", str(parts.hostname)]
    assert [port["port"] for port in service["spec"]["ports"]] == [parts.port]
