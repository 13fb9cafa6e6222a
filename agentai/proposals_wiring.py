"""Puts the parts of proposals together for `agentai serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.proposals_command import ProposalsCommand, ProposalTeller
from coordinator.proposal_book import ProposalBook
from coordinator.proposal_install import InstallParts, ProposalInstaller
from coordinator.proposal_parts import ProposingParts
from coordinator.proposing import Proposing
from skills.proposals_store import ProposalStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agentai.foundation import Foundation
    from coordinator.skills import Skills
    from skills.store import SkillStore
    from skills.versions import Versions


class ProposalsWiring:
    """The command, its buttons, and the two lanes. `changed`: the skills are to be looked at."""

    def __init__(
        self, base: Foundation, *, skills: Skills, rows: SkillStore, versions: Versions,
        folder: Path, changed: Callable[[], None],
    ) -> None:  # fmt: skip
        staging = base.env.home / "proposals"
        book = ProposalBook(
            database=base.database, store=ProposalStore(base.database), audit=base.audit
        )
        teller = ProposalTeller(store=base.store, facts=base.facts, wake_outbox=base.outbox.wake)
        self._installer = ProposalInstaller(
            InstallParts(
                book=book, skills=skills, rows=rows, versions=versions, teller=teller,
                folder=folder, staging=staging, changed=changed,
            )
        )  # fmt: skip
        self._proposing = Proposing(
            ProposingParts(
                book=book, skills=skills, model=base.model, tasks=base.tasks,
                config=base.config, quiet=base.quiet, teller=teller, folder=folder,
                staging=staging, accepted=self._installer.wake,
            )
        )  # fmt: skip
        self.command = ProposalsCommand(book=book, store=base.store, decided=self._installer.wake)

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps to run forever, by name; only the process that holds the lease runs them."""
        return {"proposals": self._proposing.step, "installs": self._installer.step}
