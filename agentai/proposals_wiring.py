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

    from agentai.serve import Service
    from coordinator.skills import Skills
    from skills.store import SkillStore
    from skills.versions import Versions


class ProposalsWiring:
    """The command, its buttons, and the two lanes. `changed`: the skills are to be looked at."""

    def __init__(
        self, service: Service, *, skills: Skills, rows: SkillStore, versions: Versions,
        folder: Path, changed: Callable[[], None],
    ) -> None:  # fmt: skip
        staging = service.env.home / "proposals"
        book = ProposalBook(
            database=service.database, store=ProposalStore(service.database), audit=service.audit
        )
        teller = ProposalTeller(
            store=service.store, facts=service.facts, wake_outbox=service.outbox.wake
        )
        self._installer = ProposalInstaller(
            InstallParts(
                book=book, skills=skills, rows=rows, versions=versions, teller=teller,
                folder=folder, staging=staging, changed=changed,
            )
        )  # fmt: skip
        self._proposing = Proposing(
            ProposingParts(
                book=book, skills=skills, model=service.model, tasks=service.tasks,
                config=service.config, quiet=service.quiet, teller=teller, folder=folder,
                staging=staging, accepted=self._installer.wake,
            )
        )  # fmt: skip
        self.command = ProposalsCommand(
            book=book, store=service.store, decided=self._installer.wake
        )

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps to run forever, by name; only the process that holds the lease runs them."""
        return {"proposals": self._proposing.step, "installs": self._installer.step}
