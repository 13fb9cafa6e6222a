"""Heartbeat, schedules and triggers put together for one instance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.autonomy_ports import (
    Orders,
    Speaker,
    VaultSecret,
    manifest_of,
)
from core.errors import UserFacing
from heartbeat.asking import CheapModel
from heartbeat.beat import Beat
from heartbeat.check_store import CheckStore
from heartbeat.checks import Plan, Problem
from heartbeat.folder_watch import FolderWatch
from heartbeat.outside import QuietFetch, QuietRun
from heartbeat.plan_file import PlanFile
from heartbeat.ports import BeatPorts
from heartbeat.scheduler import Scheduler
from heartbeat.store import ScheduleStore
from heartbeat.trigger_store import TriggerStore
from heartbeat.triggers import Triggers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bot.facts import Facts
    from bot.outbox_store import OutboxStore
    from coordinator.model import ModelCaller
    from coordinator.quiet import QuietTasks
    from coordinator.skills import Skills
    from core.audit import Audit
    from core.config import ConfigStore
    from core.db import Database
    from core.tasks import TaskStore
    from core.vault import Vault
    from heartbeat.checks import Check

HEARTBEAT_FILE = "HEARTBEAT.md"
ZONE = "owner.zone"


@dataclass(frozen=True, kw_only=True)
class AutonomyParts:
    """What the rest of the serving process lends."""

    database: Database
    tasks: TaskStore
    config: ConfigStore
    facts: Facts
    store: OutboxStore
    model: ModelCaller
    vault: Vault
    audit: Audit
    home: Path
    wake_outbox: Callable[[], None]
    wake_hosts: Callable[[], Awaitable[object]]
    quiet: QuietTasks
    skills: Skills | None = None
    ca_file: Path | None = None

    @property
    def heartbeat_file(self) -> Path:
        """Where the owner's HEARTBEAT.md lies."""
        return self.home / HEARTBEAT_FILE


class Autonomy:
    """The stores, the ports and the four movers. Made when the first of them is needed.

    `hooks_at` is where webhooks arrive, empty while nobody listens; `troubles` is what the owner
    has to mend, by trigger. The lanes keep both.
    """

    def __init__(self, parts: AutonomyParts) -> None:
        self.parts = parts
        self.schedules = ScheduleStore(parts.database)
        self.checks = CheckStore(parts.database)
        self.trigger_store = TriggerStore(parts.database)
        self.orders = Orders(
            tasks=parts.tasks, store=parts.store, facts=parts.facts, skills=parts.skills,
            folder=parts.home / "arrived",
        )  # fmt: skip
        self.speaker = Speaker(store=parts.store, facts=parts.facts)
        self.secret = VaultSecret(parts.vault)
        self.is_busy = False
        self.hooks_at = ""
        self.troubles: dict[str, str] = {}
        self._zone = "UTC"
        self._plan_file = PlanFile(parts.heartbeat_file, zone=self._zone)
        self._wire()

    def _wire(self) -> None:
        database = self.parts.database
        self.scheduler = Scheduler(database, self.schedules, queue=self.orders, say=self.speaker)
        ports = BeatPorts(
            ask=CheapModel(self.parts.model, self.parts.tasks), say=self.speaker,
            queue=self.orders, run=QuietRun(self.parts.quiet, manifest_of),
            fetch=QuietFetch(self.parts.quiet, manifest_of),
        )  # fmt: skip
        self.beat = Beat(
            database, self.checks, plan=self.plan, ports=ports,
            root=self.parts.home / "workspace", is_busy=lambda: self.is_busy,
        )  # fmt: skip
        self.triggers = Triggers(database, self.trigger_store, queue=self.orders, say=self.speaker)
        self.folders = FolderWatch(self.trigger_store)

    async def zone(self) -> str:
        """The owner's time zone; the plan is read anew when it has changed."""
        zone = (await self.parts.config.current()).text(ZONE)
        if zone != self._zone:
            self._zone, self._plan_file = zone, PlanFile(self.parts.heartbeat_file, zone=zone)
        return zone

    def plan(self) -> Plan:
        """HEARTBEAT.md as it is now, without the checks that cannot run here."""
        return possible(self._plan_file())

    async def tell(self) -> None:
        """To be called after commits: wakes whoever has something to send or to start."""
        if self.speaker.has_spoken or self.orders.has_queued:
            self.speaker.has_spoken = False
            self.parts.wake_outbox()
        if self.orders.has_queued:
            self.orders.has_queued = False
            await self.parts.wake_hosts()


def possible(plan: Plan) -> Plan:
    """The plan with checks that cannot run told as problems instead of silently never firing."""
    judged = [(check, _obstacle(check)) for check in plan.checks]
    return replace(
        plan, checks=tuple(check for check, problem in judged if problem is None),
        problems=(*plan.problems, *(problem for _, problem in judged if problem is not None)),
    )  # fmt: skip


def _obstacle(check: Check) -> Problem | None:
    try:
        manifest_of(check.permissions)
    except UserFacing as error:
        return Problem(
            line=check.line, key="permissions", text=error.text, hint=error.hint, check=check.name
        )
    return None
