"""What is kept, for how long, and what happens to a file that is no store."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from playground import store as store_module
from playground.hook import Hook
from playground.state import State
from playground.store import Store, open_store
from playground.updates import UpdateQueue

if TYPE_CHECKING:
    from pathlib import Path


class Kept:
    """Fresh objects, filled from a store."""

    def __init__(self, path: Path) -> None:
        owner = {"id": 7001, "is_bot": False, "first_name": "You"}
        self.state = State(bot_id=1, username="b", name="B", owner=owner)
        self.updates = UpdateQueue()
        self.hook = Hook(self.updates)
        self.store = open_store(path)
        self.store.load(self.state, self.updates, self.hook)

    def save(self, *changed: int) -> None:
        self.store.save(self.store.snapshot(changed, self.state, self.updates, self.hook))


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    first = Kept(tmp_path / "chat")
    one = first.state.add(7001, 1, text="one")
    two = first.state.add(42, 42, text="two", entities=[{"type": "bold"}], reply_to=one.id)
    first.state.store("a", "text/plain", b"\x00\xff")
    first.save(one.id, two.id)
    one.text, two.text = "changed", "changed, too, but not written"
    first.save(one.id)
    first.store.close()
    second = Kept(tmp_path / "chat")
    assert [m.text for m in second.state.messages.values()] == ["changed", "two"]
    assert second.state.messages[two.id].reply_to == one.id
    assert second.state.chats == {7001, 42}
    assert second.state.next_message_id == two.id + 1
    second.store.close()


def test_old_messages_and_their_files_go(tmp_path: Path) -> None:
    first = Kept(tmp_path / "chat")
    ids = []
    for number in range(4):
        file = first.state.store(f"{number}", "text/plain", b"x")
        ids.append(first.state.add(7001, 7001, document=file.file_id).id)
    first.save(*ids)
    first.store.close()
    Store(tmp_path / "chat", messages_kept=2).close()
    second = Kept(tmp_path / "chat")
    assert list(second.state.messages) == ids[2:]
    assert [file.name for file in second.state.files.values()] == ["2", "3"]
    assert second.state.next_file == first.state.next_file
    second.store.close()


def test_ids_of_a_new_chat_begin_where_no_older_one_has_been(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "chat")
    assert kept.state.next_message_id > 1_700_000_000
    assert kept.updates.next_id > 1_700_000_000
    kept.store.close()


def test_a_failed_save_writes_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "chat")
    bad = kept.state.store("half \ud83c", "text/plain", b"x")
    sent = kept.state.add(7001, 7001, document=bad.file_id)
    kept.state.commands = [{"command": "a", "description": "b"}]
    with pytest.raises(UnicodeEncodeError):
        kept.save(sent.id)
    meanwhile = Kept(tmp_path / "chat")
    assert meanwhile.state.commands == []
    meanwhile.store.close()
    bad.name = "whole"
    kept.save(sent.id)
    kept.store.close()
    again = Kept(tmp_path / "chat")
    assert [file.name for file in again.state.files.values()] == ["whole"]
    again.store.close()


@pytest.mark.parametrize("content", [b"no database " * 200, b"SQLite format 3\x00" + b"x" * 4096])
def test_a_file_that_is_no_store_is_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chat"
    path.write_bytes(content)
    kept = Kept(path)
    assert kept.state.messages == {}
    assert (tmp_path / "chat.unreadable").read_bytes() == content
    kept.store.close()


def test_a_busy_file_is_not_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: Path) -> Store:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(store_module, "Store", busy)
    with pytest.raises(sqlite3.OperationalError):
        open_store(tmp_path / "chat")
    assert list(tmp_path.iterdir()) == []
