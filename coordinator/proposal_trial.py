"""The trial of a proposal: the recorded task once more, with the proposed skill, as a quiet task.

Threat: an unread text works for the owner before they have seen it. So it works in a container of
its own with what only reads, asks nobody and changes nothing of the owner's; what it was refused
stands on the card. Killed in mid-trial, it runs again from its beginning, three times at most.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.proposal_parts import TRIES
from core.errors import Denied, Retryable, UserFacing
from core.tasks import NewTask, TaskState
from skills.proposals import State, is_wording_only, may_pass
from skills.proposals_files import CHANGED
from skills.proposals_store import Trial
from skills.risks import risks_of

if TYPE_CHECKING:
    from coordinator.proposal_parts import ProposingParts
    from skills.proposals_files import Staged
    from skills.proposals_store import Proposal
    from skills.types import Skill

TRIAL_S = 900.0
AGAIN_S = 60.0
INTERRUPTED = (TaskState.CANCELLED, TaskState.UNKNOWN)
SELF_EDIT = "skills.self_edit"


class ProposalTrial:
    """Tries proposals, one at a time."""

    def __init__(self, parts: ProposingParts) -> None:
        self._p = parts
        self._store = parts.book.store

    async def run(self, one: Proposal) -> None:
        """Tries it, and offers it if that went well. `Retryable` when it has to run again."""
        if await self._store.attempt(one) > TRIES:
            await self._p.book.end(one, State.POOR, note="its trial was interrupted three times")
            return
        try:
            current = self._p.current(one)
            async with self._p.staged(one, one.text, name=one.skill, current=current) as staged:
                if staged.skill.digest != one.digest:
                    raise UserFacing(CHANGED)  # noqa: TRY301 - told like what staging raises
                order = await self._order(one, staged.skill)
                passes = await self._passes(one, staged, current)
        except UserFacing as error:
            to = State.STALE if error.text == CHANGED else State.POOR
            await self._p.book.end(one, to, note=error.text)
            return
        trial = await self._run(order)
        passes = passes and await self._may_edit()  # the owner may have changed their mind
        await self._p.book.judged(one, trial, passes=passes, teller=self._p.teller)
        if passes and trial.state == TaskState.DONE:
            self._p.accepted()

    async def _order(self, one: Proposal, skill: Skill) -> NewTask:
        """The recorded task once more: its instructions, its files, and the proposed skill."""
        task = await self._p.tasks.get(one.tasks[0])
        if task is None:
            raise UserFacing("the recorded task is gone")
        if not await asyncio.to_thread(lambda: all(Path(f.path).exists() for f in task.files)):
            raise UserFacing("the files of the recorded task are gone")
        order = await self._p.skills.order_trial(skill, task.instructions)
        return NewTask(
            kind=order.kind, title=f"trial of proposal {one.id}", chat_id=task.chat_id,
            instructions=order.instructions, files=task.files, origin="skill", skill=order.skill,
            manifest=order.manifest, is_quiet=True,
        )  # fmt: skip

    async def _run(self, new: NewTask) -> Trial:
        """How it went. `Retryable` when it was stopped before its time: it runs again."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            end = await self._p.quiet.run(new, timeout_s=TRIAL_S, unasked_since=datetime.now(UTC))
        except Denied as error:
            raise Retryable(f"no trial now: {error}", AGAIN_S) from error
        if end.state in INTERRUPTED and clock() - began < TRIAL_S:
            raise Retryable("a trial was interrupted", AGAIN_S)
        return Trial(
            state=str(end.state), said="\n".join(filter(None, (end.reason, end.output))).strip(),
            files=tuple(file.name for file in end.files[:10]),
            refused=await self._store.denied(end.no),
        )  # fmt: skip

    async def _passes(self, one: Proposal, staged: Staged, current: Skill | None) -> bool:
        """Whether a trial that goes well is enough: see `skills.proposals.may_pass`."""
        if current is None or not await self._may_edit():
            return False
        old = await asyncio.to_thread(risks_of, self._p.folder, current)
        own = await self._store.own_digests(one.skill)
        return may_pass(
            is_own=current.digest in own,
            is_wording=is_wording_only(
                current, staged.skill, old_risks=old, new_risks=staged.risks
            ),
            is_untrusted=one.is_untrusted,
            is_approved=self._p.skills.shelf.entries[one.skill].is_active,
        )  # fmt: skip

    async def _may_edit(self) -> bool:
        return (await self._p.config.current()).text(SELF_EDIT) == "wording"
