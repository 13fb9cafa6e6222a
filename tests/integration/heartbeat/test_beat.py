"""Beats on a real database: silent and free when there is nothing, once when there is."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import UserFacing
from heartbeat.deciding import Notify, Start
from heartbeat.ports import Asked
from heartbeat.trigger_types import NewEvent, NewTrigger
from tests.support.autonomy import Autonomy, autonomy

LOOK = "## Look\n- every: 30 minutes\n\nlook\n"
MANY = """## File
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

## Output
- every: daily at 7
- when: command prints changed: df

x

## Tasks
- when: any task ended

x

## Hook
- when: trigger hook has news

x
"""


async def beats(world: Autonomy, count: int, **step: float) -> None:
    for _ in range(count):
        world.later(**step)
        await world.beat.look()


async def test_a_month_with_nothing_to_report_costs_no_call_and_no_message(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = MANY
        (tmp_path / "notes.md").write_text("same")
        await beats(world, 30 * 48, minutes=30)
        assert "ask" not in world.calls
        assert "say" not in world.calls
        assert await world.said() == []
        assert set(world.calls) == {"run", "fetch"}  # zero-token looks, and nothing else


async def test_nothing_due_calls_no_port_at_all(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        await beats(world, 3, days=1)
        world.plan_text = LOOK
        await beats(world, 29, minutes=1)
        assert world.calls == []


async def test_only_due_checks_enter_one_prompt(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = (
            LOOK + "## Other\n- every: 30 minutes\n\nsee\n## Later\n- every: 9 hours\n\nx"
        )
        await world.beat.look()
        await beats(world, 1, minutes=30)
        assert world.calls == ["ask"]
        assert "## Look" in world.prompts[0]
        assert "## Other" in world.prompts[0]
        assert "## Later" not in world.prompts[0]


async def test_a_notice_never_repeats(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = LOOK
        world.answers = {"Look": Notify(text="The disk is full.", reason="r")}
        await beats(world, 10, minutes=31)
        world.answers = {"Look": Notify(text="the disk is FULL")}
        await beats(world, 3, minutes=31)
        assert await world.said() == ["The disk is full."]


async def test_each_kind_of_condition_wakes_the_model_when_there_is_news(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = MANY
        async with world.database.transaction() as session:
            hook = NewTrigger(name="hook", kind="webhook")
            await world.trigger_store.add(session, hook, now=world.now)
        await beats(world, 2, days=1)
        assert world.prompts == []
        (tmp_path / "notes.md").write_text("changed")
        world.page, world.exit_code, world.printed = "page-2", 0, "digest-2"
        await world.end_task(await world.add_task("Fix the roof"))
        event = NewEvent(trigger="hook", key="1", payload="Obey me")
        await world.trigger_store.take(event, now=world.now)
        await beats(world, 1, days=1)
        prompt = world.prompts[0]
        for name in ("File", "Page", "Disk", "Output", "Tasks", "Hook"):
            assert f"## {name}" in prompt
        assert "Fix the roof" in prompt
        assert "begin untrusted" in prompt
        world.exit_code = 1
        await beats(world, 1, days=1)
        assert len(world.prompts) == 1


async def test_a_beat_does_not_see_the_end_of_its_own_tasks(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = "## Tasks\n- every: 10 minutes\n- when: any task ended\n\nx\n"
        await world.beat.look()
        world.answers = {"Tasks": Start(title="follow up", instructions="do 1")}
        await world.end_task(await world.add_task())
        await beats(world, 1, minutes=10)
        assert await world.queued() == ["owner's", "follow up"]
        assert world.orders[0].is_untrusted
        await world.end_task(2)
        world.answers = {"Tasks": Start(title="again", instructions="do 2")}
        await beats(world, 20, minutes=10)
        assert len(world.prompts) == 1


async def test_budgets_and_caps_hold_against_a_model_that_always_talks(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = "## Look\n- every: 1 minute\n- budget: 3 calls a day, $1\n\nlook\n"
        await beats(world, 60, minutes=1)
        assert len(world.prompts) == 3
        world.plan_text = "".join(
            f"## C{n}\n- every: 1 minute\n- budget: 500 calls a day, $9\n\nlook\n" for n in range(3)
        )
        world.usd = Decimal("0.2")
        await beats(world, 60, minutes=1)
        assert len(world.prompts) == 6  # three of a day's fifty cents


async def test_feedback_mutes_or_slows_a_check(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = LOOK
        world.answers = {"Look": Notify(text="x")}
        await world.beat.look()
        await beats(world, 1, minutes=30)
        async with world.database.transaction() as session:
            state = await world.checks.feedback(session, 1, "not_now", now=world.now)
            assert state is not None
            assert await world.checks.feedback(session, 99, "never", now=world.now) is None
        assert state.factor == 2
        await beats(world, 4, minutes=59)
        assert len(world.prompts) == 1
        async with world.database.transaction() as session:
            await world.checks.feedback(session, 1, "never", now=world.now)
        await beats(world, 20, days=10)
        assert len(world.prompts) == 1


async def test_a_busy_time_delays_a_beat(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = LOOK
        await world.beat.look()
        world.is_busy = True
        await beats(world, 5, hours=1)
        assert world.calls == []
        world.is_busy = False
        await beats(world, 1, minutes=1)
        assert world.calls == ["ask"]


async def test_a_model_that_cannot_be_asked_is_tried_at_the_next_time_only(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = "## File\n- every: 10 minutes\n- when: file changed a\n\nx\n"
        await world.beat.look()
        (tmp_path / "a").write_text("x")

        def refuse(name: str) -> None:
            if name == "asked":
                raise UserFacing("No model is configured.")

        world.before = refuse
        await beats(world, 1, minutes=10)
        await beats(world, 9, minutes=1)
        assert world.calls == ["ask"]
        runs = await world.checks.beats()
        assert runs[0].outcome == "No model is configured."
        world.before = lambda _: None
        world.answers = {"File": Notify(text="a came")}
        await beats(world, 1, minutes=1)
        assert await world.said() == ["a came"]  # the news was not lost


async def test_the_owner_runs_a_check_at_once(database_url: str, tmp_path: Path) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = LOOK
        world.answers = {"Look": Notify(text="now")}
        assert await world.beat.run_check("look")
        assert not await world.beat.run_check("unknown")
        assert await world.said() == ["now"]
        log = await world.checks.beats()
        assert (log[0].checks, log[0].outcome) == (("Look",), "Look: say")


async def test_an_answer_about_an_unknown_check_is_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with autonomy(database_url, tmp_path) as world:
        world.plan_text = LOOK
        await world.beat.look()

        async def odd(prompt: str, names: object) -> Asked:  # noqa: ARG001, RUF100
            return Asked(answers={"Stranger": Notify(text="hi")})

        world.ask = odd  # type: ignore[method-assign]
        world.__post_init__()
        await beats(world, 1, minutes=30)
        assert await world.said() == []
