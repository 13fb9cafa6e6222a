"""The store of tasks: in whatever order it is asked, only allowed transitions happen."""

import random

import pytest

from core.config import ConfigStore
from core.db import Database
from core.errors import ConfigError, UserFacing
from core.migrate import migrate, migrations
from core.seal import Seal
from core.settings import EnvSettings
from core.tasks import NewTask, Outcome, Step, Task, TaskState, TaskStore, has_ended, may_become

NEW = NewTask(kind="shell", title="t", instructions="true", chat_id=1)


async def opened(database_url: str) -> Database:
    database = await Database.connect(database_url)
    await migrate(database)
    return database


async def random_act(store: TaskStore, database: Database, task: Task, dice: random.Random) -> None:
    fence = task.fence + dice.choice([0, 0, 0, -1, 1])
    match dice.randrange(9):
        case 0:
            await store.claim_next(host=dice.choice("ab"), parallel=3, lease_s=10)
        case 1:
            await store.begin_step(task.no, fence, Step(index=0, tool="x", arguments={"a\x00": 1}))
        case 2:
            await store.ask(task.no, fence, step=0, question="?")
        case 3:
            await store.resume_running(task.no, fence)
        case 4:
            state = dice.choice([TaskState.DONE, TaskState.FAILED, TaskState.UNKNOWN])
            await store.finish(task.no, fence, Outcome(state=state, result="r\x00\ud800"))  # type: ignore[arg-type]
        case 5:
            async with database.transaction() as session:
                await store.request_cancel(session, task.no)
        case 6:
            await store.requeue(task.no, fence)
        case 7:
            await store.give_up(task, TaskState.UNKNOWN, "gone")
        case _:
            async with database.transaction() as session:
                await store.add_input(session, task.no, "steer", text="x")


@pytest.mark.parametrize("seed", range(4))
async def test_no_order_of_calls_makes_a_forbidden_transition(database_url: str, seed: int) -> None:
    database, dice = await opened(database_url), random.Random(seed)
    store = TaskStore(database)
    async with database.transaction() as session:
        numbers = [await store.add(session, NEW) for _ in range(4)]
    states = dict.fromkeys(numbers, TaskState.QUEUED)
    for _ in range(150):
        target = await store.get(dice.choice(numbers))
        assert target is not None
        await random_act(store, database, target, dice)
        for no in numbers:
            now = await store.get(no)
            assert now is not None
            assert now.state is states[no] or may_become(states[no], now.state)
            states[no] = now.state
        running = sum(s in {TaskState.RUNNING, TaskState.WAITING} for s in states.values())
        assert running <= 3
    await database.close()


async def test_a_stale_fence_changes_nothing(database_url: str) -> None:
    database = await opened(database_url)
    store = TaskStore(database)
    async with database.transaction() as session:
        no = await store.add(session, NEW)
    first = await store.claim_next(host="a", parallel=1, lease_s=10)
    assert first is not None
    await store.requeue(no, first.fence)
    second = await store.claim_next(host="b", parallel=1, lease_s=10)
    assert second is not None
    assert second.fence == first.fence + 1
    assert not await store.finish(no, first.fence, Outcome(state=TaskState.DONE))
    assert not await store.begin_step(no, first.fence, Step(index=0, tool="x", arguments={}))
    assert await store.finish(no, second.fence, Outcome(state=TaskState.DONE))
    assert not await store.finish(no, second.fence, Outcome(state=TaskState.FAILED))
    task = await store.get(no)
    assert task is not None
    assert has_ended(task.state)
    await database.close()


async def test_a_result_is_reported_once_and_an_answer_taken_once(database_url: str) -> None:
    database = await opened(database_url)
    store = TaskStore(database)
    async with database.transaction() as session:
        no = await store.add(session, NEW)
        assert await store.add_input(session, no, "answer", text="a", step=0, key="k")
        assert not await store.add_input(session, no, "answer", text="b", step=0, key="k")
        await store.request_cancel(session, no)
        assert await store.mark_reported(session, no)
        assert not await store.mark_reported(session, no)
    await database.close()


async def test_migrations_run_once_and_a_changed_one_is_refused(empty_database_url: str) -> None:
    database = await Database.connect(empty_database_url)
    assert await migrate(database) == tuple(m.name for m in migrations())
    assert await migrate(database) == ()
    await database.execute("update schema_migrations set digest = 'other'")
    with pytest.raises(ConfigError, match="changed after it ran"):
        await migrate(database)
    await database.close()


async def test_settings_are_versions(database_url: str) -> None:
    database = await opened(database_url)
    seal = Seal("a-secret-key-for-tests")
    store = ConfigStore(database=database, seal=seal, env=EnvSettings())
    await store.set("tasks.parallel", "3", actor="owner")
    await store.set("model.api_key", "sk-secret-value", actor="owner")
    assert (await store.current()).whole("tasks.parallel") == 3
    await store.rollback(1, actor="owner")
    assert (await store.current()).text("model.api_key") == ""
    await store.reset("tasks.parallel", actor="owner")
    config = await store.current()
    assert (config.version, config.whole("tasks.parallel")) == (4, 5)
    with pytest.raises(UserFacing, match="There is no version 99"):
        await store.rollback(99, actor="owner")
    with pytest.raises(UserFacing, match="no setting called"):
        await store.set("nope", "1", actor="owner")
    raw = await database.fetchval("select string_agg(overrides::text, '') from config_versions")
    assert "sk-secret-value" not in raw
    await database.close()
