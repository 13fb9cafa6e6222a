"""`agentai stop`: stops every task, also when the bot, the coordinator or an executor hangs.

First in Postgres, where nothing of a stopped task counts any more; then every container of this
instance is killed through the engine, without asking anybody.
"""

from __future__ import annotations

import asyncio

from core.approvals import Approvals
from core.audit import Audit
from core.db import Database
from core.instance import instance_id
from core.settings import load_settings
from core.stop import stop_all
from executors.docker_launcher import kill_all


def main() -> int:
    """Runs the command; prints what was stopped."""
    instance, count = asyncio.run(_stop())
    killed = kill_all(instance)
    print(f"stopped {count} tasks, killed {killed} containers")
    return 0


async def _stop() -> tuple[str, int]:
    database = await Database.connect(load_settings().need_database(), size=2, patience_s=5)
    try:
        audit = Audit(database)
        async with database.transaction() as session:
            approvals = Approvals(database, audit)
            count = await stop_all(session, approvals, audit, by="operator")
        return await instance_id(database), count
    finally:
        await database.close()
