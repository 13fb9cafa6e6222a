"""The emergency stop: one transaction that ends every task and whatever it was allowed.

Executor hosts listen to Postgres for it (`CHANNEL`), so it needs neither Redis nor the coordinator;
a host that hears nothing looks once a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sql import load_queries

if TYPE_CHECKING:
    from core.approvals import Approvals
    from core.audit import Audit
    from core.db import Session

CHANNEL = "agentai_stop"
SQL = load_queries("core.tasks")


async def stop_all(session: Session, approvals: Approvals, audit: Audit, *, by: str) -> int:
    """Stops everything once the transaction commits; returns how many tasks that is."""
    rows = await session.fetch(SQL["cancel_all"])
    await approvals.withdraw_in(session, None)
    await approvals.revoke_of_tasks(session)
    await session.execute("select pg_notify($1, '')", CHANNEL)
    await audit.append(session, "stopped", {"by": by, "tasks": [row["no"] for row in rows]})
    return len(rows)
