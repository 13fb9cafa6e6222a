"""The emergency stop: one transaction that ends every task and whatever it was allowed.

It also pauses schedules, checks and triggers until the owner resumes them (see `core.pause`).

Executor hosts listen to Postgres for it (`CHANNEL`), so it needs neither Redis nor the coordinator;
a host that hears nothing looks once a second.

Threat: a process that hangs in the middle of a transaction holds its locks, and the stop would wait
for just the process that it is to stop. So whoever holds up the stop is thrown out of Postgres; a
healthy process dials again and repeats what was rolled back.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.pause import set_pause
from core.spawn import held
from core.sql import load_queries

if TYPE_CHECKING:
    from core.approvals import Approvals
    from core.audit import Audit
    from core.db import Database, Session

CHANNEL = "agentai_stop"
PATIENCE_S = 0.2
SQL = load_queries("core.tasks")


async def stop_all(session: Session, approvals: Approvals, audit: Audit, *, by: str) -> int:
    """Stops everything once the transaction commits; returns how many tasks that is."""
    waiter = int(await session.fetchval(SQL["backend"]))
    async with held(_break_locks(audit.database, waiter), name="break locks"):
        await set_pause(session, is_paused=True, now=datetime.now(UTC))  # first: see `core.pause`
        rows = await session.fetch(SQL["cancel_all"])
        await approvals.withdraw_in(session, None)
        await approvals.revoke_of_tasks(session)
        await session.execute("select pg_notify($1, '')", CHANNEL)
        await audit.append(session, "stopped", {"by": by, "tasks": [row["no"] for row in rows]})
    return len(rows)


async def _break_locks(database: Database, waiter: int) -> None:
    """Ends, from time to time, the connections that hold a lock `waiter` waits for."""
    while True:
        await asyncio.sleep(PATIENCE_S)
        await database.execute(SQL["break_locks"], waiter)
