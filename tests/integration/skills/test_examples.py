"""Examples of skills, run in real containers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentai.skill_command import main
from executors.skill_examples import Example, examples_of, judged
from skills.tree import BUILTIN

ROOT = Path(__file__).resolve().parents[3]
TUTORIAL = (ROOT / "docs/tutorial/your-first-skill.md").read_text(encoding="utf-8")
SHIPPED = sorted(path.parent.name for path in BUILTIN.glob("*/SKILL.md"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor_image: str) -> None:
    assert executor_image
    monkeypatch.setenv("AGENTAI_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_examples_of_a_shipped_skill_end_as_expected(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", str(BUILTIN / name)]) == 0
    told = re.findall(r"^example \S+: (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert told
    assert set(told) == {"as expected"}


def blocks(heading: str) -> list[str]:
    """The indented blocks of one step of the tutorial."""
    part = TUTORIAL.split(f"## {heading}")[1].split("\n## ")[0]
    found = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", part)
    return [re.sub(r"(?m)^    ", "", block).strip("\n") + "\n" for block in found]


def test_who_follows_the_tutorial_gets_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "reading-list"]) == 0
    skill = tmp_path / "reading-list"
    made = (skill / "SKILL.md").read_text()
    assert made.startswith(blocks("1.")[1])
    (skill / "SKILL.md").write_text(blocks("2.")[0])
    assert main(["lint", "reading-list"]) == 0
    (skill / "SKILL.md").write_text(blocks("2.")[0].replace("tier: L1", "tier: L9"))
    capsys.readouterr()
    assert main(["lint", "reading-list"]) == 1
    assert blocks("3.")[1].strip() in capsys.readouterr().out
    (skill / "SKILL.md").write_text(blocks("2.")[0])
    _, script, command, expected, books, _ = blocks("6.")
    for path, text in (
        ("scripts/oldest.py", script), ("examples/unread/command", command),
        ("examples/unread/expected", expected), ("examples/unread/files/reading/books.txt", books),
    ):  # fmt: skip
        (skill / path).parent.mkdir(parents=True, exist_ok=True)
        (skill / path).write_text(text)
    assert main(["test", "reading-list"]) == 0
    assert "example unread: as expected" in capsys.readouterr().out


def test_an_example_that_ends_otherwise_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x" / "examples" / "one"
    folder.mkdir(parents=True)
    (tmp_path / "x" / "SKILL.md").write_text("---\nname: x\ndescription: d\n---\nx\n")
    command = "id -u; curl -m 3 https://example.com || echo cut; touch {baseDir}/x || echo fixed"
    (folder / "command").write_text(command)
    (folder / "expected").write_text("cut\nfixed\nnever printed\n")
    assert main(["test", str(tmp_path / "x")]) == 1
    out = capsys.readouterr().out
    assert "example one: its output lacks 'never printed'" in out
    assert "    fixed" in out
    assert main(["test", "--static", str(tmp_path / "x")]) == 0
    assert "example" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "output", "expected", "fault"),
    [
        (0, "a\nb", ("b",), ""), (1, "a", ("a",), ""), (0, "a", ("b",), "its output lacks 'b'"),
        (1, "", (), "it ended with exit code 1"), (0, "", (), ""),
        (None, "", (), "it ran longer than 120 seconds"),
    ],
)  # fmt: skip
def test_an_example_is_judged_by_its_output_and_its_end(
    code: int | None, output: str, expected: tuple[str, ...], fault: str
) -> None:
    example = Example(name="x", command="c", files={}, expected=expected)
    assert judged(example, code, output).fault == fault


def test_examples_are_found_by_their_commands() -> None:
    files = {
        "examples/a/command": b"cat {baseDir}/x", "examples/a/files/d/f.txt": b"1",
        "examples/b/files/x": b"", "examples/command": b"", "examples/c/d/command": b"",
    }  # fmt: skip
    (only,) = examples_of(files)
    assert only.command == "cat /run/agentai/skill/x"
    assert dict(only.files) == {"d/f.txt": b"1"}
