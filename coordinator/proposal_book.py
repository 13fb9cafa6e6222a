"""Every decision about a proposal: its new state and the audit row are one commit.

Bodies name numbers, states and digests: no word of a skill, a task or an owner stands in the trail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from skills.proposals import State

if TYPE_CHECKING:
    from core.audit import Audit
    from core.db import Database, Session
    from skills.proposals_store import Proposal, ProposalStore, Trial, Written


class Teller(Protocol):
    """Who tells the owner about proposals, inside the caller's transaction."""

    async def offer(self, session: Session, proposal: Proposal) -> None:
        """Shows the card of a proposal whose trial went well."""

    async def installed(self, session: Session, proposal: Proposal) -> None:
        """Says that it is in use now; one that passed by itself can be undone."""

    async def undone(self, session: Session, proposal: Proposal, why_not: str = "") -> None:
        """Says that the former text is back, or why it is not."""

    async def stale(self, session: Session, proposal: Proposal, why: str) -> None:
        """Says that what was accepted could not be put in place."""

    def wake(self) -> None:
        """To be called after a commit: there is something to send."""


class ProposalBook:
    """Moves proposals from state to state. Raises `Retryable` while Postgres is away."""

    def __init__(self, *, database: Database, store: ProposalStore, audit: Audit) -> None:
        self.database = database
        self.store = store
        self._audit = audit

    async def move(
        self, session: Session, proposal: Proposal, to: State, *, note: str = "",
        by: Literal["owner", "setting"] | None = None,
    ) -> bool:  # fmt: skip
        """One step, written down; False when somebody was faster."""
        if not await self.store.move(proposal, to, session, note=note, by=by):
            return False
        body: dict[str, object] = {"proposal": proposal.id, "digest": proposal.digest}
        if proposal.skill:
            body["name"] = proposal.skill
        if by is not None:
            body["by"] = by
        await self._audit.append(session, f"proposal.{to}", body)
        return True

    async def end(self, proposal: Proposal, to: State, *, note: str = "") -> bool:
        """One step by itself."""
        async with self.database.transaction() as session:
            return await self.move(session, proposal, to, note=note)

    async def written(self, proposal: Proposal, new: Written) -> bool:
        """The text is fixed from here on."""
        async with self.database.transaction() as session:
            if not await self.store.written(proposal.id, new, session):
                return False
            body = {
                "proposal": proposal.id, "name": new.skill, "digest": new.digest,
                "tasks": list(proposal.tasks), "untrusted": proposal.is_untrusted,
            }  # fmt: skip
            await self._audit.append(session, "proposal.written", body)
            return True

    async def judged(
        self, proposal: Proposal, trial: Trial, *, passes: bool, teller: Teller
    ) -> None:
        """How the trial went, and what follows from it, in one commit."""
        is_good = trial.state == "done"
        to = (State.ACCEPTED if passes else State.OFFERED) if is_good else State.POOR
        async with self.database.transaction() as session:
            if not await self.store.tried(proposal.id, trial, session):
                return
            by: Literal["setting"] | None = "setting" if to is State.ACCEPTED else None
            if await self.move(session, proposal, to, by=by) and to is State.OFFERED:
                now = await self.store.get(proposal.id, session)
                if now is not None:
                    await teller.offer(session, now)
        teller.wake()
