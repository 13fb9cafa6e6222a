"""/stop: everything ends, now.

It does not wait for the coordinator, for Redis or for any container: what counts is committed to
Postgres in one transaction, and executors hear of it from Postgres itself, besides Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.stop import stop_all

if TYPE_CHECKING:
    from bot.outbox_store import OutboxStore
    from bot.route import Route
    from bot.updates import Message
    from core.approvals import Approvals
    from core.audit import Audit


class Stopping:
    """Handles /stop."""

    def __init__(self, *, approvals: Approvals, audit: Audit, store: OutboxStore) -> None:
        self._approvals = approvals
        self._audit = audit
        self._store = store

    async def handle(self, route: Route, message: Message, _rest: str) -> None:
        """Stops every task, takes back what single tasks were allowed, ends open cards."""
        count = await stop_all(route.session, self._approvals, self._audit, by="owner")
        route.has_control = True
        text = "Nothing was running." if not count else f"Stopping {count} task{'s'[: count > 1]}."
        await route.say(
            self._store, message.sender.chat_id,
            f"{text} Open approvals and what was allowed to single tasks no longer count.",
            reply_to=message.message_id,
        )  # fmt: skip
