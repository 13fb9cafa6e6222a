"""Proposed skills on disk."""

from pathlib import Path

import pytest

from core.errors import UserFacing
from skills.library import Library
from skills.proposals_files import put, stage, text_of
from skills.types import Skill
from tests.unit.skills.texts import PLAIN

OTHER = PLAIN.replace("Count the words.", "Count words and lines.")


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    folder = tmp_path / "skills" / "work" / "plain"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text(PLAIN)
    (folder / "scripts" / "count.py").write_text("print(1)\n")
    return tmp_path / "skills"


def current(owner: Path) -> Skill:
    return Library(None, owner).load().skills["plain"]


def test_an_edit_is_staged_with_the_other_files_of_its_skill(owner: Path, tmp_path: Path) -> None:
    old = current(owner)
    assert text_of(owner, old) == PLAIN
    staged = stage(tmp_path / "staging", OTHER, name="plain", current=old, owner=owner).skill
    assert (staged.path, staged.code_digest) == (old.path, old.code_digest)
    assert staged.digest != old.digest
    put(owner, staged.path, OTHER, before=PLAIN)
    assert current(owner).digest == staged.digest
    back = stage(tmp_path / "staging", PLAIN, name="plain", current=old, owner=owner)
    assert back.skill.digest == old.digest


def test_what_is_no_skill_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserFacing, match="description"):
        stage(tmp_path / "staging", "---\nname: x\n---\nbody\n", name="x")


def test_a_file_is_put_once_and_only_where_it_belongs(tmp_path: Path) -> None:
    owner = tmp_path / "skills"
    owner.mkdir()
    put(owner, "plain.md", PLAIN, before=None)
    put(owner, "plain.md", PLAIN, before=None)  # after a crash
    assert (owner / "plain.md").read_text() == PLAIN
    with pytest.raises(UserFacing, match="changed since"):
        put(owner, "plain.md", OTHER, before=None)
    with pytest.raises(UserFacing, match="changed since"):
        put(owner, "plain.md", OTHER, before="something else")
    put(owner, "plain.md", OTHER, before=PLAIN)
    assert (owner / "plain.md").read_text() == OTHER
    assert [path.name for path in owner.iterdir()] == ["plain.md"]


def test_nothing_is_written_through_a_link_or_out_of_the_folder(tmp_path: Path) -> None:
    owner, outside = tmp_path / "skills", tmp_path / "outside"
    owner.mkdir()
    outside.mkdir()
    (outside / "real.md").write_text(PLAIN)
    (owner / "linked.md").symlink_to(outside / "real.md")
    (owner / "folder").symlink_to(outside)
    with pytest.raises(UserFacing):
        put(owner, "linked.md", OTHER, before=PLAIN)
    with pytest.raises(UserFacing):
        put(owner, "folder/new.md", OTHER, before=None)
    with pytest.raises(UserFacing):
        put(owner, "../new.md", OTHER, before=None)
    assert (outside / "real.md").read_text() == PLAIN
    assert [path.name for path in outside.iterdir()] == ["real.md"]
