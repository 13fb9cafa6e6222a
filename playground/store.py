"""Keeps the playground's chat in one SQLite file, so that a restart of it loses nothing.

A snapshot of what changed is taken on the event loop and written in a thread. The file is a
convenience, not a record: one that cannot be read is set aside and the chat begins anew.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from playground.state import Shown, StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from playground.hook import Hook
    from playground.state import State
    from playground.updates import UpdateQueue

log = logging.getLogger(__name__)

MESSAGES_KEPT = 2_000
TABLES = """
pragma journal_mode=wal; pragma synchronous=normal;
create table if not exists kept (name text primary key, value text not null);
create table if not exists messages (id integer primary key, value text not null);
create table if not exists files (id text primary key, name text, mime text, content blob);
"""
OLD_MESSAGES = """
delete from messages where id not in (select id from messages order by id desc limit ?)
"""
OLD_FILES = """
delete from files where id not in (
  select coalesce(json_extract(value, '$.document'), json_extract(value, '$.photo'),
    json_extract(value, '$.animation'), json_extract(value, '$.extra.sticker.file_id'),
    json_extract(value, '$.voice'), json_extract(value, '$.audio'),
    json_extract(value, '$.video_note'), '')
  from messages)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What one `save` writes."""

    kept: list[tuple[str, str]]
    messages: list[tuple[int, str]]
    files: list[StoredFile]


class Store:
    """One file; `save` may be called from any thread."""

    def __init__(self, path: Path, *, messages_kept: int = MESSAGES_KEPT) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._saved_files: set[str] = set()
        self._writing = threading.Lock()
        try:
            self._db.executescript(TABLES)
            self._db.execute(OLD_MESSAGES, (messages_kept,))
            self._db.execute(OLD_FILES)
        except sqlite3.Error:
            self._db.close()
            raise

    def load(self, state: State, updates: UpdateQueue, hook: Hook) -> None:
        """Fills what was kept into fresh objects.

        Where nothing was kept, ids begin at the clock's seconds: a bot may remember more than this
        file does, and must never meet an id twice.
        """
        state.next_message_id = updates.next_id = int(time.time())
        for file_id, name, mime, content in self._db.execute("select * from files"):
            file = StoredFile(file_id=file_id, name=name, mime=mime, content=content)
            state.files[file_id] = file
        self._saved_files = set(state.files)
        for (value,) in self._db.execute("select value from messages order by id"):
            state.keep(Shown(**json.loads(value)))
        for name, value in self._db.execute("select name, value from kept"):
            _fill(name, json.loads(value), state, updates, hook)

    def snapshot(
        self, changed: Iterable[int], state: State, updates: UpdateQueue, hook: Hook
    ) -> Snapshot:
        """Taken on the event loop; `changed` are the messages to write."""
        kept = {
            "counters": [state.next_message_id, state.next_file, updates.next_id],
            "commands": state.commands,
            "updates": updates.pending,
            "allowed": sorted(updates.allowed),
            "hook": [hook.url, hook.secret],
        }
        new = [file for id_, file in state.files.items() if id_ not in self._saved_files]
        messages = [(id_, json.dumps(asdict(state.messages[id_]))) for id_ in changed]
        return Snapshot(
            kept=[(name, json.dumps(value)) for name, value in kept.items()],
            messages=messages, files=new,
        )  # fmt: skip

    def save(self, snapshot: Snapshot) -> None:
        """Writes a snapshot, whole or not at all."""
        files = [(f.file_id, f.name, f.mime, f.content) for f in snapshot.files]
        with self._writing, self._db:  # commits, or rolls back when anything fails
            self._db.execute("begin")
            put = "insert or replace into "
            self._db.executemany(put + "kept values (?, ?)", snapshot.kept)
            self._db.executemany(put + "messages values (?, ?)", snapshot.messages)
            self._db.executemany(put + "files values (?, ?, ?, ?)", files)
        self._saved_files.update(f.file_id for f in snapshot.files)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


def _fill(name: str, value: object, state: State, updates: UpdateQueue, hook: Hook) -> None:
    match name, value:
        case "counters", [int(message), int(file), int(update)]:
            state.next_message_id, state.next_file, updates.next_id = message, file, update
        case "commands", list(commands):
            state.commands = commands
        case "updates", list(pending):
            updates.pending = pending
        case "allowed", list(kinds):
            updates.allow(kinds)
        case "hook", [str(url), str(secret)]:
            hook.url, hook.secret = url, secret


def open_store(path: Path) -> Store:
    """The store at `path`; a file that is none is renamed to `*.unreadable` first."""
    try:
        return Store(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # busy, or the disk is full: nothing is wrong with the file
        aside = path.with_name(f"{path.name}.unreadable")
        path.rename(aside)
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        log.warning("the playground's chat cannot be read; it begins anew", extra={"kept": aside})
        return Store(path)
