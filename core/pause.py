"""Whether the agent may act by itself: one row in Postgres, set by a stop, cleared by the owner.

Threat: after a stop something starts by itself, because it was under way just then. So whoever
starts work unasked holds the row in the transaction that does it (`hold_pause`): it commits before
the stop looks for what to cancel, or it sees the stop. Nothing of it is kept in a process, so a
restart changes nothing. What waited at the stop, or came before the resuming, never happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Bug
from core.sql import load_queries

if TYPE_CHECKING:
    from datetime import datetime

    from core.db import Database, Row, Session

SQL = load_queries("core", "pause.sql")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """How it stands, and since when; work that fell due before `changed_at` does not count."""

    is_paused: bool
    changed_at: datetime

    def stops(self, since: datetime) -> bool:
        """Whether what began at `since` has to end without effect."""
        return self.is_paused or self.changed_at > since


async def set_pause(session: Session, *, is_paused: bool, now: datetime) -> bool:
    """Pauses or resumes with the caller's transaction; False when it was so already."""
    is_changed = await session.fetchval(SQL["set_pause"], is_paused, now) is not None
    if is_changed or is_paused:
        await session.execute(SQL["drop_events"], now)
    return is_changed


async def pause_now(source: Session | Database) -> Pause:
    """How it stands at this moment, for showing."""
    return _pause(await source.fetchrow(SQL["pause"]))


async def hold_pause(session: Session) -> Pause:
    """How it stands until the caller's transaction ends: a stop waits for that."""
    return _pause(await session.fetchrow(f"{SQL['pause']} for share"))


def _pause(row: Row | None) -> Pause:
    if row is None:
        raise Bug("the row of the pause is gone")
    return Pause(is_paused=row["is_paused"], changed_at=row["changed_at"])
