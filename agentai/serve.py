"""`agentai serve`: bot and coordinator on one event loop.

This is where their parts are put together.
"""

from __future__ import annotations

# ruff: noqa: E402 - memory is spared before anything heavy is imported
from core.lean import slim_down

slim_down()

import asyncio
import logging
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agentai.autonomy import AutonomyWiring
from agentai.knowledge_wiring import KnowledgeWiring
from agentai.memory_wiring import MemoryWiring
from agentai.skills_wiring import SkillsWiring
from agentai.voice_wiring import VoiceWiring
from bot.approval_board import ApprovalBoard
from bot.approving import Approving
from bot.audit_command import AuditCommand
from bot.board import Board
from bot.commands import Commands
from bot.config_command import ConfigCommand
from bot.context_command import ContextCommand
from bot.conversing import Conversing
from bot.dispatch import Dispatcher
from bot.facts import Facts
from bot.files import Fetcher, FileStore
from bot.files_command import FilesCommand
from bot.inbox import InboxStore, Poller, concealer
from bot.looking import Looking
from bot.menu import greet_telegram
from bot.outbox import Outbox
from bot.outbox_store import OutboxStore
from bot.ownership import Ownership
from bot.pacing import Pacer
from bot.presses import Presses
from bot.route import After
from bot.rules_command import RulesCommand
from bot.secret_command import SecretCommand
from bot.secret_form import SecretForm
from bot.stopping import Stopping
from bot.telegram_api import TelegramApi
from bot.voice import TelegramVoice
from coordinator.actions import Actions
from coordinator.lane import Lanes
from coordinator.model import ModelCaller
from coordinator.named_files import NamedFiles
from coordinator.quiet import QuietTasks
from coordinator.standing_store import StandingRules
from coordinator.store import Conversation
from coordinator.summary import Summariser
from coordinator.sweeper import Sweeper
from coordinator.turn import TurnParts
from coordinator.vision import Vision
from core.approvals import Approvals
from core.audit import Audit, HeadFile, Signer
from core.beat import Beat
from core.bus import Bus
from core.config import SPECS, ConfigStore
from core.db import Database
from core.errors import ConfigError
from core.instance import keep_instance_id
from core.lease import Lease
from core.logs import set_up_logging
from core.migrate import migrate
from core.seal import Seal
from core.settings import EnvSettings, load_settings
from core.spawn import Spawner, forever, run_until_told
from core.tasks import TaskStore
from core.vault import Vault
from core.workspace import OwnerFiles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.commands import Handler

log = logging.getLogger(__name__)

ONE_SERVE = 7310593  # advisory lock
SECOND_SERVE = "another `agentai serve` works on this database; waiting for it to end"
PRUNE_EVERY_S = 6 * 3600.0
KEEP_QUIET_S = 24 * 3600.0


