"""What a crash in the middle of a commit leaves, and what recovery makes of it."""

from pathlib import Path

import pytest

from core.workspace import apply, folder
from core.workspace.journal import Journal, Journals
from tests.unit.core.workspace.trees import Desk, change, read, state, write

OLD = {"a.md": b"a", "b.md": b"b", "c.md": b"c"}
NEW = {"a.md": b"A", "b.md": b"b", "n/d.md": b"d"}
CHANGES = (
    change("a.md", b"a", b"A"), change("c.md", b"c", None), change("n/d.md", None, b"d"),
)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, OLD)


def cut_off(desk: Desk, tmp_path: Path, *, state_then: str) -> None:
    """Leaves a commit as a crash would: prepared, and journalled in the given state."""
    write(desk.staging, {state(b"A").sha256: b"A", state(b"d").sha256: b"d"})
    store = Journals(tmp_path / "versions")
    journal = store.begin(Journal(commit_id="c1", number=1, task=3, at=0, changes=CHANGES))
    with folder.closing(folder.open_root(desk.owned)) as root:
        place = apply.Place(root=root, kept=store.kept("c1"))
        journal = apply.prepare(place, journal, staging=desk.staging, modes={})
    if state_then != "preparing":
        store.write(journal.moved("applying"))
    if state_then == "withdrawn":
        store.write(journal.moved("withdrawn"))


@pytest.mark.parametrize(
    ("state_then", "outcome", "tree"),
    [
        ("preparing", "taken back", OLD),
        ("applying", "finished", NEW),
        ("withdrawn", "taken back", OLD),
    ],
)
def test_a_commit_that_was_cut_off_is_finished_or_taken_back(
    desk: Desk, tmp_path: Path, state_then: str, outcome: str, tree: dict[str, bytes]
) -> None:
    cut_off(desk, tmp_path, state_then=state_then)
    assert [(r.commit_id, r.task, r.outcome, r.kept) for r in desk.files.recover()] == [
        ("c1", 3, outcome, ())
    ]
    assert read(desk.owned) == tree
    assert desk.files.recover() == ()


def test_recovery_leaves_what_the_owner_changed_after_the_crash(desk: Desk, tmp_path: Path) -> None:
    cut_off(desk, tmp_path, state_then="applying")
    (desk.owned / "a.md").write_bytes(b"mine")
    (recovered,) = desk.files.recover()
    assert (recovered.outcome, recovered.kept) == ("finished", ("a.md",))
    assert read(desk.owned) == {**NEW, "a.md": b"mine"}


def test_taking_back_leaves_what_the_owner_changed_after_the_crash(
    desk: Desk, tmp_path: Path
) -> None:
    cut_off(desk, tmp_path, state_then="withdrawn")
    write(desk.owned, {"a.md": b"A", "n/d.md": b"mine"})
    desk.files.recover()
    assert read(desk.owned) == {"a.md": b"a", "c.md": b"c", "n/d.md": b"mine"}


def test_the_next_commit_recovers_first(desk: Desk, tmp_path: Path) -> None:
    cut_off(desk, tmp_path, state_then="applying")
    desk.files.undo()
    assert read(desk.owned) == OLD


def test_a_file_is_looked_at_without_following_links(desk: Desk) -> None:
    with folder.closing(folder.open_root(desk.owned)) as root:
        assert apply.state_of(root, "a.md") == state(b"a")
        assert apply.state_of(root, "none/at/all") is None
