"""Files that arrive in a folder become events, by looking at the folder.

Threat: a name or a link that leads elsewhere. Only regular files directly in the folder count,
links do not, and nothing is opened here. A file counts when two looks in a row saw it the same: it
is complete by then. What lay there before the trigger was made does not count (by the time of the
last change of its inode, so that a file moved in does). A folder that cannot be looked into is no
quiet one: `troubles` says why, for the owner to be told.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserFacing
from heartbeat.clock import utc_now
from heartbeat.trigger_types import NewEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from heartbeat.trigger_store import TriggerStore
    from heartbeat.trigger_types import Trigger

log = logging.getLogger(__name__)
FILES_MAX = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """A file as one look saw it; times in nanoseconds since 1970."""

    size: int
    changed_ns: int
    arrived_ns: int


Seen = dict[str, Stamp]


def arrivals(before: Mapping[str, Stamp], seen: Mapping[str, Stamp], since: datetime) -> list[str]:
    """Names of the files that are complete and came after `since`. Pure."""
    since_ns = int(since.timestamp() * 1e9)
    return sorted(
        name
        for name, stamp in seen.items()
        if before.get(name) == stamp and stamp.arrived_ns >= since_ns
    )


def scan(folder: Path, pattern: str) -> Seen:
    """The regular files directly in `folder` that match; empty when it is not there."""
    seen: Seen = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(seen) >= FILES_MAX:
                    break
                if fnmatch.fnmatchcase(entry.name, pattern) and (stamp := _stamp(entry)):
                    seen[entry.name] = stamp
    except OSError:
        return {}
    return seen


def check_folder(folder: Path) -> None:
    """`UserFacing` when the folder cannot be looked into, with the reason. Blocks."""
    try:
        with os.scandir(folder):
            return
    except FileNotFoundError:
        why = f"There is no folder {folder} on the machine I run on."
    except NotADirectoryError:
        why = f"{folder} is a file, not a folder."
    except PermissionError:
        why = f"I may not look into the folder {folder}."
    except OSError as error:
        why = f"The folder {folder} cannot be read ({error.strerror})."
    raise UserFacing(why, "Mend that and it goes on by itself, or delete the trigger: /triggers")


def _stamp(entry: os.DirEntry[str]) -> Stamp | None:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(size=found.st_size, changed_ns=found.st_mtime_ns, arrived_ns=found.st_ctime_ns)


def folder_of(trigger: Trigger) -> tuple[Path, str]:
    """Where a trigger looks, and the pattern of names; `UserFacing` when that is no folder."""
    folder = Path(str(trigger.spec.get("folder", "")))
    if not folder.is_absolute() or ".." in folder.parts:
        raise UserFacing("The folder is named by its whole path.", "Example: /home/me/inbox")
    return folder, str(trigger.spec.get("pattern") or "*")


class FolderWatch:
    """Watches the folders of all active file triggers; `troubles` are those of the last look."""

    def __init__(self, store: TriggerStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._before: dict[str, Seen] = {}
        self._done: set[tuple[str, str]] = set()
        self.troubles: dict[str, str] = {}

    async def look(self) -> None:
        """One look into each folder."""
        active = await self._store.active("file")
        troubles: dict[str, str] = {}
        for trigger in active:
            try:
                await self._look_at(trigger)
            except UserFacing as error:
                log.warning("a folder cannot be watched", extra={"trigger": trigger.name})
                troubles[trigger.name] = error.sentence()
        self.troubles = troubles
        names = {trigger.name for trigger in active}
        self._before = {name: seen for name, seen in self._before.items() if name in names}
        self._done = {(name, key) for name, key in self._done if name in names}

    async def _look_at(self, trigger: Trigger) -> None:
        folder, pattern = folder_of(trigger)
        seen = await asyncio.to_thread(scan, folder, pattern)
        if not seen:
            await asyncio.to_thread(check_folder, folder)
        before = self._before.get(trigger.name, {})
        for name in arrivals(before, seen, trigger.created_at):
            await self._take(trigger, name, seen[name])
        self._before[trigger.name] = seen

    async def _take(self, trigger: Trigger, name: str, stamp: Stamp) -> None:
        key = f"{name}:{stamp.size}:{stamp.changed_ns}"
        if (trigger.name, key) in self._done:
            return
        text = f"A file arrived: {name} ({stamp.size} bytes)"
        event = NewEvent(trigger=trigger.name, key=key, payload=text)
        await self._store.take(event, now=self._clock())
        self._done.add((trigger.name, key))
