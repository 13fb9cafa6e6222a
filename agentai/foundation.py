"""What all parts of the serving process stand on: stores, settings, and who sends and asks.

Nothing here knows what is built upon it; each `…_wiring` module takes it and adds its own matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.facts import Facts
from bot.inbox import InboxStore
from bot.outbox import Outbox
from bot.outbox_store import OutboxStore
from bot.ownership import Ownership
from bot.pacing import Pacer
from coordinator.model import ModelCaller
from coordinator.quiet import QuietTasks
from coordinator.store import Conversation
from core.approvals import Approvals
from core.audit import Audit
from core.config import ConfigStore
from core.seal import Seal
from core.tasks import TaskStore
from core.vault import Vault
from core.workspace import OwnerFiles

if TYPE_CHECKING:
    from bot.telegram_api import TelegramApi
    from core.bus import Bus
    from core.db import Database
    from core.settings import EnvSettings
    from core.spawn import Spawner


class Foundation:
    """Each of them under one name."""

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
        self.audit = Audit(database)
        self.approvals = Approvals(database, self.audit)
        self.vault = Vault(database, env.need_secret_key(), instance)
        self.pacer = Pacer()
        self.outbox = Outbox(store=self.store, api=api, pacer=self.pacer)
        self.ownership = Ownership(facts=self.facts, store=self.store)
        self.model = ModelCaller(self.config, self.tasks)
        self.quiet = QuietTasks(database=database, tasks=self.tasks, bus=bus)
