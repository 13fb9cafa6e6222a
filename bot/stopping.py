"""/stop: everything ends, now, and nothing starts by itself. /resume: it may again.

Neither waits for the coordinator, for Redis or for any container: what counts is committed to
Postgres in one transaction, and executors hear of it from Postgres itself, besides Redis.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cards import Card
from bot.render import compose
from core.pause import set_pause
from core.stop import stop_all

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message, Press
    from core.approvals import Approvals
    from core.audit import Audit

PAUSED = "Schedules, checks and triggers are paused; /resume starts them again."
GOES_ON = "Schedules, checks and triggers go on. What fell due meanwhile is left out."
NOT_PAUSED = "Nothing is paused."
RESUME_KEYS = ((("Resume", "r"),),)


class Stopping:
    """Handles both, and the button."""

    def __init__(self, *, approvals: Approvals, audit: Audit, store: OutboxStore) -> None:
        self._approvals = approvals
        self._audit = audit
        self._store = store

    async def handle(self, route: Route, message: Message, _rest: str) -> None:
        """Stops every task, takes back what single tasks were allowed, ends open cards, pauses."""
        count = await stop_all(route.session, self._approvals, self._audit, by="owner")
        route.has_control = True
        text = "Nothing was running." if not count else f"Stopping {count} task{'s'[: count > 1]}."
        text += " Open approvals and what was allowed to single tasks no longer count."
        card = Card(piece=compose(f"{text}\n{PAUSED}"), keys=RESUME_KEYS)
        await route.show(
            self._store, message.sender.chat_id, card, reply_to=message.message_id
        )  # fmt: skip

    async def resume(self, route: Route, message: Message, _rest: str) -> None:
        """/resume."""
        text = GOES_ON if await self._resume(route) else NOT_PAUSED
        await route.say(self._store, message.sender.chat_id, text)

    async def pressed(self, route: Route, press: Press) -> str:
        """The button on the answer to /stop, on /status and on the lists."""
        if not await self._resume(route):
            return NOT_PAUSED
        await route.say(self._store, press.sender.chat_id, GOES_ON)
        return "They go on."

    async def _resume(self, route: Route) -> bool:
        is_changed = await set_pause(route.session, is_paused=False, now=datetime.now(UTC))
        if is_changed:
            await self._audit.append(route.session, "resumed", {"by": "owner"})
        return is_changed
