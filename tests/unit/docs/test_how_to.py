"""What the guides tell to type is right."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentai.checks import CHECKS
from agentai.cli import COMMANDS
from agentai.supervisor import STOP_LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
GUIDES = sorted([*(ROOT / "docs/how-to").glob("*.md"), *(ROOT / "docs/tutorial").glob("*.md")])
SERVICE = (ROOT / "docs/how-to/run-as-a-service.md").read_text(encoding="utf-8")


def unit() -> str:
    found = re.search(r"```ini\n(.*?)```", SERVICE, re.DOTALL)
    assert found is not None
    return found[1]


def commands(text: str) -> Iterator[list[str]]:
    """Every `agentai …` in code, by words."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (.+)$", text, re.MULTILINE)
    for line in code:
        if found := re.search(r"(?:^|[ /])agentai ([a-z].*)$", line):
            yield found[1].split()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_command_in_a_guide_exists(guide: Path) -> None:
    checks = {check.name for check in CHECKS}
    for name, *rest in commands(guide.read_text(encoding="utf-8")):
        assert name in COMMANDS, name
        if name == "doctor":
            assert set(rest) <= checks


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_link_in_a_guide_leads_somewhere(guide: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", guide.read_text(encoding="utf-8")):
        assert (guide.parent / link).exists(), link


def test_the_unit_waits_for_a_clean_stop_and_not_for_a_wrong_setting() -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit())
    service = parser["Service"]
    assert float(service["TimeoutStopSec"]) > STOP_LIMIT_S
    assert service["KillMode"] == "mixed"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["ExecStart"].endswith("/agentai up")


# systemd.unit(5), systemd.service(5), systemd.kill(5), systemd.exec(5): what it does not know it
# ignores with a line in the journal that nobody reads.
DIRECTIVES = {
    "Unit": {"Description", "Wants", "After"},
    "Service": {
        "WorkingDirectory", "Environment", "EnvironmentFile", "ExecStart", "Restart", "RestartSec",
        "RestartPreventExitStatus", "KillMode", "TimeoutStopSec",
    },
    "Install": {"WantedBy"},
}  # fmt: skip


def test_the_unit_says_only_what_systemd_knows() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit())
    assert set(parser.sections()) == set(DIRECTIVES)
    for section in parser.sections():
        assert set(parser[section]) <= DIRECTIVES[section]


def test_what_compose_is_told_to_read_is_what_it_needs() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", compose))
    assert needed == {"TELEGRAM_BOT_TOKEN", "AGENTAI_SECRET_KEY", "POSTGRES_PASSWORD"}
    assert all(f"{name}=" in SERVICE for name in needed)
