"""Skills on disk: who wins, what is refused, and that one broken file hides nothing."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from core.errors import UserFacing
from skills.cargo import cargo
from skills.library import Library, load_one
from skills.tree import DEPTH_CAP, FILES_CAP
from tests.unit.skills.texts import PLAIN

if TYPE_CHECKING:
    from pathlib import Path


def named(name: str, description: str = "d") -> str:
    return f"---\nname: {name}\ndescription: {description}\n---\nbody\n"


def put(root: Path, path: str, text: str | bytes) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    folder = tmp_path / "owner"
    folder.mkdir()
    return folder


@pytest.fixture
def builtin(tmp_path: Path) -> Path:
    folder = tmp_path / "builtin"
    folder.mkdir()
    return folder


def test_files_folders_and_categories_are_found(owner: Path, builtin: Path) -> None:
    put(owner, "one.md", named("one"))
    put(owner, "two/SKILL.md", named("two"))
    put(owner, "two/scripts/run.py", "print(1)")
    put(owner, "home/garden/three/skill.md", named("three"))
    put(owner, "home/four.md", named("four"))
    put(owner, "README.md", "# Not a skill")
    put(owner, ".git/x.md", "not a skill")
    put(owner, ".hidden.md", "not a skill")
    put(builtin, "five/SKILL.md", named("five"))
    state = Library(builtin, owner).load()
    assert state.problems == ()
    assert sorted(state.skills) == ["five", "four", "one", "three", "two"]
    two = state.skills["two"]
    assert [file.path for file in two.files] == ["SKILL.md", "scripts/run.py"]
    assert (two.place, two.source, two.folder) == ("two", "owner", owner / "two")
    assert (state.skills["four"].place, state.skills["four"].folder) == ("home/four.md", None)
    assert state.skills["five"].source == "builtin"


def test_the_owners_skill_wins_over_a_shipped_one(owner: Path, builtin: Path) -> None:
    put(owner, "a.md", named("same", "the owner's"))
    put(builtin, "b/SKILL.md", named("same", "shipped"))
    state = Library(builtin, owner).load()
    assert state.skills["same"].description == "the owner's"
    assert state.problems == ()


def test_the_second_of_a_name_is_a_problem(owner: Path) -> None:
    put(owner, "a.md", named("same"))
    put(owner, "b.md", named("Same"))
    state = Library(None, owner).load()
    assert state.skills["same"].path == "a.md"
    assert "taken by a.md" in state.problems[0].sentence()


def test_no_broken_file_hides_another(owner: Path) -> None:
    put(owner, "good.md", named("good"))
    put(owner, "bad.md", "no frontmatter")
    put(owner, "latin.md", b"---\nname: a\ndescription: caf\xe9\n---\n")
    put(owner, "huge.md", b"x" * 300_000)
    put(owner, "zeros.md", b"\0" * 100)
    (owner / "link.md").symlink_to(owner / "good.md")
    (owner / "loop").symlink_to(owner)
    os.mkfifo(owner / "pipe.md")
    put(owner, "linked/SKILL.md", named("linked"))
    (owner / "linked" / "data.txt").symlink_to("/etc/passwd")
    put(owner, "odd\u202e.md", named("odd"))
    put(owner, "/".join(["deep"] * (DEPTH_CAP + 1)) + "/x.md", named("deep"))
    put(owner, "full/SKILL.md", named("full"))
    for number in range(FILES_CAP + 1):
        put(owner, f"full/{number}.txt", "")
    state = Library(None, owner).load()
    assert list(state.skills) == ["good"]
    told = {p.file: p for p in state.problems}
    assert told["bad.md"].wrong == "the frontmatter is missing"
    assert (told["latin.md"].line, told["latin.md"].wrong) == (3, "it is not UTF-8")
    assert "larger than" in told["huge.md"].wrong
    assert "zeros.md" in told
    assert "symbolic link" in told["link.md"].wrong
    assert "symbolic link" in told["loop"].wrong
    assert "no plain file" in told["pipe.md"].wrong
    assert "symbolic link" in told["linked/data.txt"].wrong
    assert "hidden characters" in told["odd\u202e.md"].wrong
    assert "⟨U+202E⟩" in told["odd\u202e.md"].sentence()
    assert "folders deep" in told["/".join(["deep"] * (DEPTH_CAP + 1))].wrong
    assert "more than" in told["full"].wrong


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    library = Library(None, tmp_path / "none")
    assert library.load().skills == {}
    assert not library.changed()


def test_every_kind_of_change_is_seen(owner: Path) -> None:
    library = Library(None, owner)
    assert library.changed()
    library.load()
    script = put(owner, "a/scripts/x.py", "1")
    main = put(owner, "a/SKILL.md", named("a"))
    assert library.changed()
    first = library.load().skills["a"]
    assert not library.changed()
    script.write_text("2")
    os.utime(script, ns=(1, 1))  # a time set back hides nothing
    assert library.changed()
    assert library.load().skills["a"].code_digest != first.code_digest
    main.write_text(named("b"))
    assert library.changed()
    assert list(library.load().skills) == ["b"]
    main.unlink()
    assert library.changed()
    assert library.load().skills == {}


def test_only_what_changed_is_read_again(owner: Path) -> None:
    put(owner, "a.md", named("a"))
    put(owner, "b.md", named("b"))
    library = Library(None, owner)
    before = library.load().skills
    put(owner, "b.md", named("b", "new"))
    after = library.load().skills
    assert after["a"] is before["a"]
    assert after["b"].description == "new"


def test_five_hundred_skills_reload_within_a_second(owner: Path) -> None:
    for number in range(500):
        put(owner, f"cat{number % 7}/s{number}/SKILL.md", named(f"s{number}"))
        put(owner, f"cat{number % 7}/s{number}/x.py", "1")
    library = Library(None, owner)
    assert len(library.load().skills) == 500
    put(owner, "new.md", named("new"))
    began = time.monotonic()
    assert library.changed()
    assert len(library.load().skills) == 501
    assert time.monotonic() - began < 1


def test_one_skill_is_read_without_its_neighbours(owner: Path) -> None:
    put(owner, "one/SKILL.md", named("one"))
    put(owner, "one/a.txt", "a")
    put(owner, "two.md", named("two"))
    for path in (owner / "one", owner / "one" / "SKILL.md"):
        state = load_one(path)
        assert state is not None
        assert list(state.skills) == ["one"]
    state = load_one(owner / "two.md")
    assert state is not None
    assert list(state.skills) == ["two"]
    assert load_one(owner) is None
    (owner / "link.md").symlink_to(owner / "two.md")
    broken = load_one(owner / "link.md")
    assert broken is not None
    assert broken.problems


def test_cargo_is_what_was_read_or_nothing(owner: Path) -> None:
    put(owner, "a/SKILL.md", named("a"))
    script = put(owner, "a/scripts/x.py", "1")
    put(owner, "a/.secret", "never travels")
    found = Library(None, owner).load().skills["a"]
    assert {file.path: content for file, content in cargo(found)} == {
        "SKILL.md": named("a").encode(), "scripts/x.py": b"1",
    }  # fmt: skip
    script.write_text("2")
    with pytest.raises(UserFacing, match="has just changed"):
        list(cargo(found))
    script.unlink()
    (script).symlink_to("/etc/passwd")
    with pytest.raises(UserFacing, match="cannot be opened"):
        list(cargo(found))


def test_a_single_file_carries_nothing(owner: Path) -> None:
    put(owner, "plain.md", PLAIN)
    assert list(cargo(Library(None, owner).load().skills["plain"])) == []
