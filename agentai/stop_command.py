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
    count, killed = asyncio.run(_stop())
    print(f"stopped {count} tasks, killed {killed} containers")
    return 0


async def _stop() -> tuple[int, int]:
    database = await Database.connect(load_settings().need_database(), size=2, patience_s=5)
    try:
        instance = await instance_id(database)
        try:
            count = await _write(database)
        finally:  # whatever Postgres says
            killed = await asyncio.to_thread(kill_all, instance)
        return count, killed
    finally:
        await database.close()


async def _write(database: Database) -> int:
    audit = Audit(database)
    async with database.transaction() as session:
        return await stop_all(session, Approvals(database, audit), audit, by="operator")
