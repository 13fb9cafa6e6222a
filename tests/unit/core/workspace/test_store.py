"""Commits to the owner's files, and their undoing."""

import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings

from core.errors import Bug, UserFacing
from core.workspace import Changes, OwnerFiles
from core.workspace.journal import Journals
from tests.unit.core.workspace.trees import (
    OTHER_IDS,
    TREES,
    Desk,
    Tree,
    change,
    read,
    state,
    write,
)

OLD = {"a.md": b"a", "sub/b.md": b"b", "c.txt": b"c"}
NEW = {"a.md": b"A", "sub/b.md": b"b", "new/x/y.md": b"y"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, OLD)


def test_changes_are_committed_and_undone_for_good(desk: Desk) -> None:
    desk.work_out(NEW, task=12)
    assert read(desk.owned) == NEW
    result = desk.files.undo()
    assert (result.undone, result.task, len(result.changes)) == ("c1", 12, 3)
    assert read(desk.owned) == OLD
    assert not (desk.owned / "new").exists()
    for task in (12, None):
        with pytest.raises(UserFacing, match="nothing to undo"):
            desk.files.undo(task)
    assert read(desk.owned) == OLD


def test_repeated_undos_walk_back_through_all_that_a_task_committed(desk: Desk) -> None:
    desk.give()
    write(desk.work, NEW)
    changes = desk.collect()
    desk.commit(changes.of("new"), name="task-1-new")
    desk.commit(changes.of("changed", "deleted"), name="task-1-approved")
    assert desk.files.undo(1).undone == "task-1-approved"
    assert read(desk.owned) == {**OLD, "new/x/y.md": b"y"}
    assert desk.files.undo(1).undone == "task-1-new"
    assert read(desk.owned) == OLD


def test_repeated_undos_walk_back_through_all_tasks(desk: Desk) -> None:
    trees = [{**OLD, "n": b"%d" % n} for n in range(4)]
    for n, tree in enumerate(trees):
        desk.work_out(tree, name=f"c{n}", task=n % 2)
    for n in (3, 2, 1):
        assert desk.files.undo().undone == f"c{n}"
        assert read(desk.owned) == trees[n - 1]
    desk.work_out({**OLD, "n": b"9"}, name="c9", task=1)
    assert desk.files.undo(1).undone == "c9"
    assert desk.files.undo().undone == "c0"
    assert read(desk.owned) == OLD


def test_an_undo_waits_only_shortly_while_files_are_being_changed(desk: Desk) -> None:
    desk.work_out(NEW)
    desk.files.owner_waits_s = 0.0
    with (
        Journals(desk.owned.parent / "versions").lock(),
        pytest.raises(UserFacing, match="being changed right now; try again in a moment"),
    ):
        desk.files.undo()
    assert read(desk.owned) == NEW
    assert desk.files.undo().undone == "c1"


def test_files_are_listed_and_read_while_they_are_being_changed(desk: Desk) -> None:
    with Journals(desk.owned.parent / "versions").lock():
        assert len(desk.files.list()) == len(OLD)
        assert desk.files.read("a.md", cap=1) == b"a"


def test_an_undo_is_of_the_task_that_was_named(desk: Desk) -> None:
    desk.work_out({**OLD, "one": b"1"}, task=1)
    desk.work_out({**OLD, "one": b"1", "two": b"2"}, name="c2", task=2)
    assert desk.files.undo(1).undone == "c1"
    assert read(desk.owned) == {**OLD, "two": b"2"}
    with pytest.raises(UserFacing, match="nothing to undo"):
        desk.files.undo(3)


def test_a_file_that_changed_since_is_not_undone_and_named(desk: Desk) -> None:
    desk.work_out(NEW)
    (desk.owned / "a.md").write_bytes(b"the owner's")
    with pytest.raises(UserFacing, match=r"^a\.md changed meanwhile"):
        desk.files.undo()
    assert read(desk.owned) == {**NEW, "a.md": b"the owner's"}
    assert desk.files.recover() == ()


def test_an_undo_with_an_id_happens_once(desk: Desk) -> None:
    desk.work_out(NEW)
    first = desk.files.undo(commit_id="u1")
    assert desk.files.undo(commit_id="u1") == first
    assert read(desk.owned) == OLD


