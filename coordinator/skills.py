"""The skills of this instance: read from disk, decided about, and turned into tasks.

    folders ──► Library ──► decide_change ──► active | waiting | disabled
                                                 │
                              /skill, delegate, schedules ──► order ──► a task's manifest and files

Threat: a task gets more than the owner approved, or other files than they saw. What a task may do
is compiled from the active permissions when it is queued, and its files are kept by their SHA-256
at that moment, so that no later change of the skill reaches it. Reading disks blocks, so it runs in
threads; one lock keeps two looks from mixing.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from core.errors import UserFacing
from core.manifests import grant_to_json
from core.skill_orders import (
    FOLDER,
    OrderFile,
    SkillOrder,
    order_from_json,
    order_to_json,
)
from skills.activation import Active, Disabled, Waiting, decide_change
from skills.cargo import cargo
from skills.index import prompt_index, search
from skills.permissions import grant_of, grown, reading_part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container, Mapping, Sequence
    from pathlib import Path

    from core.db import Session
    from core.tasks import Task
    from core.tasks.types import TaskKind
    from skills.activation import Decision, SkillRow
    from skills.library import Library
    from skills.permissions import Permissions
    from skills.store import SkillStore
    from skills.types import Problem, Skill

PROMPT_BYTES = 600
KEPT_S = 24 * 3600.0
SHELL_TOOLS = frozenset({"shell", "exec", "bash"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One skill as it stands: its files, and what was decided."""

    skill: Skill
    decision: Decision
    uses: int = 0
    is_seen: bool = False  # the owner allowed all that it may do

    @property
    def is_active(self) -> bool:
        """Whether it may be used now."""
        return isinstance(self.decision, Active)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """All skills at one moment, and what is wrong with files that are none."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def active(self) -> tuple[Skill, ...]:
        """Those that may be used."""
        return tuple(entry.skill for entry in self.entries.values() if entry.is_active)

    @property
    def waiting(self) -> tuple[tuple[Skill, Waiting], ...]:
        """Those that wait for the owner's look."""
        found = ((e.skill, e.decision) for e in self.entries.values())
        return tuple((skill, d) for skill, d in found if isinstance(d, Waiting))

    def of_digest(self, start: str) -> Skill | None:
        """The skill whose files are exactly those that a card was about."""
        every = (entry.skill for entry in self.entries.values())
        return next((skill for skill in every if skill.digest.startswith(start)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    """What a task of a skill is made of; `instructions` are the words that came with the order."""

    kind: TaskKind
    title: str
    instructions: str
    skill: str
    manifest: Mapping[str, Any]


class Skills:
    """The library, what the store remembers, and the files of queued tasks."""

    def __init__(self, *, library: Library, store: SkillStore, cargo_folder: Path) -> None:
        self._library = library
        self._store = store
        self._cargo = cargo_folder
        self._lock = asyncio.Lock()
        self._is_stale = True
        self.shelf = Shelf()

    def forget(self) -> None:
        """The owner decided something: the next look decides anew."""
        self._is_stale = True

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Nobody looks while the block runs: files and what is remembered of them change as one."""
        async with self._lock:
            try:
                yield
            finally:
                self._is_stale = True

    async def look(self) -> bool:
        """Reads what changed, on disk or by a decision; whether anything did."""
        async with self._lock:
            if not self._is_stale and not await asyncio.to_thread(self._library.changed):
                return False
            self._is_stale = False
            try:
                await self._read()
            except BaseException:
                self._is_stale = True
                raise
            return True

    async def _read(self) -> None:
        state = await asyncio.to_thread(self._library.load)
        rows = await self._store.rows()
        entries = {}
        for name, skill in sorted(state.skills.items()):
            row = rows.get(name)
            decision = decide_change(row, skill)
            await self._see(row, skill, decision)
            entries[name] = Entry(
                skill=skill, decision=decision, uses=row.uses if row else 0,
                is_seen=_is_seen(row, skill, decision),
            )  # fmt: skip
        self.shelf = Shelf(entries=MappingProxyType(entries), problems=state.problems)

    async def _see(self, row: SkillRow | None, skill: Skill, decision: Decision) -> None:
        """Remembers what was decided, where that is news."""
        state = "waiting" if isinstance(decision, Waiting) else "enabled"
        is_known = row is not None and row.source == skill.source
        if not is_known or (row is not None and row.state not in {"disabled", state}):
            await self._store.see(skill, "waiting" if state == "waiting" else "enabled")

    # --- for the coordinator ---

    def index(self, query: str = "") -> str:
        """The skills in few bytes, for a prompt."""
        uses = {name: entry.uses for name, entry in self.shelf.entries.items()}
        return prompt_index(self.shelf.active, PROMPT_BYTES, uses=uses, query=query)

    def find(self, query: str) -> str:
        """The skills that fit, a line each."""
        found = search((s for s in self.shelf.active if s.is_model_invocable), query)
        return "\n".join(f"{s.name}: {s.description[:300]}" for s in found) or "No skill fits."

    # --- tasks ---

    async def order(
        self, name: str, words: str, *, by_model: bool = False, session: Session | None = None,
        starter: str = "",
    ) -> Ordered:  # fmt: skip
        """A task of the skill. `UserFacing` when it may not be used, or has just changed.

        With a `session` the use is counted in the transaction that queues the task. `starter` is
        what starts it when that is not the owner: one of its manifest's `triggers`.
        """
        skill, active = self._ready(name, by_model=by_model)
        if starter and starter not in active.permissions.triggers:
            hint = f"Write `{starter}` under `triggers` in its manifest, then allow that: /skills"
            raise UserFacing(f"The skill {name} may not be started by a {starter}.", hint)
        await self._store.used(skill, session)
        is_seen = self.shelf.entries[name].is_seen
        return await self._ordered(skill, words, permissions=active.permissions, is_seen=is_seen)

    async def order_trial(self, skill: Skill, words: str) -> Ordered:
        """A task of a skill that is not among the owner's yet: it gets what only reads.

        What the owner allowed the skill as it stands, it may read without a question.
        """
        part = reading_part(skill.permissions)
        row = await self._store.row(skill.name)
        approved = row.approved_permissions if row is not None and row.source == "owner" else None
        is_seen = approved is not None and not grown(approved, part)
        return await self._ordered(skill, words, permissions=part, is_seen=is_seen)

    async def _ordered(
        self, skill: Skill, words: str, *, permissions: Permissions, is_seen: bool
    ) -> Ordered:
        files = await asyncio.to_thread(self._keep, skill)
        order = SkillOrder(
            name=skill.name, digest=skill.digest, body=skill.body_in(FOLDER), files=files,
            tools=permissions.tools, is_seen=is_seen, packages=permissions.packages,
        )  # fmt: skip
        is_direct = skill.dispatch is not None and skill.dispatch.tool in SHELL_TOOLS
        return Ordered(
            kind="shell" if is_direct else "agent",
            title=f"{skill.name}: {words}" if words else skill.name,
            instructions=words or ("true" if is_direct else "Do what the skill is for."),
            skill=skill.name,
            manifest={**grant_to_json(grant_of(permissions)), **order_to_json(order)},
        )  # fmt: skip

    def _ready(self, name: str, *, by_model: bool) -> tuple[Skill, Active]:
        entry = self.shelf.entries.get(name)
        if entry is None or (by_model and not entry.skill.is_model_invocable):
            raise UserFacing(f"There is no skill {name[:64]}.", "/skills lists them.")
        match entry.decision:
            case Active() as active:
                return entry.skill, active
            case Waiting():
                raise UserFacing(f"The skill {name} waits for the owner's look.", f"/skill {name}")
            case Disabled():
                raise UserFacing(f"The skill {name} is off.", f"/skill enable {name}")

    def _keep(self, skill: Skill) -> tuple[OrderFile, ...]:
        """Copies the skill's files to where executors find them by digest."""
        self._cargo.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = []
        for file, content in cargo(skill):
            target = self._cargo / file.sha256
            try:
                os.utime(target)  # pruning leaves alone what was needed a moment ago
            except FileNotFoundError:
                fresh = self._cargo / f"{file.sha256}.{secrets.token_hex(4)}"
                fresh.write_bytes(content)
                os.replace(fresh, target)  # noqa: PTH105 - atomic, and a reader sees all or nothing
            kept.append(OrderFile(path=file.path, size=file.size, sha256=file.sha256))
        return tuple(kept)

    async def prune(self, live: Sequence[Task]) -> None:
        """Throws away kept files that no task in `live` needs and that were not kept just now."""
        orders = [order_from_json(task.manifest) for task in live]
        needed = {file.sha256 for order in orders if order for file in order.files}
        await asyncio.to_thread(_discard, self._cargo, needed, before=time.time() - KEPT_S)


def _discard(folder: Path, needed: Container[str], *, before: float) -> None:
    """Files whose task may not be queued yet are new, or were just marked as such."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in needed and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


def _is_seen(row: SkillRow | None, skill: Skill, decision: Decision) -> bool:
    """Whether the owner approved at least what is active; a namesake's approval is none."""
    if row is None or row.source != skill.source or not isinstance(decision, Active):
        return False
    approved = row.approved_permissions
    return approved is not None and not grown(approved, decision.permissions)
