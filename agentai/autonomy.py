"""Puts heartbeat, schedules and triggers together for `agentai serve`, when they are first needed.

Until there is a schedule, a trigger, a check that may run, or a command about them, none of their
modules is imported and nothing but one small query every 30 s happens.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.models import routes
from core.sql import load_queries
from core.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agentai.foundation import Foundation
    from bot.autonomy_desk import AutonomyDesk
    from bot.autonomy_lane import AutonomyLanes
    from bot.autonomy_parts import Autonomy
    from bot.commands import Handler
    from bot.files import Fetcher
    from bot.presses import Presses
    from bot.route import Route
    from bot.updates import Message, Press
    from coordinator.skills import Skills
    from core.db import Session

    Fetched = Callable[[int, int, Path], Awaitable[None]]

SQL = load_queries("bot")
COMMANDS = ("schedule", "schedules", "heartbeat", "trigger", "triggers")
HEARTBEAT_FILE = "HEARTBEAT.md"
LOOK_EVERY_S = 30.0
REST_S = {"schedules": 5.0, "heartbeat": 20.0, "triggers": 2.0, "listen": 5.0}


class AutonomyWiring:
    """Commands, buttons and lanes; the parts behind them come to life on first use."""

    def __init__(self, base: Foundation, skills: Skills) -> None:
        self._base = base
        self._skills = skills
        self._made: Autonomy | None = None
        self._desk: AutonomyDesk | None = None
        self._lanes: AutonomyLanes | None = None
        self._news = {name: Wake(LOOK_EVERY_S) for name in REST_S}
        self._has_listened = False
        self._before: Fetched | None = None

    # --- made on first use ---

    def _autonomy(self) -> Autonomy:
        if self._made is None:
            from bot.autonomy_parts import Autonomy, AutonomyParts

            base = self._base
            self._made = Autonomy(
                AutonomyParts(
                    database=base.database, tasks=base.tasks, config=base.config,
                    facts=base.facts, store=base.store, model=base.model, vault=base.vault,
                    audit=base.audit, home=base.env.home, wake_outbox=base.outbox.wake,
                    wake_hosts=base.bus.wake_tasks, quiet=base.quiet, skills=self._skills,
                    ca_file=base.env.gateway_extra_ca,
                )
            )  # fmt: skip
        return self._made

    def _the_desk(self) -> AutonomyDesk:
        if self._desk is None:
            from bot.autonomy_desk import AutonomyDesk

            self._desk = AutonomyDesk(self._autonomy())
        return self._desk

    def _the_lanes(self) -> AutonomyLanes:
        if self._lanes is None:
            from bot.autonomy_lane import AutonomyLanes

            self._lanes = AutonomyLanes(self._autonomy())
        return self._lanes

    # --- the owner's side ---

    def commands(self) -> dict[str, Handler]:
        """The commands, by name."""
        return {name: self._handler(name) for name in COMMANDS}

    def _handler(self, name: str) -> Handler:
        async def handle(route: Route, message: Message, rest: str) -> None:
            await self._the_desk().commands[name](route, message, rest)
            self._wake_after(route)

        return handle

    async def pressed(self, route: Route, press: Press) -> str:
        """A button about them; returns the short answer for the owner."""
        text = await self._the_desk().pressed(route, press)
        self._wake_after(route)
        return text

    async def propose(self, session: Session, chat_id: int, when: str, *, what: str) -> None:
        """The model would like a schedule: the owner is shown its card."""
        await self._the_desk().schedules.propose(session, chat_id, when, what=what)

    def join(self, presses: Presses, fetcher: Fetcher) -> None:
        """Connects what could only be built after the commands."""
        presses.autonomy = self
        self._before, fetcher.on_fetched = fetcher.on_fetched, self._fetched

    async def _fetched(self, chat_id: int, number: int, path: Path) -> None:
        if path.name == HEARTBEAT_FILE:
            await self._the_desk().heartbeat.offered(chat_id, number, path)
        elif self._before is not None:
            await self._before(chat_id, number, path)

    def _wake_after(self, route: Route) -> None:
        async def wake() -> None:
            for news in self._news.values():
                news.set()

        route.later.append(wake)

    # --- lanes ---

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps to run forever, by name; only the process that holds the lease runs them."""
        return {
            "schedules": lambda: self._when("schedules", self._has_schedules),
            "heartbeat": lambda: self._when("heartbeat", self._has_model),
            "triggers": lambda: self._when("triggers", self._has_triggers),
            "listen": lambda: self._when("listen", self._has_listening),
        }

    async def _when(self, name: str, is_wanted: Callable[[], Awaitable[bool]]) -> None:
        if not await is_wanted():
            await self._news[name].wait()
            return
        lanes = self._the_lanes()
        steps = {"schedules": lanes.schedules, "heartbeat": lanes.beat, "triggers": lanes.triggers,
                 "listen": lanes.listen}  # fmt: skip
        await steps[name]()
        await asyncio.sleep(REST_S[name])

    async def _has_schedules(self) -> bool:
        return bool(await self._base.database.fetchval(SQL["has_schedules"]))

    async def _has_triggers(self) -> bool:
        return bool(await self._base.database.fetchval(SQL["has_triggers"]))

    async def _has_listening(self) -> bool:
        """Once there was a trigger, the lane stays: it closes what is not needed any more."""
        self._has_listened = self._has_listened or await self._has_triggers()
        return self._has_listened

    async def _has_model(self) -> bool:
        return bool(routes(await self._base.config.current(), "coordinator"))

    async def close(self) -> None:
        """Stops listening."""
        if self._lanes is not None:
            await self._lanes.close()
