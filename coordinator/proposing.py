"""The agent proposes skills: after a habit or a correction it writes one, tries it, and offers it.

    an occasion ─► begun (a row) ─► written (one cheap call) ─► tried (a quiet task) ─► a card

Threat: see `skills.proposals`. Every arrow is one commit, so after `kill -9` the row says what is
next: a call whose answer was lost is made again, at most three times, and a trial that was
interrupted runs again from its beginning, which harms nobody because a quiet task changes nothing.
An idle look is one small query a minute.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from coordinator.proposal_parts import TRIES
from coordinator.proposal_trial import ProposalTrial
from coordinator.proposal_writing import RULES, Example, prompt, read_draft
from core.errors import Retryable, UserFacing
from core.models import routes
from core.pause import pause_now
from core.wake import Wake, again_on_failure
from skills.manifest import parse_skill
from skills.proposals import State, objection
from skills.proposals_files import text_of
from skills.proposals_habits import find_occasion
from skills.proposals_store import Written
from skills.types import Skill

if TYPE_CHECKING:
    from datetime import datetime

    from coordinator.proposal_parts import ProposingParts
    from coordinator.proposal_writing import Draft
    from coordinator.skills import Entry
    from skills.proposals_habits import Occasion
    from skills.proposals_store import Proposal

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
MODEL_AWAY_S = 600.0  # nobody waits for a proposal
NAMELESS = "proposed"
PER_DAY = "skills.proposals"


class Proposing:
    """Run `step` forever, in one process only."""

    def __init__(self, parts: ProposingParts) -> None:
        self._p = parts
        self._store = parts.book.store
        self._trial = ProposalTrial(parts)
        self._news = Wake(LOOK_EVERY_S)
        self._looked_at: datetime | None = None

    async def step(self) -> None:
        """One look, and one arrow if there is one to go. Raises `Retryable`; nothing is lost."""
        await self._news.wait()
        with again_on_failure(self._news):
            await self._look()

    async def _look(self) -> None:
        news = await self._store.news()
        if not news.has_work and news.last_end == self._looked_at:
            return
        if not await self._may_write():
            return
        if not self._p.skills.shelf.entries:
            raise Retryable("the skills have not been read yet", 0.5)
        one = await self._store.next_in(State.WRITING, State.TRIAL)
        if one is None and not await self._begin():
            self._looked_at = news.last_end
        elif one is not None:
            await (self._write(one) if one.state is State.WRITING else self._trial.run(one))
            self._news.set()
        else:
            self._news.set()

    async def _may_write(self) -> bool:
        config = await self._p.config.current()
        is_wanted = config.whole(PER_DAY) > 0 and bool(routes(config, "coordinator"))
        return is_wanted and not (await pause_now(self._p.book.database)).is_paused

    # --- an occasion ---

    async def _begin(self) -> bool:
        """Keeps the next occasion; False when there is none, or enough for today."""
        config = await self._p.config.current()
        if await self._store.made_today() >= config.whole(PER_DAY):
            return False
        entries = self._p.skills.shelf.entries
        editable = {n for n, e in entries.items() if e.skill.source == "owner" and e.is_active}
        done, earlier = await self._store.done_tasks(), await self._store.earlier()
        found = await asyncio.to_thread(find_occasion, done, earlier, editable=editable)
        if found is None:
            return False
        return await self._keep(found, entries.get(found.skill)) is not None

    async def _keep(self, found: Occasion, entry: Entry | None) -> int | None:
        if found.kind == "new" or entry is None:
            return await self._store.begin(found)
        base = await asyncio.to_thread(text_of, self._p.folder, entry.skill)
        return await self._store.begin(found, base=base, base_digest=entry.skill.digest)

    # --- writing ---

    async def _write(self, one: Proposal) -> None:
        if await self._store.attempt(one) > TRIES:
            await self._drop(one, "the model did not answer")
            return
        try:
            new = await self._read(one, await self._ask(one))
        except UserFacing as error:
            await self._drop(one, error.text)
            return
        except OSError as error:
            await self._drop(one, f"its files could not be written: {error.strerror}")
            return
        await self._p.book.written(one, new)

    async def _drop(self, one: Proposal, why: str) -> None:
        log.info("a proposal came to nothing: %s", why, extra={"proposal": one.id})
        await self._p.book.end(one, State.DROPPED, note=why)

    async def _ask(self, one: Proposal) -> Draft:
        """One call of the cheapest model. `UserFacing` when nothing can be made of its answer."""
        by_no = {task.no: task for task in await self._store.done_tasks()}
        examples = [
            Example(no=no, instructions=by_no[no].instructions, said=await self._store.said(no),
                    corrections=by_no[no].corrections)
            for no in one.tasks if no in by_no
        ]  # fmt: skip
        if not examples:
            raise UserFacing("the tasks it came from are too old by now")
        text = prompt(examples, base=one.base, nonce=secrets.token_hex(8))
        messages = [{"role": "system", "content": RULES}, {"role": "user", "content": text}]
        try:
            answer = await self._p.model.ask(messages, tools=(), is_cheap=True)
        except Retryable as error:
            raise Retryable(str(error), max(error.after_s, MODEL_AWAY_S)) from error
        await self._p.tasks.record_usage(
            answer.usage, role="coordinator", model=answer.model, purpose="proposal", outcome="ok"
        )
        draft = read_draft(answer.text)
        if draft is None:
            raise UserFacing("the model's answer could not be read")
        if not draft.text:
            raise UserFacing(draft.reason or "the model saw no use in it")
        return draft

    async def _read(self, one: Proposal, draft: Draft) -> Written:
        """The draft as a skill: read, linted and looked through like any other."""
        current = self._p.current(one)
        name = current.name if current is not None else _name_in(draft.text)
        taken = set(self._p.skills.shelf.entries)
        if current is None and (self._p.folder / f"{name}.md").exists():
            taken.add(name)
        async with self._p.staged(one, draft.text, name=name, current=current) as staged:
            why = objection(staged.skill, staged.risks, current=current, taken=taken)
        if why:
            raise UserFacing(why)
        return Written(
            skill=staged.skill.name, text=draft.text, digest=staged.skill.digest,
            reason=draft.reason,
        )  # fmt: skip


def _name_in(text: str) -> str:
    """The name that a new skill gives itself; `UserFacing` when it is none."""
    parsed = parse_skill(text, path=f"{NAMELESS}.md")
    if not isinstance(parsed, Skill):
        raise UserFacing("; ".join(problem.sentence() for problem in parsed[:3]))
    if parsed.name == NAMELESS:
        raise UserFacing("it has no name")
    return parsed.name
