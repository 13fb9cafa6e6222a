"""The shipped checks: the day along with the briefing, nothing asked while there is nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from heartbeat.cadence import cron
from heartbeat.deciding import Notify
from heartbeat.plan_file import shipped
from heartbeat.schedules import NewSchedule
from heartbeat.today import NOTE_CAP, DayApproval, DayTask, day_note
from tests.support.autonomy import Autonomy, autonomy


async def days(world: Autonomy, count: int) -> None:
    for _ in range(count * 24):
        world.later(hours=1)
        await world.beat.look()


async def test_a_month_in_which_nothing_happens_costs_nothing_with_the_shipped_file(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = shipped()
        await days(world, 30)
        assert world.calls == []
        assert await world.said() == []


async def test_the_briefing_is_given_what_waits_what_failed_and_what_is_planned(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = shipped()
        await days(world, 1)
        for title in ("Fix the roof", "Book a train", "Old news"):
            await world.add_task(title)
        await world.end_task(3)
        await world.database.execute(
            "update tasks set ended_at = $1 where no = 3", world.now - timedelta(days=3)
        )
        world.later(hours=1)
        await world.end_task(1, "failed", "no ladder")
        await world.database.execute(
            "update tasks set state = 'waiting', question = 'Which day?' where no = 2"
        )
        await world.database.execute(
            "insert into approvals (nonce, code, task_no, chat_id, reason, expires_at)"
            " values ('n', 'c', 2, 1, 'r', $1)",
            world.now + timedelta(days=2),
        )
        async with world.database.transaction() as session:
            for title, text in (("make the timesheet", "0 17 * * *"), ("not today", "0 9 1 2 *")):
                new = NewSchedule(title=title, instructions="x", cadence=cron(text, "UTC"))
                await world.schedules.add(session, new, now=world.now)
        world.answers = {"Morning briefing": Notify(text="Good morning.")}
        await days(world, 1)
        (prompt,) = [p for p in world.prompts if "## Morning briefing" in p]
        for line in (
            "Approval 1 of task #2 waits: Book a train",
            "Task #2 waits for the owner: Book a train (Which day?)",
            "Task #1 failed since yesterday: Fix the roof (no ladder)",
            "Planned for 17:00: make the timesheet",
            "begin untrusted",
        ):
            assert line in prompt
        assert "not today" not in prompt
        assert "Old news" not in prompt
        assert "Good morning." in await world.said()


async def test_a_task_that_ended_is_asked_about_once_and_only_then(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.now = datetime(2026, 1, 1, 9, tzinfo=UTC)
        world.plan_text = "## Task finished" + shipped().partition("## Task finished")[2]
        await world.beat.look()
        for _ in range(12):
            world.later(minutes=10)
            await world.beat.look()
        assert world.prompts == []
        await world.end_task(await world.add_task("Fix the roof"))
        for _ in range(12):
            world.later(minutes=10)
            await world.beat.look()
        (prompt,) = world.prompts
        assert "Task #1 (Fix the roof) ended: done" in prompt
        assert await world.said() == []


def test_a_full_day_keeps_to_its_size_and_to_one_line_each() -> None:
    approvals = [DayApproval(id=n, task_no=n, title="a\nb" * 99) for n in range(30)]
    tasks = [DayTask(no=n, state="failed", title="t" * 500, note="n\n" * 99) for n in range(30)]
    note = day_note(approvals, tasks, [])
    assert len(note) <= NOTE_CAP
    assert all(line.startswith(("Approval ", "Task #")) for line in note.split("\n"))
    assert day_note([], [], []) == ""
