"""Everything the owner does about schedules, checks and triggers, in one place.

h:NOTICE:u   useful, n not now, x never     h:r:y   replace HEARTBEAT.md
h:p:MARK     pause a check, g go on, n ask about it now
d:y          confirm a schedule's card      j:p:ID  pause, r resume, n run now, x delete, h history
t:p:NAME     pause a trigger, r resume, x delete
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.autonomy_heartbeat import HeartbeatDesk
from bot.autonomy_schedules import TOO_OLD, SchedulesDesk
from bot.autonomy_triggers import TriggersDesk

if TYPE_CHECKING:
    from bot.autonomy_parts import Autonomy
    from bot.commands import Handler
    from bot.route import Route
    from bot.updates import Press


class AutonomyDesk:
    """The commands by name, and the buttons by their first letter."""

    def __init__(self, autonomy: Autonomy) -> None:
        self.schedules = SchedulesDesk(autonomy)
        self.heartbeat = HeartbeatDesk(autonomy)
        self._triggers = TriggersDesk(autonomy)
        self.commands: dict[str, Handler] = {
            "schedule": self.schedules.schedule, "schedules": self.schedules.list,
            "heartbeat": self.heartbeat.heartbeat, "trigger": self._triggers.trigger,
            "triggers": self._triggers.list,
        }  # fmt: skip

    async def pressed(self, route: Route, press: Press) -> str:
        """Does what a button says; returns the short answer for the owner."""
        kind, _, what = press.data.partition(":")
        match kind:
            case "h":
                return await self.heartbeat.pressed(route, press, what)
            case "d":
                return await self.schedules.decided(route, press, what)
            case "j":
                return await self.schedules.pressed(route, press, what)
            case "t":
                return await self._triggers.pressed(route, press, what)
            case _:
                return TOO_OLD
