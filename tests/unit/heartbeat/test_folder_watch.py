"""Which files count as arrived."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import UserFacing
from heartbeat.folder_watch import arrivals, folder_of, scan
from heartbeat.looking import file_look
from heartbeat.trigger_types import Trigger

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def test_a_file_counts_once_two_looks_saw_it_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("1")
    first = scan(tmp_path, "*.pdf")
    assert arrivals({}, first, LONG_AGO) == []
    (tmp_path / "a.pdf").write_text("12")
    second = scan(tmp_path, "*.pdf")
    assert arrivals(first, second, LONG_AGO) == []
    assert arrivals(second, scan(tmp_path, "*.pdf"), LONG_AGO) == ["a.pdf"]


def test_links_folders_and_other_names_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "link.pdf").symlink_to(tmp_path / "real.txt")
    (tmp_path / "folder.pdf").mkdir()
    os.mkfifo(tmp_path / "pipe.pdf")
    assert scan(tmp_path, "*.pdf") == {}
    assert scan(tmp_path / "missing", "*") == {}


def test_what_lay_there_before_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    seen = scan(tmp_path, "*")
    assert arrivals(seen, seen, datetime.now(UTC) + timedelta(hours=1)) == []


@pytest.mark.parametrize("folder", ["", "inbox", "/home/../etc"])
def test_a_folder_is_named_by_its_whole_path(folder: str) -> None:
    trigger = Trigger(
        name="f", kind="file", spec={"folder": folder}, state="active", position="",
        created_at=LONG_AGO,
    )  # fmt: skip
    with pytest.raises(UserFacing):
        folder_of(trigger)


def test_a_look_at_a_file_stays_in_the_workspace(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UserFacing):
        file_look(root, "link")
    assert file_look(root, "none") == "missing"
    (root / "a").write_text("x")
    before = file_look(root, "a")
    (root / "a").write_text("xy")
    assert file_look(root, "a") != before
