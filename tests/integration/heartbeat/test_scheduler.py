"""Schedules on a real database, with a clock that is moved by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import Denied, UserFacing
from heartbeat.cadence import cron, every
from heartbeat.schedules import CatchUp, NewSchedule, ScheduleState
from tests.support.autonomy import Autonomy, autonomy
from tests.support.years import YEAR, ZONES, days, first_shown

DAILY = NewSchedule(title="daily", instructions="x", cadence=cron("0 9 * * *", "UTC"))


async def keep(world: Autonomy, new: NewSchedule) -> int:
    async with world.database.transaction() as session:
        return await world.schedules.add(session, new, now=world.now)


async def test_a_year_in_five_zones_has_no_misfire(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.now = datetime(YEAR - 1, 12, 31, tzinfo=UTC)
        expected = {}
        for zone in ZONES:
            cadence = cron("30 2 * * 0", zone)
            made = await keep(world, NewSchedule(title=zone, instructions="x", cadence=cadence))
            at = datetime(YEAR, 1, 1).time().replace(hour=2, minute=30)  # noqa: DTZ001
            expected[made] = [first_shown(d, at, zone) for d in days() if d.weekday() == 6]
        while world.now < datetime(YEAR, 12, 31, 20, tzinfo=UTC):
            world.later(hours=1, minutes=7)
            await world.scheduler.look()
        for made, times in expected.items():
            runs = await world.schedules.history(made, limit=100)
            assert [run.at for run in reversed(runs)] == times


async def test_nothing_due_calls_no_port_and_moves_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await keep(world, DAILY)
        for _ in range(8):
            world.later(hours=1)
            await world.scheduler.look()
        assert world.calls == []


async def test_after_downtime_one_run_catches_up_or_none(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        cadence = DAILY.cadence
        await keep(world, DAILY)
        await keep(
            world,
            NewSchedule(title="skips", instructions="x", cadence=cadence, catch_up=CatchUp.SKIP),
        )
        world.later(days=30, hours=1)
        await world.scheduler.look()
        await world.scheduler.look()
        assert await world.queued() == ["daily"]
        world.later(hours=8)
        await world.scheduler.look()
        assert await world.queued() == ["daily", "daily", "skips"]


async def test_failures_are_told_once_then_the_schedule_is_off(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        made = await keep(
            world, NewSchedule(title="h", instructions="x", cadence=every(timedelta(hours=1)))
        )
        for n in range(7):
            world.later(hours=1)
            await world.scheduler.look()
            if n < 5:
                await world.end_task(n + 1, "failed", "no disk")
            await world.scheduler.look()
        said = await world.said()
        assert len(said) == 2
        assert "It goes on as planned" in said[0]
        assert "is off now" in said[1]
        assert len(await world.queued()) == 5
        found = await world.schedules.get(made)
        assert found is not None
        assert found.state is ScheduleState.DISABLED


async def test_paused_schedules_wait_and_do_not_catch_up(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        made = await keep(world, DAILY)
        async with world.database.transaction() as session:
            assert await world.schedules.set_state(
                session, made, ScheduleState.PAUSED, now=world.now
            )
        world.later(days=3)
        await world.scheduler.look()
        async with world.database.transaction() as session:
            assert await world.schedules.set_state(
                session, made, ScheduleState.ACTIVE, now=world.now
            )
        await world.scheduler.look()
        assert await world.queued() == []
        world.later(hours=10)
        await world.scheduler.look()
        assert await world.queued() == ["daily"]


async def test_run_now_history_and_delete(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        made = await keep(world, DAILY)
        async with world.database.transaction() as session:
            no = await world.schedules.run_now(session, made, now=world.now, queue=world.queue)
        assert no is not None
        await world.end_task(no)
        await world.scheduler.look()
        history = await world.schedules.history(made)
        assert [(run.task_no, run.outcome) for run in history] == [(no, "done")]
        assert [s.title for s in await world.schedules.all()] == ["daily"]
        async with world.database.transaction() as session:
            assert await world.schedules.delete(session, made)
            assert not await world.schedules.delete(session, made)
            assert (
                await world.schedules.run_now(session, 99, now=world.now, queue=world.queue) is None
            )


async def test_one_that_cannot_start_is_a_failed_run_and_does_not_hold_up_the_others(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        made = await keep(world, DAILY)
        await keep(world, NewSchedule(title="second", instructions="x", cadence=DAILY.cadence))

        def refuse_first(name: str) -> None:
            if name == "queue" and len(world.calls) == 1:
                raise Denied("no", "no")

        world.before = refuse_first
        world.later(hours=10)
        await world.scheduler.look()
        assert await world.queued() == ["second"]
        for _ in range(3):
            await world.scheduler.look()
        assert await world.queued() == ["second"]  # it does not come again every few seconds
        (run,) = await world.schedules.history(made)
        assert (run.task_no, run.outcome, run.reason) == (None, "failed", "no")
        world.later(days=1)
        await world.scheduler.look()
        assert sorted(await world.queued()) == ["daily", "second", "second"]


async def test_a_schedule_whose_skill_is_off_is_told_once_and_off_after_five_times(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        made = await keep(world, DAILY)

        def refuse(name: str) -> None:
            if name == "queue":
                raise UserFacing("The skill report is off.", "/skill enable report")

        world.before = refuse
        for _ in range(7):
            world.later(days=1)
            await world.scheduler.look()
            await world.scheduler.look()
        said = await world.said()
        assert said[0].startswith("“daily” failed. The skill report is off (/skill enable report).")
        assert len(said) == 2
        assert "is off now" in said[1]
        found = await world.schedules.get(made)
        assert found is not None
        assert (found.state, found.failures) == (ScheduleState.DISABLED, 5)
        assert len(await world.schedules.history(made, limit=50)) == 5


async def test_run_now_that_cannot_start_leaves_no_run_behind(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        made = await keep(world, DAILY)

        def refuse(name: str) -> None:
            if name == "queue":
                raise UserFacing("The skill report is off.")

        world.before = refuse
        async with world.database.transaction() as session:
            with pytest.raises(UserFacing):
                await world.schedules.run_now(session, made, now=world.now, queue=world.queue)
        assert await world.schedules.history(made) == ()