class Service:
    """All parts of the serving process, wired; `run` until cancelled or a `ConfigError`."""

    def __init__(
        self, env: EnvSettings, database: Database, bus: Bus, api: TelegramApi, spawner: Spawner,
        instance: str,
    ) -> None:  # fmt: skip
        self.env, self.database, self.bus, self.api = env, database, bus, api
        self.spawner = spawner
        self.seal = Seal(env.need_secret_key())
        self.config = ConfigStore(database=database, seal=self.seal, env=env)
        self.tasks = TaskStore(database)
        self.conversation = Conversation(database)
        self.facts = Facts(database, fixed_owner=env.agentai_owner_id)
        self.inbox = InboxStore(database)
        self.store = OutboxStore(database)
        self.files = OwnerFiles(env.home / "workspace", env.home / "versions")
        self._wire_safety(instance)
        self.pacer = Pacer()
        self.outbox = Outbox(store=self.store, api=api, pacer=self.pacer)
        self.ownership = Ownership(facts=self.facts, store=self.store)
        self.model = ModelCaller(self.config, self.tasks)
        self.quiet = QuietTasks(database=database, tasks=self.tasks, bus=bus)
        self.memory = MemoryWiring(self)
        self.knowledge = KnowledgeWiring(self)
        self.skills = SkillsWiring(self)
        self.autonomy = AutonomyWiring(self)
        self.speech = VoiceWiring(self)
        self._wire_coordinator()
        self._wire_bot()

    def _wire_safety(self, instance: str) -> None:
        secret_key = self.env.need_secret_key()
        self.audit = Audit(self.database)
        self.approvals = Approvals(self.database, self.audit)
        self.rules = StandingRules(self.database, self.audit)
        self.rules_command = RulesCommand(rules=self.rules, store=self.store)
        self.rules.teller = self.rules_command
        self.vault = Vault(self.database, secret_key, instance)
        self.form = SecretForm(self._save_secret)
        heads = HeadFile(self.env.home / "audit" / "heads.jsonl")
        self.audit_command = AuditCommand(
            database=self.database, audit=self.audit, heads=heads, signer=Signer(secret_key),
            store=self.store, facts=self.facts,
        )  # fmt: skip

    def _wire_coordinator(self) -> None:
        self.voice = TelegramVoice(
            store=self.store, outbox=self.outbox, api=self.api, pacer=self.pacer, tasks=self.tasks
        )
        actions = Actions(
            tasks=self.tasks, conversation=self.conversation, config=self.config, voice=self.voice,
            skills=self.skills.skills,
        )  # fmt: skip
        actions.planner = self.autonomy
        actions.memory = self.memory.turns
        actions.rules = self.rules
        actions.knowledge = self.knowledge.knowledge
        actions.named = NamedFiles(self.files)
        parts = TurnParts(
            database=self.database, bus=self.bus, config=self.config,
            conversation=self.conversation, tasks=self.tasks, model=self.model, actions=actions,
            voice=self.voice, skills=self.skills.skills, memory=self.memory.turns,
            knowledge=self.knowledge.knowledge,
            vision=Vision(heavy=self.memory.heavy, conversation=self.conversation),
            rules=self.rules,
        )  # fmt: skip
        self.context_command = ContextCommand(parts=parts, store=self.store)
        summariser = Summariser(
            conversation=self.conversation, model=self.model, config=self.config,
            tasks=self.tasks, spawner=self.spawner,
        )  # fmt: skip
        self.lanes = Lanes(parts=parts, summariser=summariser, spawner=self.spawner)
        self.board = Board(
            database=self.database, tasks=self.tasks, conversation=self.conversation,
            store=self.store, outbox=self.outbox, api=self.api, pacer=self.pacer,
        )  # fmt: skip
        self.approval_board = ApprovalBoard(
            database=self.database, approvals=self.approvals, store=self.store,
            wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.outbox.on_sent = lambda row, _: self.board.wake() if row.task_no else None
        self.sweeper = Sweeper(tasks=self.tasks, bus=self.bus, on_change=self._wake_boards)

    def _wire_bot(self) -> None:
        self.fetcher = Fetcher(
            database=self.database, api=self.api, store=self.store,
            folder=self.env.home / "files", wake_lane=self.lanes.wake,
            wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.fetcher.owner_files = self.files
        after = After(
            store=self.store, bus=self.bus, spawner=self.spawner, wake_outbox=self.outbox.wake,
            wake_board=self._wake_boards, wake_lane=self.lanes.wake, wake_files=self.fetcher.wake,
        )  # fmt: skip
        files = FileStore(self.database)
        approving = Approving(approvals=self.approvals, store=self.store, facts=self.facts)
        commands = Commands(
            database=self.database, tasks=self.tasks, store=self.store, config=self.config,
            conversation=self.conversation, files=files, more=self._more_commands(approving),
        )  # fmt: skip
        presses = Presses(
            commands=commands, store=self.store, conversation=self.conversation, api=self.api,
            approving=approving,
        )  # fmt: skip
        self.skills.join(commands, presses, self.fetcher)
        self.autonomy.join(presses, self.fetcher)
        self.knowledge.join(presses, self.fetcher)
        presses.memory = self.memory.command
        presses.rules = self.rules_command
        presses.stopping = self.stopping
        presses.files = self.files_command
        conversing = Conversing(
            conversation=self.conversation, tasks=self.tasks, store=self.store, files=files
        )
        conversing.rules = self.rules_command
        conversing.looking = self.looking
        self.speech.join(self, conversing, presses=presses, after=after)
        self.dispatcher = Dispatcher(
            database=self.database, inbox=self.inbox, facts=self.facts, ownership=self.ownership,
            commands=commands, after=after, presses=presses,
            conversing=conversing,
        )  # fmt: skip
        secret_names = frozenset(name for name, spec in SPECS.items() if spec.is_secret)
        self.conceal = concealer(lambda v, n: self.seal.close(v, name=n), secret_names)
        self.poller = Poller(
            api=self.api, store=self.inbox, conceal=self.conceal, on_kept=self.dispatcher.wake
        )

    def _more_commands(self, approving: Approving) -> dict[str, Handler]:
        """The commands about safety and settings, by name."""
        config = ConfigCommand(config=self.config, store=self.store, seal=self.seal)
        secret = SecretCommand(
            vault=self.vault, audit=self.audit, store=self.store, seal=self.seal, form=self.form
        )
        self.stopping = Stopping(approvals=self.approvals, audit=self.audit, store=self.store)
        self.looking = Looking(
            tasks=self.tasks, store=self.store, bus=self.bus,
            results=self.env.home / "results", wake_outbox=self.outbox.wake,
        )  # fmt: skip
        self.files_command = files = FilesCommand(
            files=self.files,
            audit=self.audit, store=self.store,
        )  # fmt: skip
        return {
            "files": files.files, "undo": files.undo, "look": self.looking.look,
            "config": config.handle, "secret": secret.handle, "stop": self.stopping.handle,
            "resume": self.stopping.resume, "rules": self.rules_command.rules,
            "context": self.context_command.context,
            "audit": self.audit_command.handle, "approvals": approving.approvals,
            "approve": approving.approve, "deny": approving.deny, "grants": approving.grants,
            "grant": approving.grant, "revoke": approving.revoke, **self.skills.commands(),
            **self.autonomy.commands(), **self.memory.commands(), **self.knowledge.commands(),
            **self.speech.commands(),
        }  # fmt: skip

    async def _save_secret(self, name: str, value: str, host: str) -> None:
        async with self.database.transaction() as session:
            version = await self.vault.set(session, name, value, host=host)
            body = {"name": name, "version": version}
            await self.audit.append(session, "secret.set", body)

    def _wake_boards(self) -> None:
        self.board.wake()
        self.approval_board.wake()

    async def run(self, beat: Beat) -> None:
        """Runs every lane until cancelled. `ConfigError` when Telegram refuses the token."""
        await self.store.load()
        lanes: dict[str, Callable[[], Awaitable[None]]] = {
            "dispatch": self.dispatcher.step,
            "outbox": self.outbox.step,
            "board": self.board.step,
            "approvals": self.approval_board.step,
            "audit": self.audit_command.step,
            "drafts": self.voice.step,
            "files": self.fetcher.step,
            "sweeper": self.sweeper.step,
            "events": self._events,
            "prune": self._prune,
            "skills": self.skills.lane.step,
        }
        for name, step in lanes.items():
            self.spawner.spawn(forever(step, name=name), name=name)
        await self.lanes.resume()
        self.spawner.spawn(self.model.warm_up(), name="warm up")
        self.spawner.spawn(
            greet_telegram(self.api, self.ownership, beat, self.skills.menu), name="greet"
        )
        lease = Lease(self.database, ONE_SERVE, told=SECOND_SERVE)
        self.spawner.spawn(forever(lease.step, name="lease"), name="lease")
        await lease.held.wait()
        unasked = {
            **self.memory.lanes(), **self.knowledge.lanes(), **self.autonomy.lanes(),
            **self.skills.proposals.lanes(), **self.speech.lanes(),
        }  # fmt: skip
        for name, step in unasked.items():
            self.spawner.spawn(forever(step, name=name), name=name)
        await self._receive(lease, beat)

    async def _receive(self, lease: Lease, beat: Beat) -> None:
        if self.env.telegram_webhook_url is not None:
            await self._receive_by_webhook(self.env.telegram_webhook_url, beat)
            return
        self.spawner.spawn(self._tell_when_ready(beat), name="ready")

        async def poll() -> None:
            await lease.held.wait()
            await self.poller.step()

        await forever(poll, name="polling")

    async def _receive_by_webhook(self, url: str, beat: Beat) -> None:
        from bot.webhook import Webhook  # brings a web server: 10 MB that polling does not need

        hook = Webhook(
            api=self.api, store=self.inbox, conceal=self.conceal, on_kept=self.dispatcher.wake,
            url=url,
        )  # fmt: skip
        port = await hook.start("127.0.0.1", urlsplit(url).port or 8443)
        beat.ready(f"serve: webhook on port {port}")
        try:
            await asyncio.Event().wait()
        finally:
            await hook.stop()

    async def _tell_when_ready(self, beat: Beat) -> None:
        await self.poller.first_poll.wait()
        beat.ready("serve: polling")

    async def _prune(self) -> None:
        """Forgets what was handled long ago."""
        await self.inbox.prune()
        await self.tasks.prune_quiet(after_s=KEEP_QUIET_S)
        await self.skills.skills.prune(await self.tasks.live(with_quiet=True))
        await asyncio.sleep(PRUNE_EVERY_S)

    _seen_event = ""

    async def _events(self) -> None:
        """Wakes the board when an executor host announces a change."""
        if not self._seen_event:
            self._seen_event = await self.bus.newest("events")
        entries = await self.bus.read("events", after=self._seen_event, wait_s=5)
        if entries:
            self._seen_event = entries[-1].id
            for entry in entries:
                if entry.fields.get("kind") == "look":
                    await self.looking.announce(entry.id, entry.fields)
            self.quiet.wake()
            self._wake_boards()


async def serve(env: EnvSettings) -> None:
    """Connects, migrates, serves.

    Ends by SIGTERM or SIGINT; nothing is lost by a harder end either.
    """
    token, beat = env.need_token(), Beat.from_environment()
    async with AsyncExitStack() as stack:
        spawner = Spawner()
        database = await Database.connect(env.need_database(), size=8)
        stack.push_async_callback(database.close)
        await migrate(database)
        instance = await keep_instance_id(database, env.home)
        bus = Bus.connect(env.need_redis(), instance)
        stack.push_async_callback(bus.close)
        api = TelegramApi(token, env.telegram_api_url)
        stack.push_async_callback(api.hang_up)
        service = Service(env, database, bus, api, spawner, instance)
        stack.push_async_callback(service.form.stop)
        stack.push_async_callback(service.model.close)
        stack.push_async_callback(service.autonomy.close)
        stack.push_async_callback(service.memory.close)
        stack.push_async_callback(spawner.close)
        spawner.spawn(beat.run(), name="beat")
        await service.run(beat)


def main() -> int:
    """The process; returns its exit code."""
    try:
        env = load_settings()
        set_up_logging(env.secrets())
        asyncio.run(run_until_told(serve(env)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
