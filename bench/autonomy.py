"""What autonomy costs when there is nothing to do, and whether a year's schedules fire once each.

Time is virtual; the code, the database and its queries are the real ones.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path

from heartbeat.cadence import cron
from heartbeat.plan_file import shipped
from heartbeat.schedules import NewSchedule
from tests.support.autonomy import START, Autonomy, autonomy
from tests.support.services import RunningPostgres
from tests.support.years import YEAR, ZONES, days, first_shown

Figures = dict[str, tuple[float | int | None, str, str]]
PLAN = """## File
- every: 10 minutes
- when: file changed notes.md

x
## Page
- every: 1 hour
- when: url changed https://example.org/

x
## Disk
- every: 2 hours
- when: command exits 0: test -e full

x
"""


def _quiet_plan() -> str:
    """The shipped check that waits for tasks, and one of each kind that looks elsewhere."""
    return PLAN + "## Task finished" + shipped().partition("## Task finished")[2]


async def idle_month(world: Autonomy) -> Figures:
    """Thirty days in which nothing changes, one beat a minute."""
    world.plan_text = _quiet_plan()
    began, now = time.process_time(), START
    for minute in range(30 * 1440):
        world.now = now + timedelta(minutes=minute)
        await world.beat.look()
    used = (time.process_time() - began) / 30
    models = world.calls.count("ask")
    return {
        "idle_month_model_calls": (models, "calls", "model calls of a month without news"),
        "idle_month_messages": (len(await world.said()), "messages", "messages of that month"),
        "idle_day_beat_cpu_s": (round(used, 2), "s", "CPU of a day's 1,440 beats without news"),
    }


def wanted() -> dict[tuple[str, str], list[datetime]]:
    """When each schedule has to fire, worked out on the wall clocks minute by minute."""
    found = {}
    for zone in ZONES:
        for clock in (wall_time(0, 30), wall_time(2, 30), wall_time(9, 0)):
            text = f"{clock.minute} {clock.hour} * * *"
            found[zone, text] = [first_shown(day, clock, zone) for day in days()]
    return found


async def year_of_schedules(world: Autonomy) -> Figures:
    """A year of fifteen daily schedules in five zones, over every clock change."""
    expected, ids = wanted(), {}
    world.now = min(times[0] for times in expected.values()) - timedelta(seconds=1)
    for zone, text in expected:
        new = NewSchedule(title=zone, instructions="x", cadence=cron(text, zone))
        start = min(expected[zone, text]) - timedelta(seconds=1)
        async with world.database.transaction() as session:
            ids[zone, text] = await world.schedules.add(session, new, now=start)
    stop = datetime(YEAR, 12, 31, tzinfo=UTC)
    while world.now < stop:
        world.later(minutes=9)
        await world.scheduler.look()
    wrong = 0
    for key, times in expected.items():
        fired = [run.at for run in await world.schedules.history(ids[key], limit=1000)]
        due = [at for at in times if at <= world.now]
        wrong += len(set(fired) ^ set(due)) + len(fired) - len(set(fired))
    meaning = "of 15 schedules in five zones, a year: missed, doubled or at a wrong time"
    return {"schedule_year_misfires": (wrong, "runs", meaning)}


async def measure() -> Figures:
    """Both, each on a database of its own."""
    home = Path(tempfile.mkdtemp(prefix="agentai-bench-"))
    postgres = RunningPostgres(home)
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "notes.md").write_text("same", encoding="utf-8")
            async with autonomy(postgres.fresh_database(), root) as world:
                found = await idle_month(world)
            async with autonomy(postgres.fresh_database(), root) as world:
                return {**found, **await year_of_schedules(world)}
    finally:
        postgres.close()
        shutil.rmtree(home)


def figures() -> Figures:
    """All figures; takes some minutes."""
    return asyncio.run(measure())


if __name__ == "__main__":
    from bench.results import save

    save("autonomy", figures())