def test_a_commit_with_an_id_happens_once(desk: Desk) -> None:
    changes = desk.work_out(NEW)
    write(desk.owned, OLD)
    desk.commit(changes)
    assert read(desk.owned) == OLD
    with pytest.raises(Bug, match="two commits"):
        desk.commit(changes, task=2)


def _edit(path: Path) -> None:
    path.write_bytes(b"mine")


def _link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/hostname")


def _folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


@pytest.mark.parametrize(
    ("path", "act"),
    [
        ("a.md", _edit), ("a.md", Path.unlink), ("a.md", _link), ("a.md", _folder),
        ("c.txt", _edit), ("c.txt", Path.unlink), ("c.txt", _link), ("fresh.md", _edit),
        ("fresh.md", _link), ("fresh.md", _folder), ("new", _edit), ("new", _link),
    ],
)  # fmt: skip
def test_what_the_owner_changed_meanwhile_stops_the_whole_commit(
    desk: Desk, path: str, act: object
) -> None:
    desk.give()
    write(desk.work, {**NEW, "fresh.md": b"f"})
    changes = desk.collect()
    assert callable(act)
    act(desk.owned / path)
    there = sorted(p.relative_to(desk.owned) for p in desk.owned.rglob("*"))
    with pytest.raises(UserFacing, match=f"{path.split('.')[0]}.*"):
        desk.commit(changes)
    assert sorted(p.relative_to(desk.owned) for p in desk.owned.rglob("*")) == there
    assert desk.files.recover() == ()
    with pytest.raises(UserFacing, match="nothing to undo"):
        desk.files.undo()


def test_only_what_was_approved_is_committed(desk: Desk) -> None:
    desk.give()
    write(desk.work, NEW)
    changes = desk.collect()
    for expect in ({}, {**changes.digests(), "z": None}, {**changes.digests(), "a.md": "0" * 64}):
        with pytest.raises(UserFacing, match="not those that were approved"):
            desk.files.commit("c1", 1, changes=changes, staging=desk.staging, expect=expect)
    twice = Changes(items=(*changes.items, changes.items[0]))
    with pytest.raises(UserFacing, match="not those that were approved"):
        desk.commit(twice)


@pytest.mark.parametrize("content", [b"X", b"longer", None])
def test_a_staged_file_that_changed_stops_the_whole_commit(
    desk: Desk, content: bytes | None
) -> None:
    desk.give()
    write(desk.work, NEW)
    changes = desk.collect()
    staged = desk.staging / state(b"A").sha256
    staged.unlink() if content is None else staged.write_bytes(content)
    with pytest.raises(UserFacing, match="What was staged is not what was approved"):
        desk.commit(changes)
    assert read(desk.owned) == OLD


@pytest.mark.parametrize("path", ["../x", "/etc/x", ".agentai/x", "a\u202e", "a/../b"])
def test_a_path_that_leads_elsewhere_is_never_written(desk: Desk, path: str) -> None:
    write(desk.staging, {state(b"1").sha256: b"1"})
    with pytest.raises(UserFacing, match="is not a file of yours"):
        desk.commit(Changes(items=(change(path, None, b"1"),)))


def test_a_folder_swapped_for_a_link_is_never_written_through(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"b.md": b"b"})
    desk.give()
    write(desk.work, {**OLD, "sub/b.md": b"evil", "sub/c.md": b"evil"})
    changes = desk.collect()
    (desk.owned / "sub").rename(tmp_path / "aside")
    (desk.owned / "sub").symlink_to(tmp_path / "outside")
    for kinds in (("new",), ("changed",), ("new", "changed")):
        with pytest.raises(UserFacing, match="sub/"):
            desk.commit(changes.of(*kinds))
    assert read(tmp_path / "outside") == {"b.md": b"b"}


def test_a_folder_swapped_all_the_time_is_never_written_through(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"b.md": b"b"})
    desk.give()
    write(desk.work, {**OLD, "sub/b.md": b"evil", "sub/c.md": b"evil"})
    changes = desk.collect()
    stop = threading.Event()
    swapper = threading.Thread(target=_swap, args=(desk.owned / "sub", tmp_path / "outside", stop))
    swapper.start()
    try:
        for number in range(150):
            with suppress(UserFacing):
                desk.commit(changes, name=f"c{number}")
            with suppress(UserFacing):
                desk.files.undo()
    finally:
        stop.set()
        swapper.join()
    assert read(tmp_path / "outside") == {"b.md": b"b"}
    assert {j.outcome for j in desk.files.recover()} <= {"taken back", "finished"}


