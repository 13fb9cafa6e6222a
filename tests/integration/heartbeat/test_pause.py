"""A stop pauses what starts by itself, until the owner resumes it; nothing slips through."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from core.db import Database
from core.errors import Retryable
from core.pause import hold_pause, pause_now, set_pause
from core.spawn import held
from heartbeat.cadence import cron, every
from heartbeat.deciding import Notify, Start
from heartbeat.folder_watch import FolderWatch
from heartbeat.ports import Asked
from heartbeat.schedules import NewSchedule
from heartbeat.trigger_types import NewEvent, NewTrigger
from tests.support.autonomy import Autonomy, autonomy

HOOK = NewTrigger(name="hook", kind="webhook", instructions="Look.")


async def pause(world: Autonomy, *, is_paused: bool = True) -> None:
    async with world.database.transaction() as session:
        assert await set_pause(session, is_paused=is_paused, now=world.now)


async def add_trigger(world: Autonomy, new: NewTrigger) -> None:
    async with world.database.transaction() as session:
        assert await world.trigger_store.add(session, new, now=world.now)


async def test_schedules_wait_and_what_passed_meanwhile_does_not_run(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        async with world.database.transaction() as session:
            for title, cadence in (
                ("daily", cron("0 9 * * *", "UTC")), ("hourly", every(timedelta(hours=1))),
            ):  # fmt: skip
                new = NewSchedule(title=title, instructions="x", cadence=cadence)
                await world.schedules.add(session, new, now=world.now)
        world.later(minutes=30)
        await pause(world)
        for _ in range(50):
            world.later(hours=1)
            await world.scheduler.look()
        assert await world.queued() == []
        await pause(world, is_paused=False)
        await world.scheduler.look()
        assert await world.queued() == []
        world.later(minutes=31)
        await world.scheduler.look()
        assert await world.queued() == ["hourly"]


async def test_no_check_looks_or_asks_and_each_goes_on_afterwards(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        block = "- every: 1 hour\n- when: command exits 0: true\n\nx\n"
        world.plan_text = f"## A\n- every: 1 hour\n\nx\n## B\n{block}"
        await pause(world)
        for _ in range(5):
            world.later(hours=2)
            await world.beat.look()
        assert world.calls == []
        await pause(world, is_paused=False)
        await world.beat.look()
        world.later(hours=1)
        world.answers = {"A": Notify(text="news")}
        await world.beat.look()
        assert await world.said() == ["news"]


@pytest.mark.parametrize("is_resumed", [False, True])
async def test_an_answer_that_comes_after_a_stop_leads_to_nothing(
    database_url: str,
    tmp_path: Path,
    is_resumed: bool,  # noqa: FBT001, RUF100
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = "## A\n- every: 1 hour\n\nx\n## B\n- every: 1 hour\n\nx\n"
        await world.beat.look()
        world.later(hours=1)

        async def hanging(prompt: str, names: object) -> Asked:  # noqa: ARG001, RUF100
            world.later(minutes=1)
            await pause(world)
            if is_resumed:
                await pause(world, is_paused=False)
            task = Start(title="t", instructions="do it")
            return Asked(answers={"A": Notify(text="late"), "B": task})

        world.ask = hanging  # type: ignore[method-assign]
        world.__post_init__()
        await world.beat.look()
        assert await world.said() == []
        assert await world.queued() == []
        log = await world.checks.beats()
        assert log[0].outcome.startswith("stopped")


async def test_triggers_take_nothing_and_what_waited_is_dropped(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await add_trigger(world, HOOK)
        await add_trigger(world, NewTrigger(name="ends", kind="task", instructions="React."))
        store = world.trigger_store
        assert await store.take(NewEvent(trigger="hook", key="a", payload="p"), now=world.now)
        world.later(minutes=1)
        await pause(world)
        assert await store.active("webhook") == ()
        assert not await store.take(NewEvent(trigger="hook", key="b", payload="p"), now=world.now)
        await world.end_task(await world.add_task())  # as a stop ends it
        await world.triggers.look()
        world.later(minutes=1)
        await pause(world, is_paused=False)
        await world.triggers.look()
        assert await world.queued() == ["owner's"]
        assert (await store.activity(world.now))["hook"].outcome == "stopped"
        assert await store.take(NewEvent(trigger="hook", key="c", payload="p"), now=world.now)
        world.later(minutes=1)
        await world.end_task(await world.add_task("later"))
        await world.triggers.look()
        assert sorted(await world.queued()) == [
            "Trigger ends", "Trigger hook", "later", "owner's",
        ]  # fmt: skip


async def test_files_that_arrive_while_it_is_paused_count_afterwards(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        spec = {"folder": str(tmp_path), "pattern": "*.txt"}
        await add_trigger(
            world, NewTrigger(name="in", kind="file", instructions="Read.", spec=spec)
        )
        watch = FolderWatch(world.trigger_store, clock=world.clock)
        await pause(world)
        (tmp_path / "a.txt").write_text("x")
        for _ in range(3):
            await watch.look()
        await pause(world, is_paused=False)
        for _ in range(2):
            await watch.look()
        await world.triggers.look()
        assert len(world.orders) == 1


async def test_the_state_is_one_row_that_a_restart_finds_again(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        assert not (await pause_now(world.database)).is_paused
        await pause(world)
        async with world.database.transaction() as session:
            assert not await set_pause(session, is_paused=True, now=world.now)
        other = await Database.connect(database_url, size=1)
        assert (await pause_now(other)).is_paused
        await other.close()
        await pause(world, is_paused=False)
        assert await world.database.fetchval("select count(*)::int from autonomy") == 1


async def test_resuming_what_goes_on_drops_nothing(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await add_trigger(world, HOOK)
        event = NewEvent(trigger="hook", key="a", payload="p")
        assert await world.trigger_store.take(event, now=world.now)
        async with world.database.transaction() as session:
            assert not await set_pause(session, is_paused=False, now=world.now)
        await world.triggers.look()
        assert await world.queued() == ["Trigger hook"]


async def test_a_stop_waits_for_work_that_is_just_being_started(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        is_held, may_go_on = asyncio.Event(), asyncio.Event()

        async def starting() -> None:
            async with world.database.transaction() as session:
                assert not (await hold_pause(session)).is_paused
                is_held.set()
                await may_go_on.wait()
                await session.execute(
                    "insert into instance (name, value) values ('started', 'true')"
                )

        async def stopping() -> bool:
            async with world.database.transaction() as session:
                await set_pause(session, is_paused=True, now=world.now)
                found = await session.fetchval("select 1 from instance where name = 'started'")
                return found is not None

        async with held(starting(), name="starting") as one:
            await is_held.wait()
            async with held(stopping(), name="stopping") as two:
                async with asyncio.timeout(10):
                    while not await world.database.fetchval(
                        "select exists (select 1 from pg_locks where not granted)"
                    ):
                        await asyncio.sleep(0.01)
                may_go_on.set()
                await one
                assert await two


async def test_who_holds_up_a_stop_is_thrown_out(database_url: str, tmp_path: Path) -> None:
    from core.approvals import Approvals
    from core.audit import Audit
    from core.stop import stop_all

    async with autonomy(database_url, tmp_path) as world:
        frozen = await Database.connect(database_url, size=1)
        audit = Audit(world.database)

        async def hanging() -> None:
            async with frozen.transaction() as holding:
                await hold_pause(holding)
                async with world.database.transaction() as session:
                    await stop_all(session, Approvals(world.database, audit), audit, by="test")
                await holding.fetch("select 1")

        with pytest.raises(Retryable):
            await hanging()
        assert (await pause_now(world.database)).is_paused
        await frozen.close()
