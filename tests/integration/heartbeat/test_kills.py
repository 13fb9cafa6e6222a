"""Killed at any moment, nothing fires twice, and what was due still happens."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.db import Database
from heartbeat.cadence import cron
from heartbeat.deciding import Notify, Start
from heartbeat.schedules import NewSchedule
from heartbeat.trigger_types import NewEvent, NewTrigger
from tests.support.autonomy import Autonomy, autonomy
from tests.support.killing import Clockwork, Killed, KillingDatabase

MOST_MOMENTS = 200


def doomed(world: Autonomy, moment: int) -> tuple[Autonomy, Clockwork]:
    """The same process, about to be killed at a moment."""
    work = Clockwork(moment)
    dying = Autonomy(database=KillingDatabase(world.database, work), root=world.root)
    dying.now, dying.plan_text, dying.answers = world.now, world.plan_text, world.answers
    dying.before = lambda _: work.tick()
    return dying, work


async def test_a_schedule_killed_at_each_moment_queues_its_task_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        for moment in range(1, MOST_MOMENTS):
            async with world.database.transaction() as session:
                new = NewSchedule(
                    title=f"s{moment}", instructions="x", cadence=cron("0 9 * * *", "UTC")
                )
                made = await world.schedules.add(session, new, now=world.now)
            world.later(hours=9, minutes=1)
            dying, work = doomed(world, moment)
            try:
                await dying.scheduler.look()
            except Killed:
                assert work.count == moment
            await world.scheduler.look()
            await world.scheduler.look()
            assert (await world.queued()).count(f"s{moment}") == 1
            async with world.database.transaction() as session:
                await world.schedules.delete(session, made)
            world.now = world.now.replace(hour=0, minute=0) + timedelta(days=1)
            if work.count < moment:
                assert moment > 15
                return
    pytest.fail("it never came to an end")


async def test_a_beat_killed_at_each_moment_speaks_once_and_starts_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        for moment in range(1, MOST_MOMENTS):
            one, two = f"say{moment}", f"do{moment}"
            world.plan_text = "".join(f"## {n}\n- every: 1 hour\n\nlook\n" for n in (one, two))
            world.answers = {
                one: Notify(text=f"news {moment}"),
                two: Start(title=two, instructions=f"work {moment}"),
            }
            await world.beat.look()  # the checks are met
            world.later(hours=1)
            dying, work = doomed(world, moment)
            try:
                await dying.beat.look()
            except Killed:
                assert work.count == moment
            await world.beat.look()
            world.later(hours=1)
            await world.beat.look()
            assert (await world.said()).count(f"news {moment}") == 1
            assert (await world.queued()).count(two) == 1
            world.later(days=1)
            if work.count < moment:
                assert moment > 30
                return
    pytest.fail("it never came to an end")


async def test_an_event_killed_at_each_moment_starts_one_task(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        async with world.database.transaction() as session:
            new = NewTrigger(name="hook", kind="webhook", instructions="Look.")
            await world.trigger_store.add(session, new, now=world.now)
        for moment in range(1, MOST_MOMENTS):
            world.later(days=1)
            event = NewEvent(trigger="hook", key=f"event {moment}", payload=f"p{moment}.")
            before = len(await world.queued())
            assert await world.trigger_store.take(event, now=world.now)
            dying, work = doomed(world, moment)
            try:
                await dying.triggers.look()
            except Killed:
                assert work.count == moment
            await world.triggers.look()
            assert len(await world.queued()) == before + 1
            if work.count < moment:
                assert moment > 15
                return
    pytest.fail("it never came to an end")


async def test_two_processes_at_once_fire_each_time_once(database_url: str, tmp_path: Path) -> None:
    import asyncio

    async with autonomy(database_url, tmp_path) as world:
        other_db = await Database.connect(database_url)
        other = Autonomy(database=other_db, root=tmp_path)
        async with world.database.transaction() as session:
            for n in range(5):
                new = NewSchedule(title=f"s{n}", instructions="x", cadence=cron("* * * * *", "UTC"))
                await world.schedules.add(session, new, now=world.now)
        for _ in range(10):
            world.later(minutes=1)
            other.now = world.now
            await asyncio.gather(world.scheduler.look(), other.scheduler.look())
        assert sorted(await world.queued()) == sorted(f"s{n}" for n in range(5) for _ in range(10))
        await other_db.close()
