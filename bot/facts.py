"""Facts about this instance: its id, its owner, the claim link of the moment, the bot's name."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.gate import CLAIM_VALID_S, Claim, digest_of
from core.sql import load_queries

if TYPE_CHECKING:
    from core.db import Database, Session

SQL = load_queries(__package__ or "bot")


class Facts:
    """Reads and writes the facts. `owner_id` is cached: it changes once in an instance's life."""

    def __init__(self, database: Database, *, fixed_owner: int | None) -> None:
        self._db = database
        self._owner_id = fixed_owner
        self._is_fixed = fixed_owner is not None

    async def owner_id(self) -> int | None:
        """The owner's numeric id, or None before the claim."""
        if self._owner_id is None:
            self._owner_id = await self._db.fetchval(SQL["get_fact"], "owner_id")
        return self._owner_id

    async def new_claim(self, *, now: datetime | None = None) -> str:
        """Makes a claim token (128 random bits, valid 15 minutes); it replaces any earlier one."""
        token = secrets.token_urlsafe(16)
        expires = (now or datetime.now(UTC)) + timedelta(seconds=CLAIM_VALID_S)
        value = {"digest": digest_of(token), "expires_at": expires.isoformat()}
        await self._db.execute(SQL["set_fact"], "claim", value)
        return token

    async def claim(self, session: Session) -> Claim | None:
        """The open claim, if any."""
        value = await session.fetchval(SQL["get_fact"], "claim")
        if value is None:
            return None
        return Claim(digest=value["digest"], expires_at=datetime.fromisoformat(value["expires_at"]))

    async def take_ownership(self, session: Session, user_id: int) -> bool:
        """Makes `user_id` the owner and burns the link; False when somebody was faster."""
        if self._is_fixed or await session.fetchval(SQL["add_fact"], "owner_id", user_id) is None:
            return False
        await session.execute(SQL["delete_fact"], "claim")
        return True
