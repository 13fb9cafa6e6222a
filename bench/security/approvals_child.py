"""The process that is killed: it uses approvals, one after another, and carries the effects out.

    python -m bench.security.approvals_child DSN FOLDER

For each line on its input it forks such a process and prints its id, then `end` when it is gone.
An effect is a line in `FOLDER/effects`, on the disk before its outcome is reported.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from core.approvals import Approvals, Ledger
from core.audit import Audit
from core.db import Database

LIVES_S = 30.0
FIND = (
    "select t.no, t.fence, i.digest from approval_actions i"
    " join approvals a on a.id = i.approval_id join tasks t on t.no = a.task_no"
    " where a.state = 'approved' and i.consumed_at is null"
    " order by random() limit 1"
)


async def use_all(dsn: str, folder: Path) -> None:
    """Uses whatever is approved until somebody kills us."""
    database = await Database.connect(dsn, size=1)
    approvals = Approvals(database, Audit(database), Ledger(folder / "used"))
    effects = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    until = time.monotonic() + LIVES_S
    while time.monotonic() < until:
        row = await database.fetchrow(FIND)
        if row is None:
            await asyncio.sleep(0.001)
            continue
        ticket = await approvals.consume(row["no"], row["fence"], row["digest"])
        if ticket is None:
            continue
        os.write(effects, f"{ticket.approval_id}.{ticket.index}.{ticket.digest}\n".encode())
        os.fsync(effects)
        await approvals.close(ticket, "done")


def main() -> None:
    """One child a line."""
    dsn, folder = sys.argv[1], Path(sys.argv[2])
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(use_all(dsn, folder))
            finally:
                os._exit(0)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("end", flush=True)


if __name__ == "__main__":
    main()
