"""The owner's files by name, as the coordinator hands them to a task.

A name may be the whole path, or only its last part when no other file is called so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean
from core.tasks import TaskFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.workspace import Entry, OwnerFiles

CANDIDATES = 5


class NamedFiles:
    """Finds them; the folder is read in a thread."""

    def __init__(self, files: OwnerFiles) -> None:
        self._files = files

    async def find(self, names: Sequence[str]) -> tuple[TaskFile, ...]:
        """The files for a task. `UserFacing` says which name fits none, or several."""
        listed = await asyncio.to_thread(self._files.list)
        paths = [choose(name, listed) for name in names]
        folder = self._files.folder
        return tuple(
            TaskFile(name=path.rpartition("/")[2], path=str(folder / path)) for path in paths
        )


def choose(name: str, listed: Sequence[Entry]) -> str:
    """The one path that `name` means. Pure."""
    wanted = name.strip().removeprefix("files/")
    paths = [entry.path for entry in listed]
    if wanted in paths:
        return wanted
    folded = wanted.casefold()
    found = [p for p in paths if folded in {p.casefold(), p.rpartition("/")[2].casefold()}]
    if len(found) == 1:
        return found[0]
    shown = clean(wanted, cap=100)
    if not found:
        raise UserFacing(f"The owner has no file called {shown}.")
    raise UserFacing(f"{shown} may mean: {', '.join(found[:CANDIDATES])}.", "Name the whole path.")
