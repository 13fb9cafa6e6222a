"""All parts of the serving process, built by constructor arguments and wired to each other.

What belongs to one matter is put together in a module of its own, named `…_wiring`. Nothing runs
here: `agentai.serving` runs the parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentai.autonomy import AutonomyWiring
from agentai.foundation import Foundation
from agentai.knowledge_wiring import KnowledgeWiring
from agentai.memory_wiring import MemoryWiring
from agentai.safety_wiring import SafetyWiring
from agentai.skills_wiring import SkillsWiring
from agentai.voice_wiring import VoiceWiring
from bot.approval_board import ApprovalBoard
from bot.board import Board
from bot.commands import Commands
from bot.context_command import ContextCommand
from bot.conversing import Conversing
from bot.correcting import Correcting
from bot.dispatch import Dispatcher
from bot.files import Fetcher, FileStore
from bot.files_command import FilesCommand
from bot.inbox import Poller, concealer
from bot.looking import Looking
from bot.pieces import Pieces
from bot.presses import Presses
from bot.route import After
from bot.task_lists import TaskLists
from bot.voice import TelegramVoice
from coordinator.actions import Actions
from coordinator.lane import Lanes
from coordinator.named_files import NamedFiles
from coordinator.summary import Summariser
from coordinator.sweeper import Sweeper
from coordinator.turn_parts import TurnParts
from coordinator.vision import Vision
from core.config import SPECS

if TYPE_CHECKING:
    from bot.commands import Handler
    from bot.telegram_api import TelegramApi
    from core.bus import Bus
    from core.db import Database
    from core.settings import EnvSettings
    from core.spawn import Spawner


class Service(Foundation):
    """The parts, each under one name."""

    def __init__(
        self, env: EnvSettings, database: Database, bus: Bus, api: TelegramApi, spawner: Spawner,
        instance: str,
    ) -> None:  # fmt: skip
        super().__init__(env, database, bus, api, spawner, instance)
        self.safety = SafetyWiring(self)
        self.memory = MemoryWiring(self)
        self.knowledge = KnowledgeWiring(self, self.memory.embedder)
        self.skills = SkillsWiring(self)
        self.autonomy = AutonomyWiring(self, self.skills.skills)
        self.speech = VoiceWiring(self, self.memory.heavy)
        self._wire_turns()
        self._wire_boards()
        self._wire_bot()
        self._wire_ingress()

    def _wire_turns(self) -> None:
        self.voice = TelegramVoice(
            store=self.store, outbox=self.outbox, api=self.api, pacer=self.pacer, tasks=self.tasks
        )
        actions = Actions(
            tasks=self.tasks, conversation=self.conversation, config=self.config, voice=self.voice,
            skills=self.skills.skills,
        )  # fmt: skip
        actions.planner = self.autonomy
        actions.memory = self.memory.turns
        actions.rules = self.safety.rules
        actions.knowledge = self.knowledge.knowledge
        actions.named = NamedFiles(self.files)
        parts = TurnParts(
            database=self.database, bus=self.bus, config=self.config,
            conversation=self.conversation, tasks=self.tasks, model=self.model, actions=actions,
            voice=self.voice, skills=self.skills.skills, memory=self.memory.turns,
            knowledge=self.knowledge.knowledge,
            vision=Vision(heavy=self.memory.heavy, conversation=self.conversation),
            rules=self.safety.rules,
        )  # fmt: skip
        self.context_command = ContextCommand(parts=parts, store=self.store)
        summariser = Summariser(
            conversation=self.conversation, model=self.model, config=self.config,
            tasks=self.tasks, spawner=self.spawner,
        )  # fmt: skip
        self.lanes = Lanes(parts=parts, summariser=summariser, spawner=self.spawner)

    def _wire_boards(self) -> None:
        self.board = Board(
            database=self.database, tasks=self.tasks, conversation=self.conversation,
            store=self.store, outbox=self.outbox, api=self.api, pacer=self.pacer,
        )  # fmt: skip
        self.approval_board = ApprovalBoard(
            database=self.database, approvals=self.approvals, store=self.store,
            wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.outbox.on_sent = lambda row, _: self.board.wake() if row.task_no else None
        self.sweeper = Sweeper(tasks=self.tasks, bus=self.bus, on_change=self.wake_boards)

    def _wire_bot(self) -> None:
        self.fetcher = Fetcher(
            database=self.database, api=self.api, store=self.store,
            folder=self.env.home / "files", wake_lane=self.lanes.wake,
            wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.fetcher.owner_files = self.files
        after = After(
            store=self.store, bus=self.bus, spawner=self.spawner, wake_outbox=self.outbox.wake,
            wake_board=self.wake_boards, wake_lane=self.lanes.wake, wake_files=self.fetcher.wake,
        )  # fmt: skip
        files = FileStore(self.database)
        commands = Commands(
            database=self.database, tasks=self.tasks, store=self.store, config=self.config,
            conversation=self.conversation, files=files, more=self._more_commands(),
        )  # fmt: skip
        presses = self._presses(commands)
        conversing = Conversing(
            conversation=self.conversation, tasks=self.tasks, store=self.store, files=files
        )
        conversing.looking = self.looking
        correcting = Correcting(conversation=self.conversation, tasks=self.tasks, store=self.store)
        correcting.pieces = Pieces()
        self.safety.join(presses, conversing, correcting)
        self.speech.join(self.voice, conversing, presses=presses, after=after)
        self.dispatcher = Dispatcher(
            database=self.database, inbox=self.inbox, facts=self.facts, ownership=self.ownership,
            commands=commands, after=after, presses=presses, conversing=conversing,
            correcting=correcting,
        )  # fmt: skip

    def _presses(self, commands: Commands) -> Presses:
        """The buttons, and whose they are."""
        presses = Presses(
            commands=commands, store=self.store, conversation=self.conversation, api=self.api,
            approving=self.safety.approving,
        )  # fmt: skip
        self.board.lists = presses.lists = TaskLists(
            database=self.database, store=self.store, tasks=self.tasks, status=commands.status,
            wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.skills.join(commands, presses, self.fetcher)
        self.autonomy.join(presses, self.fetcher)
        self.knowledge.join(presses, self.fetcher)
        presses.memory = self.memory.command
        presses.files = self.files_command
        return presses

    def _wire_ingress(self) -> None:
        secret_names = frozenset(name for name, spec in SPECS.items() if spec.is_secret)
        self.conceal = concealer(lambda v, n: self.seal.close(v, name=n), secret_names)
        self.poller = Poller(
            api=self.api, store=self.inbox, conceal=self.conceal, on_kept=self.dispatcher.wake
        )

    def _more_commands(self) -> dict[str, Handler]:
        """The commands about safety, settings and what is extended, by name."""
        self.looking = Looking(
            tasks=self.tasks, store=self.store, bus=self.bus,
            results=self.env.home / "results", wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.files_command = files = FilesCommand(
            database=self.database, files=self.files, audit=self.audit, store=self.store
        )
        return {
            "files": files.files, "undo": files.undo, "look": self.looking.look,
            "context": self.context_command.context, **self.safety.commands(),
            **self.skills.commands(), **self.autonomy.commands(), **self.memory.commands(),
            **self.knowledge.commands(), **self.speech.commands(),
        }  # fmt: skip

    def wake_boards(self) -> None:
        """A task or an approval changed."""
        self.board.wake()
        self.approval_board.wake()
