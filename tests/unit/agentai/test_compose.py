"""The compose file keeps the promises that the supervisor keeps elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_only_the_executor_host_gets_the_engines_socket() -> None:
    holders = [
        name
        for name, service in SERVICES.items()
        if any("docker.sock" in volume for volume in service.get("volumes", ()))
    ]
    assert holders == ["executor"]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_listens_beyond_this_machine(name: str) -> None:
    ports = SERVICES[name].get("ports", ())
    assert all(str(port).startswith("127.0.0.1:") for port in ports)
    assert SERVICES[name].get("network_mode", "none") == "none"


def test_the_databases_have_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["valkey"]["networks"] == ["inside"]


def test_the_state_has_the_same_path_inside_and_outside() -> None:
    mounts = [v for v in SERVICES["executor"]["volumes"] if "docker.sock" not in v]
    assert mounts == ["${AGENTAI_STATE:-/var/lib/agentai}:${AGENTAI_STATE:-/var/lib/agentai}"]
    assert SERVICES["executor"]["environment"]["AGENTAI_HOME"] == mounts[0].split("}:")[0] + "}"


def test_every_lasting_service_is_checked_and_starts_again() -> None:
    lasting = {name: s for name, s in SERVICES.items() if name != "executor-image"}
    assert all(s["restart"] == "unless-stopped" and "healthcheck" in s for s in lasting.values())


# Of the Compose Specification's schema (compose-spec/compose-spec, schema/compose-spec.json).
KNOWN = {
    "build", "cap_add", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image",
    "init", "network_mode", "networks", "read_only", "restart", "security_opt", "tmpfs", "user",
    "volumes",
}  # fmt: skip
CHECK = {"test", "interval", "timeout", "start_period", "retries", "start_interval", "disable"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_key_is_one_that_compose_knows(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KNOWN
    assert set(service.get("healthcheck", {})) <= CHECK
    for other, wait in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert wait["condition"] in CONDITIONS
    assert set(service.get("networks", ())) <= set(COMPOSE["networks"])
    named = {v.partition(":")[0] for v in service.get("volumes", ()) if v[0] not in "/$."}
    assert named <= set(COMPOSE["volumes"])


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for name in ("AGENTAI_SECRET_KEY", "POSTGRES_PASSWORD", "TELEGRAM_BOT_TOKEN"):
        assert f"${{{name}:-" not in text
        assert f"${{{name}:?" in text
