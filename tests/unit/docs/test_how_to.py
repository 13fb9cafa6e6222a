"""What the guides tell to type is right."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
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


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "agentai.service"
    text = unit().replace("/srv/agentai/.venv/bin/agentai", "/bin/true")
    file.write_text(text.replace("/srv/agentai", str(tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(file)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    about_ours = [line for line in done.stderr.splitlines() if "agentai" in line]
    assert not about_ours


def test_what_compose_is_told_to_read_is_what_it_needs() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", compose))
    assert needed == {"TELEGRAM_BOT_TOKEN", "AGENTAI_SECRET_KEY", "POSTGRES_PASSWORD"}
    assert all(f"{name}=" in SERVICE for name in needed)
