"""docker-compose.yml: no default secrets, and nothing runs in a container that is not tested outside one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "bastion:local"}

# Each command of ours, and the test that runs it outside a container.
TESTED = {
    ("python", "manage.py", "prepare"): "test_prepare.py",
    ("python", "-m", "bastion.bucket"): "test_bucket.py",
    ("python", "-m", "bastion.supervisor", "web"): "test_supervisor.py",
    ("python", "-m", "bastion.supervisor", "worker"): "test_supervisor.py",
    ("python", "-m", "bastion.supervisor", "beat"): "test_supervisor.py",
    ("python", "-m", "bastion.probe", "/readyz"): "test_compose.py",
    ("celery", "-A", "celery_app", "inspect", "ping", "--timeout", "5"): "test_supervisor.py",
}
SECRET = re.compile(r"PASSWORD|SECRET|KEY|DATABASE_URL|REDIS_URL")


def commands() -> set[tuple[str, ...]]:
    found = {tuple(service["command"]) for service in OURS.values()}
    checks = [service["healthcheck"] for service in OURS.values() if "test" in service.get("healthcheck", {})]
    return found | {tuple(check["test"][1:]) for check in checks}


def test_every_command_of_ours_is_tested_outside_a_container() -> None:
    assert commands() == set(TESTED)
    for command, file in TESTED.items():
        text = (ROOT / "tests" / file).read_text()
        assert command[-1] in text, f"{file} does not run {' '.join(command)}"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_secret_has_no_default(name: str) -> None:
    for variable, value in (SERVICES[name].get("environment") or {}).items():
        if SECRET.search(variable) and not variable.endswith("_INITDB_ARGS"):
            assert re.search(r"\$\{\w+:\?", str(value)), f"{name}: {variable} can be left out"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_have_no_rights_that_they_do_not_need(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "ports" not in service


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_databases_are_not_on_the_network_of_hosts_or_people() -> None:
    for name in ("postgres", "valkey", "objects"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_the_proxy_is_believed_and_nobody_else() -> None:
    subnet = COMPOSE["networks"]["edge"]["ipam"]["config"][0]["subnet"]
    assert OURS["web"]["environment"]["BASTION_TRUSTED_PROXIES"] == subnet
    assert set(SERVICES["proxy"]["networks"]) == {"edge"}


def test_volumes_and_networks_are_declared_and_used() -> None:
    mounted = {str(mount).partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {name for name in mounted if not name.startswith(".")} == set(COMPOSE["volumes"])
    joined = {network for service in SERVICES.values() for network in service["networks"]}
    assert joined == set(COMPOSE["networks"])


def test_every_value_that_has_to_be_filled_in_is_in_the_example() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    offered = set(re.findall(r"^(\w+)=$", (ROOT / "deploy" / "env.example").read_text(), re.MULTILINE))
    assert offered == required


def test_the_image_runs_as_somebody_without_rights_and_carries_no_secret() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = dockerfile.split("\nFROM ")
    assert re.search(r"^USER 10001:10001$", stages[-1], re.MULTILINE)
    assert not re.search(r"^(ARG|ENV) .*(PASSWORD|SECRET|TOKEN)", dockerfile, re.MULTILINE)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path


def test_a_probe_that_finds_nobody_says_so_and_fails(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "bastion.probe", "/readyz"],
        cwd=ROOT,
        env={"BASTION_PORT": "1", "BASTION_DATA_DIR": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert result.returncode == 1
    assert "/readyz: no answer" in result.stderr
    assert "Traceback" not in result.stderr
