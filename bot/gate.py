"""The one gate before everything: the bot obeys its owner and is silent to all others. Pure.

Threat: anybody can find the bot and write to it, add it to groups, press forwarded buttons, or name
themselves like the owner. Only the numeric id counts, only in the private chat, and a stranger gets
no answer of any kind.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bot.updates import Sender

CLAIM_VALID_S = 15 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """An open claim: the SHA-256 of its token (128 random bits), and when it ends."""

    digest: str
    expires_at: datetime


def admits(sender: Sender, owner_id: int | None) -> bool:
    """Whether this is the owner in their own private chat with the bot."""
    return (
        owner_id is not None
        and sender.is_private
        and not sender.is_bot
        and sender.user_id == owner_id
        and sender.chat_id == owner_id
    )


def digest_of(token: str) -> str:
    """What is stored of a claim token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def may_claim(
    sender: Sender, token: str, *, owner_id: int | None, claim: Claim | None, now: datetime
) -> bool:
    """Whether this person becomes the owner: nobody is yet, and they hold the valid link."""
    if owner_id is not None or claim is None or now >= claim.expires_at:
        return False
    if not sender.is_private or sender.is_bot or sender.user_id != sender.chat_id:
        return False
    return hmac.compare_digest(digest_of(token), claim.digest)
