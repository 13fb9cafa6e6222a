"""Which tickets were used, kept outside the database.

Threat: the database is put back to an older copy, in which an approval stands as unused, and its
action runs a second time. So a ticket is written here, durably, after the database has committed
and before the effect begins; one that stands here is never used again. A `kill -9` in between
leaves an intent without an outcome, which is reported as unknown and never repeated.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Ledger:
    """An append-only file of used tickets, one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used: set[str] | None = None
        self._lock = Lock()

    def use(self, ticket: str) -> bool:
        """Notes the ticket durably; False when it had been used. Blocks for one fsync.

        Threads may call it at the same time: each ticket is used by one of them.
        """
        with self._lock:
            return self._use(ticket)

    def _use(self, ticket: str) -> bool:
        used = self._load()
        if ticket in used:
            return False
        with self._path.open("ab") as file:
            file.write(f"{ticket}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        used.add(ticket)
        return True

    def _load(self) -> set[str]:
        """Reads the file once; a line torn by a crash is ended, so that the next is whole."""
        if self._used is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
            raw = self._path.read_bytes()
            if raw and not raw.endswith(b"\n"):
                with self._path.open("ab") as file:
                    file.write(b"\n")
            self._used = set(raw.decode("ascii", "replace").split("\n"))
        return self._used
