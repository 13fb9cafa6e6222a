"""Looks at what a check's `when:` names, without a model.

Threat: a path that leads out of the workspace through a symbolic link. The file is resolved first
and must lie below the root. Commands and addresses go through ports that hold the check to its
permissions. A look that fails is None: no news. What is refused, or fails three times running, is
kept as a problem for the owner to read.

Commands and web pages take their time: they are looked at side by side, a few at once, and a beat
waits a while only. What is still under way then is found by a later beat.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from core.errors import AgentAIError, Denied, Retryable, UserFacing
from core.spawn import Spawner
from heartbeat.checks import Problem
from heartbeat.conditions import (
    CommandExits,
    CommandPrintsChanged,
    FileChanged,
    TaskEnded,
    TriggerNews,
    UrlChanged,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from heartbeat.check_store import CheckStore
    from heartbeat.checks import Check
    from heartbeat.conditions import Condition
    from heartbeat.ports import Fetch, Run

log = logging.getLogger(__name__)
NOTE_CAP = 2000
LOOK_S = 120.0
AT_ONCE = 4
PATIENCE_S = 10.0
FAILURES_TOLD = 3
SLOW = (UrlChanged, CommandExits, CommandPrintsChanged)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was seen. `note` is untrusted text that the model may read about it."""

    value: str | None = None
    note: str = ""


class Looker:
    """Looks at conditions. `root` is the owner's workspace. `close` ends what is under way."""

    def __init__(
        self, store: CheckStore, root: Path, *, run: Run, fetch: Fetch,
        patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self._store = store
        self._root = root
        self._run = run
        self._fetch = fetch
        self._patience_s = patience_s
        self._spawner = Spawner()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[Look | None]] = {}
        self._failures: dict[str, int] = {}
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What keeps checks from being looked at."""
        return tuple(self._problems.values())

    async def look_all(self, checks: Sequence[Check]) -> dict[str, Look]:
        """One look at each by name, but for those that take longer than a beat may wait."""
        self._drop_ended(checks)
        slow = [check for check in checks if isinstance(check.condition, SLOW)]
        looks = {c.name: await self.look(c) for c in checks if c not in slow}
        begun = {check.name: self._begun(check) for check in slow}
        if begun:
            await asyncio.wait(begun.values(), timeout=self._patience_s)
        for check in slow:
            if (task := begun[check.name]).done():
                self._under_way.pop(check.digest, None)
                if (look := await task) is not None:
                    looks[check.name] = look
        return looks

    async def _look_apart(self, check: Check) -> Look | None:
        """None when it should be tried again at the next beat."""
        try:
            return await self.look(check)
        except Retryable as error:
            log.info("a look waits: %s", error, extra={"check": check.name})
            return None

    def _begun(self, check: Check) -> asyncio.Task[Look | None]:
        found = self._under_way.get(check.digest)
        if found is None:
            found = self._spawner.spawn(self._look_apart(check), name=f"look of {check.name}")
            self._under_way[check.digest] = found
        return found

    def forget_others(self, checks: Sequence[Check]) -> None:
        """What went wrong with checks that are gone, or were written anew, is no news any more."""
        known = {check.digest for check in checks}
        self._failures = {d: count for d, count in self._failures.items() if d in known}
        self._problems = {d: found for d, found in self._problems.items() if d in known}

    def _drop_ended(self, checks: Sequence[Check]) -> None:
        """Looks that ended and that nobody came for: their checks are gone, or muted."""
        wanted = {check.digest for check in checks}
        for digest, task in list(self._under_way.items()):
            if task.done() and digest not in wanted:
                del self._under_way[digest]

    async def look(self, check: Check) -> Look:
        """One look, at most two minutes; without a condition there is nothing to see."""
        if check.condition is None:
            return Look()
        try:
            async with self._at_once, asyncio.timeout(LOOK_S):
                look = await self._at(check.condition, check.permissions)
        except (UserFacing, Denied, OSError, TimeoutError) as error:
            log.warning("a check could not look", extra={"check": check.name, "reason": str(error)})
            self._failed(check, error)
            return Look()
        self._failures.pop(check.digest, None)
        self._problems.pop(check.digest, None)
        return look

    def _failed(self, check: Check, error: Exception) -> None:
        count = self._failures[check.digest] = self._failures.get(check.digest, 0) + 1
        if count < FAILURES_TOLD and not isinstance(error, Denied):
            return
        text = str(error) if isinstance(error, AgentAIError) else "It cannot be looked at."
        hint = error.hint if isinstance(error, UserFacing) else ""
        self._problems[check.digest] = Problem(
            line=check.line, key="when", text=text, hint=hint, check=check.name
        )

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

    async def close(self) -> None:
        """Ends what is under way."""
        await self._spawner.close()


def file_look(root: Path, path: str) -> str:
    """Size and time of change of a file below `root`, or `missing`."""
    base = root.resolve()
    try:
        target = (base / path).resolve()
    except (RuntimeError, ValueError):  # links that lead in a circle, a NUL
        raise UserFacing(f"{path!r} cannot be looked at.", "Name a file inside it.") from None
    if not target.is_relative_to(base):
        raise UserFacing(f"{path} leads out of the workspace.", "Name a file inside it.")
    try:
        seen = target.stat()
    except FileNotFoundError:
        return "missing"
    return f"{seen.st_size}:{seen.st_mtime_ns}:{seen.st_ino}"
