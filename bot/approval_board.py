"""Keeps the approval cards in the chat equal to what Postgres says about them.

A card is a message of the outbox, so a restart or an outage only delays it; one that arrives too
late shows an approval that has expired. After the decision the card is edited and loses its
buttons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approval_cards import approval_card, whole
from bot.delivery import text_payload
from core.approvals import State
from core.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.outbox_store import OutboxStore
    from core.approvals import Approval, Approvals
    from core.db import Database, Session

LOOK_EVERY_S = 2.0


def card_key(approval_id: int) -> str:
    """The outbox key of an approval's card."""
    return f"approval:{approval_id}"


class ApprovalBoard:
    """Run `step` forever; `wake` when something was asked or decided."""

    def __init__(
        self, *, database: Database, approvals: Approvals, store: OutboxStore,
        wake_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        self._db = database
        self._approvals = approvals
        self._store = store
        self._wake_outbox = wake_outbox
        self._news = Wake(LOOK_EVERY_S)

    def wake(self) -> None:
        """An approval may have changed."""
        self._news.set()

    async def step(self) -> None:
        """Ends what is over and brings the chat up to date."""
        await self._news.wait()
        await self._approvals.expire()
        for approval in await self._approvals.to_show():
            async with self._db.transaction() as session:
                await self._show(session, approval)
                await self._approvals.set_shown(session, approval.id, approval.state)
            self._wake_outbox()

    async def _show(self, session: Session, approval: Approval) -> None:
        card = approval_card(approval)
        payload = text_payload(card.piece, keys=card.keys)
        key = card_key(approval.id)
        if approval.state is State.PENDING:
            await self._store.enqueue(
                session, approval.chat_id, payload, method="text", key=key,
                task_no=approval.task_no,
            )  # fmt: skip
            if (file := whole(approval)) is not None:
                await self._store.enqueue(
                    session, approval.chat_id, file, method="file", key=f"{key}:whole",
                    task_no=approval.task_no,
                )  # fmt: skip
            return
        for row in await self._store.cards_of(session, key):
            await self._store.enqueue(
                session, approval.chat_id, payload, method="edit", edit_of=row,
                key=f"{key}:{row}:{approval.state}",
            )  # fmt: skip
