"""`kill -9` at random moments of using approvals: no effect twice, none unapproved."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.results import ROOT
from bench.security.approvals_scene import OWNER
from bench.security.approvals_wanted import request
from core.approvals import Approvals, Choice, Given
from core.audit import Audit
from core.db import Database
from core.tasks import NewTask, TaskStore

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

    from core.tasks import Task

A_ROUND = 3
LONGEST_S = 0.07
USED = (
    "select a.id || '.' || i.index || '.' || i.digest as name, i.outcome from approval_actions i"
    " join approvals a on a.id = i.approval_id"
    " where i.consumed_at is not null and a.state = 'approved' and a.decided_by = $1"
)


@dataclass
class Killed:
    """What was left behind. `in_doubt` kills came between an intent and its outcome."""

    kills: int = 0
    effects: int = 0
    in_doubt: int = 0
    doubles: int = 0


class Approver:
    """The owner who says yes to everything."""

    def __init__(self, database: Database, task: Task) -> None:
        self._db, self._task, self._count = database, task, 0
        self._approvals = Approvals(database, Audit(database))

    async def approve(self, count: int) -> None:
        for _ in range(count):
            self._count += 1
            wanted = request(self._task.no, arguments={"target": f"/{self._count}"})
            approval = await self._approvals.request(
                self._task.no, [wanted.ask], reason="r", detail="", expires_s=900
            )
            given = Given(
                choice=Choice.ONCE, user_id=OWNER, chat_id=OWNER, message_id=1, via="button"
            )
            async with self._db.transaction() as session:
                refusal = await self._approvals.decide(
                    session, approval, given, owner_id=OWNER, card_id=1
                )
            assert refusal is None


async def measure_kills(count: int, dsn: str, folder: Path) -> Killed:
    """Kills `count` times; the migrated, empty database and the folder hold what is left."""
    database = await Database.connect(dsn, size=2)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.security.approvals_child", dsn, str(folder), cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        approver = Approver(database, await _task(database))
        for _ in range(count):
            await approver.approve(A_ROUND)
            await _kill_one(process)
        return await _looked_at(database, folder, count)
    finally:
        process.kill()
        await process.wait()
        await database.close()


async def _task(database: Database) -> Task:
    tasks = TaskStore(database)
    new = NewTask(kind="shell", title="t", instructions="x", chat_id=OWNER)
    async with database.transaction() as session:
        await tasks.add(session, new)
    task = await tasks.claim_next(host="h", parallel=10, lease_s=3600)
    assert task is not None
    return task


async def _kill_one(process: Process) -> None:
    """Starts a child and kills it at a random moment of its work."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    pid = int(await process.stdout.readline())
    await asyncio.sleep(random.uniform(0, LONGEST_S))
    os.kill(pid, signal.SIGKILL)
    assert await process.stdout.readline() == b"end\n"


async def _looked_at(database: Database, folder: Path, kills: int) -> Killed:
    rows = {row["name"]: row["outcome"] for row in await database.fetch(USED, OWNER)}
    path = folder / "effects"
    lines = Counter(path.read_text().splitlines() if path.exists() else [])
    twice = sum(number - 1 for number in lines.values())
    return Killed(
        kills=kills, effects=len(lines), doubles=twice + len(set(lines) - set(rows)),
        in_doubt=sum(outcome is None for outcome in rows.values()),
    )  # fmt: skip
