"""What holds for every shipped skill."""

import re
from pathlib import Path

import pytest

from skills.activation import Active, decide_change
from skills.index import prompt_index, search
from skills.library import Library
from skills.scan import scan
from tests.unit.skills.builtin.script import BUILTIN

SKILLS = Library(BUILTIN, BUILTIN / "none").load()
NAMES = sorted(SKILLS.skills)


def test_at_least_six_are_shipped_and_none_has_a_problem() -> None:
    assert SKILLS.problems == ()
    assert len(NAMES) >= 6
    assert all(not skill.notes for skill in SKILLS.skills.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_skill_is_active_without_its_writing(name: str) -> None:
    skill = SKILLS.skills[name]
    decision = decide_change(None, skill)
    assert isinstance(decision, Active)
    assert decision.permissions.writes == ()
    assert decision.permissions.secrets == ()
    assert skill.tier != "L3"
    assert (name == "website-watch") == bool(decision.withheld)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_skill_names_only_scripts_that_it_holds(name: str) -> None:
    skill = SKILLS.skills[name]
    named = set(re.findall(r"\{baseDir\}/(\S+)", skill.body))
    held = {file.path for file in skill.files}
    assert named
    assert named <= held


@pytest.mark.parametrize("name", NAMES)
def test_nothing_hides_in_a_shipped_skill(name: str) -> None:
    skill = SKILLS.skills[name]
    assert skill.folder is not None
    for file in skill.files:
        found = scan((Path(skill.folder) / file.path).read_text(encoding="utf-8"))
        assert not {"hidden", "instructions", "exfiltration"} & {
            risk.kind for risk in found if "environment" not in risk.sentence
        }


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("make a chart of my expenses spreadsheet", "csv-report"),
        ("what changed between these two documents", "document-compare"),
        ("find out on the internet", "web-research"),
        ("tell me when the page changes", "website-watch"),
        ("how many hours did I work", "timesheet"),
        ("actions from the meeting", "meeting-notes"),
        ("how does the repository stand", "git-checkup"),
    ],
)
def test_the_right_one_is_found(words: str, name: str) -> None:
    assert search(SKILLS.skills.values(), words, 1)[0].name == name


def test_their_index_is_small() -> None:
    assert len(prompt_index(SKILLS.skills.values()).encode()) < 1_000
