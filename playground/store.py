"""Keeps the playground's chat in one SQLite file, so that a restart of it loses nothing.

State changes often and is small, so it is written whole, at most every half second, in a thread.
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from playground.state import StoredFile

if TYPE_CHECKING:
    from pathlib import Path

    from playground.state import State
    from playground.updates import UpdateQueue

MESSAGES_KEPT = 2_000


class Store:
    """One file; `save` may be called from a thread, one at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(
            "pragma journal_mode=wal; pragma synchronous=normal;"
            "create table if not exists kept (name text primary key, value text not null);"
            "create table if not exists files "
            "(id text primary key, name text, mime text, content blob);"
        )

    def load(self, state: State, updates: UpdateQueue) -> None:
        """Fills what was kept into fresh objects."""
        rows = dict(self._db.execute("select name, value from kept"))
        for file_id, name, mime, content in self._db.execute("select * from files"):
            state.files[file_id] = StoredFile(
                file_id=file_id, name=name, mime=mime, content=content
            )
        if "state" in rows:
            state.load(json.loads(rows["state"]))
        if "updates" in rows:
            kept = json.loads(rows["updates"])
            updates.pending, updates.next_id = kept["pending"], kept["next_id"]

    @staticmethod
    def snapshot(state: State, updates: UpdateQueue) -> dict[str, Any]:
        """What `save` needs, taken on the event loop."""
        dumped = state.dump()
        dumped["messages"] = dumped["messages"][-MESSAGES_KEPT:]
        kept = {"pending": updates.pending, "next_id": updates.next_id}
        return {"state": json.dumps(dumped), "updates": json.dumps(kept)}

    def save(self, kept: dict[str, Any], files: list[StoredFile]) -> None:
        """Writes a snapshot and new files."""
        self._db.execute("begin")
        self._db.executemany("insert or replace into kept values (?, ?)", list(kept.items()))
        self._db.executemany(
            "insert or ignore into files values (?, ?, ?, ?)",
            [(f.file_id, f.name, f.mime, f.content) for f in files],
        )
        self._db.execute("commit")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
