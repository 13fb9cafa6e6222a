"""What writing and trying proposals are made of, and a proposal's files on disk."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.errors import UserFacing
from skills.proposals_files import CHANGED, Staged, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from coordinator.model import ModelCaller
    from coordinator.proposal_book import ProposalBook, Teller
    from coordinator.quiet import Ended
    from coordinator.skills import Skills
    from core.config import ConfigStore
    from core.tasks import NewTask, TaskStore
    from skills.proposals_store import Proposal
    from skills.types import Skill

TRIES = 3


class Quiet(Protocol):
    """Who runs a task that the owner neither sees nor is asked about: `QuietTasks`."""

    async def run(
        self, new: NewTask, *, timeout_s: float, unasked_since: datetime | None = None
    ) -> Ended:
        """How the task ended."""


@dataclass(frozen=True, kw_only=True)
class ProposingParts:
    """What proposing is made of. `folder` holds the owner's skills, `staging` is ours alone."""

    book: ProposalBook
    skills: Skills
    model: ModelCaller
    tasks: TaskStore
    config: ConfigStore
    quiet: Quiet
    teller: Teller
    folder: Path
    staging: Path
    accepted: Callable[[], None]

    def current(self, one: Proposal) -> Skill | None:
        """The skill that it edits, as it was when it was begun; None for a new one."""
        if one.kind == "new":
            return None
        entry = self.skills.shelf.entries.get(one.skill)
        if entry is None or entry.skill.digest != one.base_digest:
            raise UserFacing(CHANGED)
        return entry.skill

    @asynccontextmanager
    async def staged(
        self, one: Proposal, text: str, *, name: str, current: Skill | None
    ) -> AsyncIterator[Staged]:
        """The skill that the text makes; its staged files are gone after the block."""
        folder = self.staging / str(one.id)
        try:
            yield await asyncio.to_thread(
                stage, folder, text, name=name, current=current, owner=self.folder
            )
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
