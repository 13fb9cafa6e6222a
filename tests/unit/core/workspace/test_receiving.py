"""What the owner sends is kept once; what they delete can come back."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from core.errors import UserFacing
from core.workspace import FileState, OwnerFiles
from core.workspace.receiving import check_room, delete, receive, state_of
from core.workspace.types import THE_OWNER

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> OwnerFiles:
    return OwnerFiles(tmp_path / "workspace", tmp_path / "versions")


def sent(tmp_path: Path, content: bytes) -> Path:
    place = tmp_path / "sent"
    place.mkdir(exist_ok=True)
    path = place / "x"
    path.write_bytes(content)
    return path


def test_the_same_content_is_kept_once_and_another_gets_a_number(
    files: OwnerFiles, tmp_path: Path
) -> None:
    for content in (b"one", b"one", b"two", b"two", b"one"):
        receive(files, sent(tmp_path, content), "a.csv")
    assert [e.path for e in files.list()] == ["received/a (2).csv", "received/a.csv"]
    assert files.read("received/a (2).csv", cap=9) == b"two"


@pytest.mark.parametrize(
    ("name", "path"),
    [("über [1].txt", "received/über [1].txt"), ("a\u202eb.txt", "received/file.txt"),
     (".agentai", "received/file"), ("x" * 300 + ".md", "received/file.md")],
)  # fmt: skip
def test_odd_names_are_kept_under_plain_ones(
    files: OwnerFiles, tmp_path: Path, name: str, path: str
) -> None:
    assert receive(files, sent(tmp_path, b"1"), name) == path
    assert receive(files, sent(tmp_path, b"1"), name) == path


def test_undo_passes_by_what_was_received(files: OwnerFiles, tmp_path: Path) -> None:
    receive(files, sent(tmp_path, b"one"), "a.csv")
    with pytest.raises(UserFacing, match="nothing to undo"):
        files.undo()


def test_a_deletion_happens_once_and_undo_brings_it_back(files: OwnerFiles, tmp_path: Path) -> None:
    path = receive(files, sent(tmp_path, b"one"), "a.csv")
    state = state_of(files, path)
    assert state is not None
    delete(files, path, state, commit_id="deleted-1")
    delete(files, path, state, commit_id="deleted-1")
    assert files.list() == []
    assert files.undo().task == THE_OWNER
    assert files.read(path, cap=9) == b"one"


def test_a_file_that_changed_since_it_was_shown_stays(files: OwnerFiles, tmp_path: Path) -> None:
    path = receive(files, sent(tmp_path, b"one"), "a.csv")
    with pytest.raises(UserFacing):
        delete(files, path, FileState(size=3, sha256="0" * 64), commit_id="deleted-1")
    assert files.read(path, cap=9) == b"one"


def test_a_full_disk_refuses_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=1024))
    with pytest.raises(UserFacing, match="almost full"):
        check_room(tmp_path, 5)
