"""/stop ends everything within two seconds, whatever hangs; `bench.security` does more rounds."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench.security.stop_suite import (
    CONDITIONS,
    NAMES,
    TARGET_S,
    Counted,
    figures,
    measure,
    rounds_in,
)
from core.approvals import Approvals
from core.audit import Audit
from core.db import Database
from core.errors import Retryable
from core.migrate import migrate
from core.stop import stop_all
from core.tasks import NewTask, TaskStore


@pytest.mark.usefixtures("executor_image")
async def test_everything_is_dead_in_two_seconds_under_every_condition() -> None:
    counted = await measure(len(CONDITIONS))
    assert counted.wrong == []
    assert set(counted.seconds) == set(CONDITIONS)
    assert counted.all_s[-1] <= TARGET_S, counted.seconds
    assert figures(counted)["stop_left"][0] == 0


@pytest.mark.usefixtures("executor_image")
async def test_an_executor_ends_when_told_also_while_a_request_waits_for_the_owner(
    tmp_path: Path,
) -> None:
    async with rounds_in(tmp_path) as running:
        world = running.world
        world.says(f"/run curl -sS -d x https://{NAMES[0]}/x; sleep 300")
        card = await world.sees("asks for your approval")
        world.executor.stop()
        world.executor.start()
        await world.executor.ready()
        assert card.buttons
        world.says("/stop")
        await world.sees("#1 cancelled")


def test_the_figures_name_the_slowest_of_few_and_a_percentile_of_many() -> None:
    few = figures(Counted(seconds={"normal": [0.1, 0.3]}, wrong=["x"]))
    assert (few["stop_hung_p99_s"][0], few["stop_left"][0]) == (0.3, 1)
    many = figures(Counted(seconds={"normal": [i / 100 for i in range(200)]}))
    assert many["stop_hung_p99_s"][0] == 1.98
    assert many["stop_normal_s"][0] == 1.99


HELD = {
    "a task": "update tasks set result = result",
    "every task": "lock table tasks in access exclusive mode",
    "the approvals": "lock table approvals in exclusive mode",
    "the audit trail": "select audit_append('x', '{}')",
}


@pytest.mark.parametrize("what", HELD)
async def test_a_frozen_process_that_holds_locks_cannot_hold_up_the_stop(
    database_url: str, what: str
) -> None:
    database = await Database.connect(database_url)
    frozen = await Database.connect(database_url)
    await migrate(database)
    new = NewTask(kind="shell", title="t", instructions="true", chat_id=1)
    async with database.transaction() as session:
        await TaskStore(database).add(session, new)
    with pytest.raises(Retryable):
        await _freeze(frozen, HELD[what], meanwhile=lambda: _stop(database))
    assert await database.fetchval("select state from tasks") == "cancelled"
    await frozen.close()
    await database.close()


async def _freeze(
    frozen: Database, statement: str, meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """Does something else in the middle of a transaction."""
    async with frozen.transaction() as holding:
        await holding.fetch(statement)
        await meanwhile()
        await holding.fetch("select 1")


async def _stop(database: Database) -> None:
    audit, began = Audit(database), time.monotonic()
    async with database.transaction() as session:
        assert await stop_all(session, Approvals(database, audit), audit, by="test") == 1
    assert time.monotonic() - began < TARGET_S
