"""Carries out what was decided about proposals: puts an accepted one in place, or takes it back.

Threat: what is installed is not what was accepted. The files are staged again and their digest is
compared with the one that the card named; a skill that changed since is left alone. Each step may
be done twice: after `kill -9` the state says what is left, and a file that is there already counts.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import AgentAIError, Retryable, UserFacing
from core.wake import Wake, again_on_failure
from skills.activation import Disabled
from skills.proposals import State
from skills.proposals_files import CHANGED, put, stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coordinator.proposal_book import ProposalBook, Teller
    from coordinator.skills import Skills
    from skills.proposals_store import Proposal
    from skills.store import SkillStore
    from skills.types import Skill
    from skills.versions import Versions

log = logging.getLogger(__name__)
LOOK_EVERY_S = 3600.0  # a decision wakes it; the first look is at once, for what a crash left


@dataclass(frozen=True, kw_only=True)
class InstallParts:
    """What it is made of; `changed` tells that the skills are to be looked at anew."""

    book: ProposalBook
    skills: Skills
    rows: SkillStore
    versions: Versions
    teller: Teller
    folder: Path
    staging: Path
    changed: Callable[[], None]


class ProposalInstaller:
    """Run `step` forever, in one process only; `wake` after a decision."""

    def __init__(self, parts: InstallParts) -> None:
        self._p = parts
        self._news = Wake(LOOK_EVERY_S)

    def wake(self) -> None:
        """Something was accepted, or is to be undone."""
        self._news.set()

    async def step(self) -> None:
        """Carries out all there is. Raises `Retryable`; nothing is lost by that."""
        await self._news.wait()
        with again_on_failure(self._news):
            while (one := await self._next()) is not None:
                await (self._install(one) if one.state is State.ACCEPTED else self._undo(one))
                self._p.changed()
                self._p.teller.wake()

    async def _next(self) -> Proposal | None:
        one = await self._p.book.store.next_in(State.ACCEPTED, State.UNDOING)
        if one is not None and not self._p.skills.shelf.entries:
            raise Retryable("the skills have not been read yet", 0.5)
        return one

    async def _install(self, one: Proposal) -> None:
        before = one.base if one.kind == "edit" else None
        try:
            skill = await self._staged(one, one.text, one.digest)
            await self._put(one, skill, text=one.text, before=before)
        except (UserFacing, OSError) as error:
            await self._give_up(one, State.STALE, _why(error))
            return
        async with self._p.book.database.transaction() as session:
            if await self._p.book.move(session, one, State.INSTALLED):
                await self._p.teller.installed(session, one)

    async def _undo(self, one: Proposal) -> None:
        try:
            skill = await self._staged(one, one.base, one.base_digest)
            await self._put(one, skill, text=one.base, before=one.text)
        except (UserFacing, OSError) as error:
            await self._give_up(one, State.INSTALLED, _why(error))
            return
        async with self._p.book.database.transaction() as session:
            if await self._p.book.move(session, one, State.UNDONE):
                await self._p.teller.undone(session, one)

    async def _give_up(self, one: Proposal, to: State, why: str) -> None:
        async with self._p.book.database.transaction() as session:
            if not await self._p.book.move(session, one, to, note=why):
                return
            if to is State.STALE:
                await self._p.teller.stale(session, one, why)
            else:
                await self._p.teller.undone(session, one, why)

    async def _staged(self, one: Proposal, text: str, digest: str) -> Skill:
        """The skill exactly as it will stand in the folder; `UserFacing` if it is another."""
        entry = self._p.skills.shelf.entries.get(one.skill)
        if entry is not None and isinstance(entry.decision, Disabled):
            raise UserFacing(f"The skill {one.skill} is off.")
        if entry is not None and one.kind == "new" and entry.skill.digest != digest:
            raise UserFacing(f"There is another skill {one.skill} by now.")
        current = entry.skill if entry is not None and one.kind == "edit" else None
        if one.kind == "edit" and current is None:
            raise UserFacing(f"The skill {one.skill} is gone.")
        folder = self._p.staging / f"{one.id}-install"
        try:
            staged = await asyncio.to_thread(
                stage, folder, text, name=one.skill, current=current, owner=self._p.folder
            )
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if staged.skill.digest != digest:
            raise UserFacing(CHANGED)
        return staged.skill

    async def _put(self, one: Proposal, skill: Skill, *, text: str, before: str | None) -> None:
        """The file and its approval, while nobody looks at the skills."""
        async with self._p.skills.held():
            row = await self._p.rows.row(one.skill)
            if row is not None and row.state == "disabled":  # the owner was quicker
                raise UserFacing(f"The skill {one.skill} is off.")
            await self._keep_version(f"before proposal {one.id}")
            await asyncio.to_thread(put, self._p.folder, skill.path, text, before=before)
            await self._p.rows.approve(skill)
            await self._keep_version(f"proposal {one.id}: {one.skill}")
        await self._p.skills.look()  # it works before the owner is told so; the lane looks, too

    async def _keep_version(self, message: str) -> None:
        """The history is a convenience: what was accepted is put in place without it, too."""
        try:
            await asyncio.to_thread(self._p.versions.commit, message)
        except (AgentAIError, OSError) as error:
            log.warning("the skills' history was not kept: %s", error)


def _why(error: UserFacing | OSError) -> str:
    return error.text if isinstance(error, UserFacing) else f"A file: {error.strerror}."
