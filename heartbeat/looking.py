"""Looks at what a check's `when:` names, without a model.

Threat: a path that leads out of the workspace through a symbolic link. The file is resolved first
and must lie below the root. Commands and addresses go through ports that hold the check to its
permissions. A look that fails is None: no news, and the reason is logged.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from core.errors import Denied, UserFacing
from heartbeat.conditions import (
    CommandExits,
    CommandPrintsChanged,
    FileChanged,
    TaskEnded,
    TriggerNews,
    UrlChanged,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from heartbeat.check_store import CheckStore
    from heartbeat.checks import Check
    from heartbeat.conditions import Condition
    from heartbeat.ports import Fetch, Run

log = logging.getLogger(__name__)
NOTE_CAP = 2000
LOOK_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was seen. `note` is untrusted text that the model may read about it."""

    value: str | None = None
    note: str = ""


class Looker:
    """Looks at conditions. `root` is the owner's workspace."""

    def __init__(self, store: CheckStore, root: Path, *, run: Run, fetch: Fetch) -> None:
        self._store = store
        self._root = root
        self._run = run
        self._fetch = fetch

    async def look(self, check: Check) -> Look:
        """One look, at most two minutes; without a condition there is nothing to see."""
        if check.condition is None:
            return Look()
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._at(check.condition, check.permissions)
        except (UserFacing, Denied, OSError, TimeoutError) as error:
            log.warning("a check could not look", extra={"check": check.name, "reason": str(error)})
            return Look()

    async def _at(self, condition: Condition, permissions: Mapping[str, object]) -> Look:
        match condition:
            case FileChanged(path=path):
                return Look(value=await asyncio.to_thread(file_look, self._root, path))
            case UrlChanged(url=url):
                return Look(value=await self._fetch(url, permissions))
            case CommandExits(command=command):
                return Look(value=str((await self._run(command, permissions)).code))
            case CommandPrintsChanged(command=command):
                return Look(value=(await self._run(command, permissions)).digest)
            case TaskEnded(no=no):
                return await self._task(no)
            case TriggerNews(name=name):
                return await self._trigger(name)
        assert_never(condition)

    async def _task(self, no: int | None) -> Look:
        ended = await self._store.newest_ended(no)
        if ended is None:
            return Look(value="")
        note = f"Task #{ended.no} ({ended.title}) ended: {ended.state}\n{ended.result}"
        return Look(value=str(ended.no), note=note[:NOTE_CAP])

    async def _trigger(self, name: str) -> Look:
        event = await self._store.newest_event(name)
        return Look(value=str(event[0]), note=event[1][:NOTE_CAP]) if event else Look(value="")


def file_look(root: Path, path: str) -> str:
    """Size and time of change of a file below `root`, or `missing`."""
    base = root.resolve()
    target = (base / path).resolve()
    if not target.is_relative_to(base):
        raise UserFacing(f"{path} leads out of the workspace.", "Name a file inside it.")
    try:
        seen = target.stat()
    except FileNotFoundError:
        return "missing"
    return f"{seen.st_size}:{seen.st_mtime_ns}:{seen.st_ino}"
