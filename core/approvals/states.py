"""Whether a decision counts. Pure, table-tested.

Threat: a press or a command that looks like the owner's: from another account or chat, from a
forwarded or copied message, of an older card, too late, twice, after the clock was set back, or a
typed word without the code that only the card shows.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import TYPE_CHECKING

from core.approvals.types import Choice, State

if TYPE_CHECKING:
    from datetime import datetime

    from core.approvals.types import Approval, Given


class Refusal(StrEnum):
    """Why a decision does not count; each is a sentence for the owner."""

    WRONG_PLACE = "This button does not belong to that card."
    NOT_OWNER = "Only the owner decides."
    DECIDED = "This was decided already."
    EXPIRED = "This card has expired. If it is still needed, the task will ask again."
    WITHDRAWN = "The task has ended, so nothing is left to approve."
    NEEDS_CODE = "This one must be typed. The card says how."
    WRONG_CODE = "The code does not match the card."
    ONLY_ONCE = "This can be approved once at a time only."


def judge(
    approval: Approval, given: Given, *, owner_id: int | None, card_id: int | None, now: datetime
) -> Refusal | None:
    """Why the decision does not count, or None when it does.

    `card_id` is the message that shows the card; a button counts only when it was pressed there.
    """
    if owner_id is None or given.user_id != owner_id or given.chat_id != approval.chat_id:
        return Refusal.NOT_OWNER
    if given.via == "button" and (card_id is None or given.message_id != card_id):
        return Refusal.WRONG_PLACE
    if (closed := _closed(approval, now)) is not None:
        return closed
    if given.choice is Choice.DENY:
        return None
    return _typed(approval, given) or _scope(approval, given)


def _closed(approval: Approval, now: datetime) -> Refusal | None:
    """A clock that runs before the card was made cannot say whether it is still good."""
    match approval.state:
        case State.PENDING:
            is_good = approval.created_at <= now < approval.expires_at
            return None if is_good else Refusal.EXPIRED
        case State.EXPIRED:
            return Refusal.EXPIRED
        case State.WITHDRAWN:
            return Refusal.WITHDRAWN
        case _:
            return Refusal.DECIDED


def _typed(approval: Approval, given: Given) -> Refusal | None:
    if given.via == "button":
        return Refusal.NEEDS_CODE if approval.is_production else None
    is_same = hmac.compare_digest(given.code.encode(), approval.code.encode())
    return None if is_same else Refusal.WRONG_CODE


def _scope(approval: Approval, given: Given) -> Refusal | None:
    """Production is approved once at a time, whatever the card was made with."""
    may_remember = approval.may_remember and not approval.is_production
    is_wide = given.choice in {Choice.TASK, Choice.ALWAYS}
    return Refusal.ONLY_ONCE if is_wide and not may_remember else None
