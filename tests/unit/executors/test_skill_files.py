"""A skill's files on their way into a container."""

import hashlib
import stat
from pathlib import Path

import pytest

from core.errors import UserFacing
from core.skill_orders import OrderFile, SkillOrder
from executors.skill_files import give_files


def order(cargo: Path, **files: bytes) -> SkillOrder:
    cargo.mkdir(exist_ok=True)
    listed = []
    for path, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        (cargo / digest).write_bytes(content)
        listed.append(OrderFile(path=path, size=len(content), sha256=digest))
    return SkillOrder(name="x", digest="d", body="", files=tuple(listed))


def give(tmp_path: Path, made: SkillOrder) -> Path:
    (tmp_path / "sock").mkdir(exist_ok=True)
    give_files(made, tmp_path / "cargo", tmp_path / "sock")
    return tmp_path / "sock" / "skill"


def test_files_arrive_whole_and_read_only_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    made = order(tmp_path / "cargo", **{"SKILL.md": b"text", "scripts/deep/run.py": b"print()"})
    for _ in range(2):
        folder = give(tmp_path, made)
    assert (folder / "scripts/deep/run.py").read_bytes() == b"print()"
    assert stat.S_IMODE((folder / "SKILL.md").stat().st_mode) == 0o444
    assert stat.S_IMODE((folder / "scripts").stat().st_mode) == 0o755


def test_a_file_that_was_changed_or_is_missing_is_not_given(tmp_path: Path) -> None:
    made = order(tmp_path / "cargo", **{"run.py": b"print()"})
    kept = tmp_path / "cargo" / made.files[0].sha256
    kept.write_bytes(b"other")
    with pytest.raises(UserFacing, match="not what it was"):
        give(tmp_path, made)
    kept.unlink()
    with pytest.raises(UserFacing, match="missing"):
        give(tmp_path, made)


@pytest.mark.parametrize("path", ["../out", "/etc/x", "a/../../b", ".hidden/../../x"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserFacing):
        give(tmp_path, order(tmp_path / "cargo", **{path: b"x"}))
    assert {p.name for p in tmp_path.iterdir()} == {"cargo", "sock"}


def test_links_in_the_way_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "sock").mkdir()
    (tmp_path / "sock" / "skill").symlink_to(outside)
    with pytest.raises(OSError, match="sk"):
        give(tmp_path, order(tmp_path / "cargo", **{"run.py": b"x"}))
    assert list(outside.iterdir()) == []
