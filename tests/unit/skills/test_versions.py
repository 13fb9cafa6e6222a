"""The history of skills, with the real git."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from core.errors import UserFacing
from skills.versions import Versions

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def text(body: str) -> str:
    return f"---\nname: a\ndescription: d\n---\n{body}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    owner = tmp_path / "skills"
    (owner / "cat" / "a" / "scripts").mkdir(parents=True)
    (owner / "cat" / "a" / "SKILL.md").write_text(text("one"))
    (owner / "cat" / "a" / "scripts" / "x.py").write_bytes(b"\r\n\xff\0")
    (owner / "b.md").write_text(text("b"))
    return owner


@pytest.fixture
def versions(folder: Path, tmp_path: Path) -> Versions:
    return Versions(folder, tmp_path / "history")


def test_a_change_is_a_version_and_no_change_is_none(folder: Path, versions: Versions) -> None:
    assert versions.history("b.md") == ()
    first = versions.commit("first\nline", now=NOW)
    assert first is not None
    assert versions.commit("nothing") is None
    (folder / "b.md").write_text(text("changed"))
    second = versions.commit("b changed", now=NOW)
    assert second is not None
    assert [v.message for v in versions.history("b.md")] == ["b changed", "first line"]
    assert versions.history("cat/a") == (first,)
    assert first.at == NOW


def test_a_diff_shows_what_changed_and_what_hides(folder: Path, versions: Versions) -> None:
    first = versions.commit("first")
    assert first is not None
    (folder / "cat/a/SKILL.md").write_text(text("two\u202e"))
    (folder / "b.md").write_text(text("other"))
    versions.commit("second")
    diff = versions.diff("cat/a", first.id)
    assert "-one" in diff
    assert "+two⟨U+202E⟩" in diff
    assert "other" not in diff


def test_going_back_restores_every_byte_and_loses_nothing(folder: Path, versions: Versions) -> None:
    first = versions.commit("first")
    assert first is not None
    (folder / "cat/a/SKILL.md").write_text(text("two"))
    (folder / "cat/a/new.txt").write_text("new")
    (folder / "cat/a/scripts/x.py").unlink()
    back = versions.rollback("cat/a", first.id)  # what was not kept yet is kept first
    assert back is not None
    assert (folder / "cat/a/SKILL.md").read_text() == text("one")
    assert (folder / "cat/a/scripts/x.py").read_bytes() == b"\r\n\xff\0"
    assert not (folder / "cat/a/new.txt").exists()
    messages = [v.message for v in versions.history("cat/a")]
    assert messages == [f"cat/a back to {first.id}", "before going back", "first"]
    assert sorted(p.name for p in folder.iterdir()) == ["b.md", "cat"]


def test_a_deleted_skill_comes_back(folder: Path, versions: Versions) -> None:
    first = versions.commit("first")
    assert first is not None
    (folder / "b.md").unlink()
    versions.commit("gone")
    assert versions.rollback("b.md", first.id) is not None
    assert (folder / "b.md").read_text() == text("b")


@pytest.mark.parametrize("version", ["", "HEAD", "--output=x", "abcdef0", "main", "0" * 40, "../x"])
def test_what_is_no_version_is_refused(versions: Versions, version: str) -> None:
    versions.commit("first")
    with pytest.raises(UserFacing, match="There is no version"):
        versions.diff("b.md", version)


@pytest.mark.parametrize("place", ["../x", "/etc", ":(top)b.md", "-x"])
def test_odd_places_reach_nothing(versions: Versions, place: str) -> None:
    first = versions.commit("first")
    assert first is not None
    with pytest.raises(UserFacing):
        versions.rollback(place, first.id)


def test_nothing_in_the_folder_makes_git_run_a_program(
    folder: Path, versions: Versions, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    evil = f"touch {marker}"
    subprocess.run(["git", "init", "-q", folder], check=True)
    with (folder / ".git" / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "{evil}"\n[diff "x"]\n\ttextconv = "{evil}"\n')
        config.write(f'[filter "x"]\n\tclean = "{evil}"\n[diff]\n\texternal = "{evil}"\n')
    hook = folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{evil}\n")
    hook.chmod(0o755)
    (folder / "cat" / "a" / ".gitattributes").write_text("* filter=x diff=x\n")
    (folder / "cat" / "a" / ".git").mkdir()
    (folder / "cat" / "a" / "link").symlink_to("/etc/passwd")
    first = versions.commit("first")
    assert first is not None
    (folder / "b.md").write_text(text("c"))
    versions.commit("second")
    versions.diff("b.md", first.id)
    versions.rollback("b.md", first.id)
    assert not marker.exists()
    assert "passwd" not in versions.diff("cat/a", first.id)


def test_a_history_among_the_skills_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="must not lie"):
        Versions(folder, folder / ".git")