def _swap(folder: Path, outside: Path, stop: threading.Event) -> None:
    aside = folder.parent.with_name("aside")
    while not stop.is_set():
        with suppress(OSError):
            folder.rename(aside)
        with suppress(OSError):
            folder.symlink_to(outside)
            folder.unlink()
        with suppress(OSError):
            aside.rename(folder)


def test_a_changed_file_keeps_its_mode_and_a_restored_one_gets_it_back(desk: Desk) -> None:
    for name, mode in (("a.md", 0o640), ("c.txt", 0o754)):
        (desk.owned / name).chmod(mode)
    desk.owned.chmod(0o755)
    desk.work_out({"a.md": b"A", "sub/b.md": b"b", "run.sh": b"#!"})
    assert (desk.owned / "a.md").stat().st_mode & 0o7777 == 0o640
    assert (desk.owned / "run.sh").stat().st_mode & 0o7777 == 0o644
    desk.files.undo()
    assert (desk.owned / "c.txt").stat().st_mode & 0o7777 == 0o754


def test_new_files_belong_to_the_owner_of_the_folder(desk: Desk) -> None:
    os.chown(desk.owned, *OTHER_IDS)
    desk.work_out(NEW)
    for path in (desk.owned / "new", desk.owned / "new" / "x" / "y.md"):
        assert (path.stat().st_uid, path.stat().st_gid) == OTHER_IDS


def test_files_are_listed_read_and_hashed(desk: Desk) -> None:
    (desk.owned / "link").symlink_to("a.md")
    assert [(e.path, e.size) for e in desk.files.list()] == [
        ("a.md", 1),
        ("c.txt", 1),
        ("sub/b.md", 1),
    ]
    assert [e.path for e in desk.files.list("sub/*")] == ["sub/b.md"]
    assert desk.files.states(["*.txt"]) == {"c.txt": state(b"c")}
    assert desk.files.read("sub/b.md", cap=1) == b"b"


@pytest.mark.parametrize(
    ("path", "why"),
    [("none", "no file none"), ("none/x", "no file"), ("../x", "not a file of yours"),
     ("link", "it is a link"), ("big", "too large"), ("sub", "it is a folder")],
)  # fmt: skip
def test_what_cannot_be_read_has_its_reason(desk: Desk, path: str, why: str) -> None:
    (desk.owned / "link").symlink_to("a.md")
    (desk.owned / "big").write_bytes(b"12345")
    with pytest.raises(UserFacing, match=why):
        desk.files.read(path, cap=4)


def test_old_commits_are_forgotten_by_age_and_by_size(desk: Desk) -> None:
    desk.work_out(NEW)
    desk.work_out({"a.md": b"x" * 100}, name="c2")
    desk.work_out({"a.md": b"y"}, name="c3")
    assert desk.files.prune() == 0
    assert desk.files.prune(max_bytes=101) == 2
    assert desk.files.undo().undone == "c3"
    assert desk.files.prune(days=0) == 2
    with pytest.raises(UserFacing, match="nothing to undo"):
        desk.files.undo()


def test_a_full_or_broken_disk_is_told_and_taken_back(desk: Desk) -> None:
    desk.give()
    write(desk.work, {**OLD, "a.md": b"A"})
    changes = desk.collect()
    (desk.owned / ".agentai-c1").write_bytes(b"in the way")
    with pytest.raises(UserFacing, match="could not be reached"):
        desk.commit(changes)
    (desk.owned / ".agentai-c1").unlink()
    assert [
        r.outcome for r in OwnerFiles(desk.owned, desk.owned.parent / "versions").recover()
    ] in (
        [],
        ["taken back"],
    )
    assert read(desk.owned) == OLD


@settings(max_examples=40)
@given(TREES, TREES)
def test_any_tree_becomes_any_other_and_back(old: Tree, new: Tree) -> None:
    with tempfile.TemporaryDirectory() as home:
        desk = Desk(Path(home), old)
        desk.work_out(new)
        assert read(desk.owned) == new
        desk.files.undo()
        assert read(desk.owned) == old
