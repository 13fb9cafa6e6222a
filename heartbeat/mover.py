"""What schedules and triggers share: each piece of work in a transaction of its own.

Crash semantics: a piece happens with its transaction or not at all. One that cannot be done is
given up in a second transaction, with its reason, so that it neither comes again for ever nor holds
up the others; killed between the two, it is tried once more and given up then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from core.errors import AgentAIError, Retryable, UserFacing
from heartbeat.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from core.db import Database, Session
    from heartbeat.ports import Queue, Say

    Work = Callable[[Session], Awaitable[object]]
    GiveUp = Callable[[Session, str], Awaitable[object]]

log = logging.getLogger(__name__)


class Mover:
    """A database, the ports and a clock."""

    def __init__(
        self, database: Database, *, queue: Queue, say: Say,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._db = database
        self._queue = queue
        self._say = say
        self._clock = clock

    async def _attempt(self, work: Work, give_up: GiveUp) -> None:
        """Does `work`, or gives it up with the reason; `Retryable` is left to the caller."""
        try:
            async with self._db.transaction() as session:
                await work(session)
        except Retryable:
            raise
        except AgentAIError as error:
            log.warning("work that nobody asked for could not start: %s", error)
            async with self._db.transaction() as session:
                await give_up(session, reason_of(error))


def reason_of(error: AgentAIError) -> str:
    """Why something could not be done, in one line for the owner."""
    if isinstance(error, UserFacing) and error.hint:
        return f"{error.text.rstrip('.')} ({error.hint})."
    return str(error)
