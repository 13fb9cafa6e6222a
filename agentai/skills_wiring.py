"""Puts the parts of skills together for `agentai serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentai.proposals_wiring import ProposalsWiring
from bot.menu import Menu
from bot.profile import ProfileDesk
from bot.skill_offers import SkillOffers
from bot.skills_command import SkillsCommand
from bot.skills_desk import SkillsDesk
from bot.skills_lane import SkillsLane
from coordinator.skills import Skills
from skills.library import Library
from skills.store import SkillStore
from skills.tree import BUILTIN
from skills.versions import Versions

if TYPE_CHECKING:
    from agentai.foundation import Foundation
    from bot.commands import Commands, Handler
    from bot.files import Fetcher
    from bot.presses import Presses


class SkillsWiring:
    """Skills, their lane, their buttons and commands, wired to what all parts stand on."""

    def __init__(self, base: Foundation) -> None:
        env, database = base.env, base.database
        self.folder = env.skills
        self.folder.mkdir(parents=True, exist_ok=True)
        self._rows = SkillStore(database)
        self.skills = Skills(
            library=Library(BUILTIN, self.folder), store=self._rows,
            cargo_folder=env.home / "skill_cargo",
        )  # fmt: skip
        self._versions = Versions(self.folder, env.home / "skill_versions")
        self.menu = Menu(base.api)
        self.lane = SkillsLane(
            skills=self.skills, database=database, store=base.store, facts=base.facts,
            menu=self.menu, versions=self._versions, folder=self.folder,
            wake_outbox=base.outbox.wake,
        )  # fmt: skip
        profile = ProfileDesk(base.api)
        self._offers = SkillOffers(
            database=database, store=base.store, conversation=base.conversation,
            skills=self.skills, audit=base.audit, versions=self._versions, folder=self.folder,
            staging=env.home / "skill_offers", wake_outbox=base.outbox.wake,
            installed=self.lane.wake, profile=profile,
        )  # fmt: skip
        self._desk = SkillsDesk(
            skills=self.skills, rows=self._rows, tasks=base.tasks, audit=base.audit,
            store=base.store, offers=self._offers, folder=self.folder, decided=self.lane.wake,
        )  # fmt: skip
        self._command = SkillsCommand(
            skills=self.skills, rows=self._rows, desk=self._desk, versions=self._versions,
            store=base.store, config=base.config, folder=self.folder,
            exports=env.home / "exports", profile=profile,
        )  # fmt: skip

        self.proposals = ProposalsWiring(
            base, skills=self.skills, rows=self._rows, versions=self._versions,
            folder=self.folder, changed=self.lane.wake,
        )  # fmt: skip

    def commands(self) -> dict[str, Handler]:
        """The commands about skills, by name."""
        return {
            "skills": self._command.skills, "skill": self._command.skill,
            "proposals": self.proposals.command.handle,
        }  # fmt: skip

    def join(self, commands: Commands, presses: Presses, fetcher: Fetcher) -> None:
        """Connects what could only be built after the commands."""
        self._command.queue = commands.queue
        commands.other = self._command.named
        presses.skills = self._desk
        presses.proposals = self.proposals.command
        fetcher.on_fetched = self._offers.look
