from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = sorted(p for p in (DEPLOY / "kubernetes").rglob("*.yaml") if p.name != "kustomization.yaml")


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    where = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=where)


def _tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return found


def _resources() -> list[dict[str, Any]]:
    return [found for path in KUBERNETES for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


def _containers() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    found = []
    for resource in _resources():
        spec = resource["spec"] if resource["kind"] in {"Deployment", "CronJob"} else None
        if spec is not None:
            pod = (spec["jobTemplate"]["spec"] if resource["kind"] == "CronJob" else spec)["template"]["spec"]
            found += [(pod, container) for container in pod["containers"]]
    return found


def test_a_linter_of_dockerfiles_finds_nothing() -> None:
    done = _run(_tool("hadolint", "none; it comes with the test tools"), "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_compose_accepts_its_file() -> None:
    compose = _tool("docker-compose", "docker-compose")
    done = _run(compose, "config", "-q", CHURN_DATABASE_PASSWORD="a", GRAFANA_PASSWORD="b")
    assert done.returncode == 0, done.stderr


def test_compose_refuses_to_start_without_passwords() -> None:
    compose = _tool("docker-compose", "docker-compose")
    done = _run(compose, "config", "-q", CHURN_DATABASE_PASSWORD="", GRAFANA_PASSWORD="")
    assert done.returncode != 0
    assert "choose one in .env" in done.stderr


def test_no_port_of_compose_is_open_to_the_network() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_containers_of_compose_cannot_write_their_file_system_nor_gain_rights() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for name in ("api", "scheduler"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "10001:10001"


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.stem)
def test_a_cluster_accepts_every_resource(path: Path) -> None:
    done = _run(_tool("kubernetes-validate", "none; it comes with the test tools"), "--strict", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("variant", ["base", "cronjobs"])
def test_kustomize_builds_both_variants(variant: str) -> None:
    done = _run(_tool("kubectl", "kubernetes-client"), "kustomize", f"deploy/kubernetes/{variant}")
    assert done.returncode == 0, done.stderr
    kinds = re.findall(r"^kind: (\w+)$", done.stdout, re.MULTILINE)
    assert kinds.count("Deployment") == (2 if variant == "base" else 1)
    assert kinds.count("CronJob") == (0 if variant == "base" else 3)


def test_every_container_of_the_cluster_has_bounds_and_no_rights() -> None:
    found = _containers()
    assert len(found) == 5
    for pod, container in found:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_the_service_is_asked_whether_it_began_lives_and_is_ready() -> None:
    api = next(container for _, container in _containers() if container["name"] == "api")
    paths = {probe: api[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_what_containers_run_are_commands_and_jobs_that_there_are() -> None:
    from typer.main import get_command

    from churn.cli import build_app
    from churn.jobs.catalog import JOBS

    known = set(get_command(build_app()).commands)  # type: ignore[attr-defined]  # a group, as its help shows
    for _, container in _containers():
        command, *rest = container["args"]
        assert command in known
        if command == "run":
            assert rest[0] in JOBS


def test_prometheus_accepts_settings_and_alert_rules_do_what_they_say() -> None:
    tool = _tool("promtool", "prometheus")
    checked = _run(tool, "check", "config", "deploy/prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = _run(tool, "test", "rules", "deploy/prometheus/churn.rules.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_question_of_the_dashboards_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    boards = [
        json.loads(p.read_text(encoding="utf-8")) for p in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
    ]
    asked = [target["expr"] for board in boards for panel in board["panels"] for target in panel["targets"]]
    assert len(asked) > 20
    assert len({board["uid"] for board in boards}) == len(boards) == 2
    rules = [{"record": f"asked:{number}", "expr": expression} for number, expression in enumerate(asked)]
    path = tmp_path / "asked.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
    done = _run(_tool("promtool", "prometheus"), "check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_home_page_of_grafana_is_one_of_its_dashboards() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana" / "dashboards" / Path(home).name).is_file()
