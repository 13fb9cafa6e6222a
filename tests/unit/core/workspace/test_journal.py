"""Journals: whole at all times, in order, and swept when nothing was begun."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Bug, Retryable
from core.workspace.journal import Journal, Journals
from tests.unit.core.workspace.trees import change


def made(commit_id: str = "c1", number: int = 1) -> Journal:
    changes = (change("a", None, b"1"), change("b", b"1", None), change("c/d", b"1", b"2"))
    return Journal(
        commit_id=commit_id, number=number, task=7, at=1.5, changes=changes, modes={"b": 0o640},
        made=("c",), emptied=("x", "y"), undoes="c0",
    )  # fmt: skip


def test_a_journal_comes_back_as_it_was() -> None:
    assert Journal.from_json(made().to_json()) == made()


@given(st.text() | st.sampled_from(["{}", "[]", '{"changes": 1}', made().to_json()[:-9]]))
def test_a_damaged_journal_is_a_bug(text: str) -> None:
    with pytest.raises(Bug):
        Journal.from_json(text)


def test_a_journal_in_an_unknown_state_is_a_bug() -> None:
    with pytest.raises(Bug, match="state"):
        Journal.from_json(made().to_json().replace('"preparing"', '"dreaming"'))


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "a" * 65, "a\n", ".x"])
def test_an_id_that_is_no_plain_word_is_a_bug(tmp_path: Path, name: str) -> None:
    with pytest.raises(Bug):
        Journals(tmp_path).home(name)


def test_journals_come_oldest_first_and_are_forgotten(tmp_path: Path) -> None:
    store = Journals(tmp_path)
    for name, number in (("b", 2), ("a", 10), ("c", 1)):
        store.begin(made(name, number))
    store.write(made("c", 1).moved("done"))
    assert [(j.commit_id, j.state) for j in store.all()] == [
        ("c", "done"), ("b", "preparing"), ("a", "preparing"),
    ]  # fmt: skip
    store.drop("b")
    assert [j.commit_id for j in store.all()] == ["c", "a"]


def test_what_was_never_begun_is_swept(tmp_path: Path) -> None:
    store = Journals(tmp_path)
    store.begin(made())
    store.kept("c2").mkdir(parents=True)
    with store.lock():
        store.sweep()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c1", "lock"]


def test_one_holds_the_lock_and_readers_share_it(tmp_path: Path) -> None:
    store = Journals(tmp_path, patience_s=0.0)
    with (
        store.lock(is_shared=True),
        Journals(tmp_path).lock(is_shared=True),
        pytest.raises(Retryable),
        store.lock(),
    ):
        pass
    with store.lock(), pytest.raises(Retryable), store.lock(is_shared=True):
        pass


def test_whoever_waits_for_the_lock_gets_it(tmp_path: Path) -> None:
    store, got = Journals(tmp_path), threading.Event()

    def wait() -> None:
        with store.lock():
            got.set()

    with store.lock():
        thread = threading.Thread(target=wait)
        thread.start()
        assert not got.is_set()
    thread.join(10)
    assert got.is_set()
