"""Killed at any moment, nothing fires twice, and what was due still happens."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from core.db import Database
from core.errors import UserFacing
from heartbeat.cadence import cron
from heartbeat.deciding import Notify, Start
from heartbeat.folder_watch import FolderWatch
from heartbeat.mail import MailWatch
from heartbeat.schedules import NewSchedule, ScheduleId
from heartbeat.trigger_types import NewEvent, NewTrigger
from tests.support.autonomy import Autonomy, autonomy
from tests.support.imap_server import ImapServer
from tests.support.killing import Clockwork, Killed, KillingDatabase

MOST_MOMENTS = 200
NINE = cron("0 9 * * *", "UTC")


def doomed(world: Autonomy, moment: int) -> tuple[Autonomy, Clockwork]:
    """The same process, about to be killed at a moment."""
    work = Clockwork(moment)
    dying = Autonomy(database=KillingDatabase(world.database, work), root=world.root)
    dying.now, dying.plan_text, dying.answers = world.now, world.plan_text, world.answers
    dying.before = lambda _: work.tick()
    return dying, work


@contextmanager
def until_killed(work: Clockwork) -> Iterator[None]:
    """The block is the work of the process that dies."""
    try:
        yield
    except Killed:
        assert work.count == work.at


async def at_each_moment(
    one_round: Callable[[int], Awaitable[Clockwork]], *, more_than: int
) -> None:
    """Rounds with a kill at moment 1, 2, … until one has no such moment any more."""
    for moment in range(1, MOST_MOMENTS):
        work = await one_round(moment)
        if work.count < moment:
            assert moment > more_than
            return
    pytest.fail("it never came to an end")


async def scheduled(world: Autonomy, title: str) -> ScheduleId:
    async with world.database.transaction() as session:
        new = NewSchedule(title=title, instructions="x", cadence=NINE)
        return await world.schedules.add(session, new, now=world.now)


async def dropped(world: Autonomy, made: ScheduleId) -> None:
    async with world.database.transaction() as session:
        await world.schedules.delete(session, made)


def next_day(world: Autonomy) -> None:
    world.now = world.now.replace(hour=0, minute=0) + timedelta(days=1)


async def trigger(world: Autonomy, new: NewTrigger) -> None:
    async with world.database.transaction() as session:
        await world.trigger_store.add(session, new, now=world.now)


async def test_a_schedule_killed_at_each_moment_queues_its_task_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:

        async def one_round(moment: int) -> Clockwork:
            made = await scheduled(world, f"s{moment}")
            world.later(hours=9, minutes=1)
            dying, work = doomed(world, moment)
            with until_killed(work):
                await dying.scheduler.look()
            await world.scheduler.look()
            await world.scheduler.look()
            assert (await world.queued()).count(f"s{moment}") == 1
            await dropped(world, made)
            next_day(world)
            return work

        await at_each_moment(one_round, more_than=15)


async def test_a_beat_killed_at_each_moment_speaks_once_and_starts_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:

        async def one_round(moment: int) -> Clockwork:
            one, two = f"say{moment}", f"do{moment}"
            world.plan_text = "".join(f"## {n}\n- every: 1 hour\n\nlook\n" for n in (one, two))
            world.answers = {
                one: Notify(text=f"news {moment}"),
                two: Start(title=two, instructions=f"work {moment}"),
            }
            await world.beat.look()  # the checks are met
            world.later(hours=1)
            dying, work = doomed(world, moment)
            with until_killed(work):
                await dying.beat.look()
            await world.beat.look()
            world.later(hours=1)
            await world.beat.look()
            assert (await world.said()).count(f"news {moment}") == 1
            assert (await world.queued()).count(two) == 1
            world.later(days=1)
            return work

        await at_each_moment(one_round, more_than=30)


async def test_an_event_killed_at_each_moment_starts_one_task(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await trigger(world, NewTrigger(name="hook", kind="webhook", instructions="Look."))

        async def one_round(moment: int) -> Clockwork:
            world.later(days=1)
            event = NewEvent(trigger="hook", key=f"event {moment}", payload=f"p{moment}.")
            before = len(await world.queued())
            assert await world.trigger_store.take(event, now=world.now)
            dying, work = doomed(world, moment)
            with until_killed(work):
                await dying.triggers.look()
            await world.triggers.look()
            assert len(await world.queued()) == before + 1
            return work

        await at_each_moment(one_round, more_than=15)


async def test_two_processes_at_once_fire_each_time_once(database_url: str, tmp_path: Path) -> None:
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


async def test_a_schedule_that_cannot_start_killed_at_each_moment_fails_once_and_is_told_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:

        async def one_round(moment: int) -> Clockwork:
            title = f"s{moment}."
            made = await scheduled(world, title)
            world.later(hours=9, minutes=1)
            dying, work = doomed(world, moment)

            def refuse(name: str) -> None:
                work.tick()
                if name == "queue":
                    raise UserFacing("The skill is off.")

            dying.before = refuse
            with until_killed(work):
                await dying.scheduler.look()
            alive, _ = doomed(world, 0)
            alive.before = refuse
            await alive.scheduler.look()
            await alive.scheduler.look()
            assert sum(title in text for text in await world.said()) == 1
            assert len(await world.schedules.history(made)) == 1
            await dropped(world, made)
            next_day(world)
            return work

        await at_each_moment(one_round, more_than=20)


async def test_the_end_of_a_run_killed_at_each_moment_is_judged_and_told_once(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:

        async def one_round(moment: int) -> Clockwork:
            title = f"s{moment}."
            made = await scheduled(world, title)
            async with world.database.transaction() as session:
                no = await world.schedules.run_now(
                    session, made, now=world.now, queue=world.queue
                )  # fmt: skip
            assert no is not None
            await world.end_task(no, "failed", "no disk")
            dying, work = doomed(world, moment)
            with until_killed(work):
                await dying.scheduler.look()
            await world.scheduler.look()
            found = await world.schedules.get(made)
            assert found is not None
            assert found.failures == 1
            assert sum(title in text for text in await world.said()) == 1
            await dropped(world, made)
            return work

        await at_each_moment(one_round, more_than=10)


async def test_a_file_killed_at_each_moment_becomes_one_task(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        folder = tmp_path / "in"
        folder.mkdir()
        spec = {"folder": str(folder), "pattern": "*"}
        await trigger(world, NewTrigger(name="in", kind="file", instructions="Read.", spec=spec))

        async def one_round(moment: int) -> Clockwork:
            world.later(days=1)
            (folder / f"f{moment}").write_text("x")
            dying, work = doomed(world, moment)
            watch = FolderWatch(dying.trigger_store, clock=dying.clock)
            with until_killed(work):
                await watch.look()
                await watch.look()
                await dying.triggers.look()
            again = FolderWatch(world.trigger_store, clock=world.clock)
            for _ in range(2):
                await again.look()
                await world.triggers.look()
            (folder / f"f{moment}").unlink()
            assert len(await world.queued()) == moment
            return work

        await at_each_moment(one_round, more_than=20)


async def test_a_mail_killed_at_each_moment_becomes_one_task(
    database_url: str, tmp_path: Path
) -> None:
    async def secret(name: str) -> bytes:  # noqa: ARG001, RUF100
        return b"pass word"

    async with autonomy(database_url, tmp_path) as world, ImapServer() as server:
        spec = {**server.spec, "senders": ["*"]}
        await trigger(world, NewTrigger(name="mail", kind="mail", instructions="Read.", spec=spec))
        mail = await world.trigger_store.get("mail")
        assert mail is not None

        async def read(one: Autonomy) -> None:
            watch = MailWatch(one.trigger_store, mail, secret=secret, clock=one.clock, idle_s=0.02)
            try:
                await watch.step()
            finally:
                watch.close()
            await one.triggers.look()

        async def one_round(moment: int) -> Clockwork:
            world.later(days=1)
            server.deliver("a@example.org", f"mail {moment}")
            dying, work = doomed(world, moment)
            with until_killed(work):
                await read(dying)
            await read(world)
            assert len(await world.queued()) == moment
            return work

        await read(world)  # from here on mail counts
        await at_each_moment(one_round, more_than=20)
