"""What the agent does by itself: schedules, triggers and the heartbeat, in real processes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from core.db import Database
from heartbeat.signatures import sign
from tests.support.model_server import Body, Reply, call, say, tool_names, tool_results
from tests.support.world import World

PLAN = "/schedule every Monday at 9: /run echo planned-$((40+2))"
SECRET = "webhook-secret-0123456789abcdef"
PAUSED = "Schedules, checks and triggers are paused; /resume starts them again."
CHECKS = b"""## Invoices
- every: 2 hours

Tell me of overdue ones.

## Web
- when: url changed https://x.example.com

Tell me.
"""
ANSWER = '{"answers": [{"check": "Invoices", "kind": "notify", "text": "Invoice 7 is overdue."}]}'


@pytest.fixture
async def database(world: World) -> AsyncIterator[Database]:
    made = await Database.connect(world.env["DATABASE_URL"], size=2)
    yield made
    await made.close()


async def plan(world: World) -> None:
    world.says(PLAN)
    card = await world.sees("Plan this?")
    assert "every Monday at 09:00 (UTC)" in card.text
    assert card.text.count("Mon ") == 3
    world.telegram.person.press(card.id, "Confirm")
    await world.sees("Scheduled as 1:")


def results(world: World, text: str) -> int:
    return sum(" done ·" in shown and text in shown for shown in world.chat())


async def test_a_confirmed_schedule_runs_when_told_to_and_is_reported_once(world: World) -> None:
    await world.start()
    await plan(world)
    world.says("/schedules")
    card = await world.sees("Planned")
    world.telegram.person.press(card.id, "Run now")
    await world.sees(lambda m: "planned-42" in m.text and " done ·" in m.text)
    world.telegram.person.press(card.id, "History")
    await world.sees(lambda m: m.text.startswith("1 ") and "#1" in m.text)
    world.telegram.person.press(card.id, "Pause 1")
    await world.sees(lambda m: m.id == card.id and "paused" in m.text)
    world.telegram.person.press(card.id, "Delete")
    await world.sees(lambda m: m.id == card.id and "Nothing is planned." in m.text)
    assert results(world, "planned-42") == 1


async def test_a_card_that_was_not_confirmed_plans_nothing(
    world: World, database: Database
) -> None:
    await world.start(with_executor=False)
    world.says(PLAN)
    card = await world.sees("Plan this?")
    world.telegram.person.press(card.id, "Cancel")
    await world.sees("Not scheduled.")
    world.says("/schedule whenever you like: dance")
    await world.sees("as a time that repeats")
    world.says("/schedules")
    await world.sees("Nothing is planned.")
    assert await database.fetchval("select count(*)::int from schedules") == 0


async def test_a_due_time_happens_once_whatever_is_killed(world: World, database: Database) -> None:
    await world.start()
    await plan(world)
    await database.execute(
        "update schedules set last_time = now() - interval '8 days', next_time = now()"
    )
    world.serve.kill()
    for _ in range(3):
        world.serve.start()
        await world.serve.ready()
        await until(database, "select count(*) > 0 from schedule_runs")
        world.serve.kill()
    world.serve.start()
    await world.serve.ready()
    await world.sees(lambda m: "planned-42" in m.text and " done ·" in m.text)
    assert await database.fetchval("select count(*)::int from schedule_runs") == 1
    assert await database.fetchval("select count(*)::int from tasks") == 1
    assert results(world, "planned-42") == 1
    row = await database.fetchrow("select origin, manifest from tasks")
    assert row is not None
    assert row["origin"] == "schedule"
    assert (row["manifest"]["hosts"], row["manifest"]["reads"]) == ([], [])


async def test_a_signed_webhook_starts_one_labelled_task_and_nothing_else_does(
    world: World, database: Database
) -> None:
    def script(body: Body) -> Reply:
        assert "delegate" not in tool_names(body)
        if not tool_results(body):
            return call("shell", command="echo seen")
        return call("finish", result="The push was summed up.")

    world.model.script = script
    await world.start()
    port = free_port()
    world.says(f"/config triggers.port {port}")
    await world.sees(str(port))
    world.says(f"/secret set HOOK_DEPLOY hooks.invalid {SECRET}")
    await world.sees("HOOK_DEPLOY is kept")
    world.says("/trigger webhook deploy: sum up what was pushed")
    made = await world.sees("Trigger deploy is on.")
    url = f"http://127.0.0.1:{port}/hooks/deploy"
    assert url in made.text
    body = b'{"ref": "refs/heads/main"}'
    good = {"X-AgentAI-Signature": sign(body, secret=SECRET.encode(), now=datetime.now(UTC))}
    bad = {"X-AgentAI-Signature": sign(body, secret=b"another", now=datetime.now(UTC))}
    async with httpx.AsyncClient(trust_env=False) as client:
        await until_open(port)
        assert (await client.post(url, content=body, headers=bad)).status_code == 401
        assert (await client.post(url, content=body)).status_code == 401
        assert (await client.post(url, content=body, headers=good)).status_code == 202
        assert (await client.post(url, content=body, headers=good)).status_code == 202
    await world.sees("The push was summed up.")
    rows = await database.fetch("select origin, labels, manifest, instructions from tasks")
    assert len(rows) == 1
    assert (rows[0]["origin"], rows[0]["labels"]) == ("trigger", ["untrusted"])
    assert rows[0]["manifest"]["hosts"] == []
    assert "refs/heads/main" in rows[0]["instructions"]


async def test_the_model_proposes_a_schedule_and_only_the_tap_makes_it(
    world: World, database: Database
) -> None:
    def script(body: Body) -> Reply:
        if tool_results(body):
            return say("Please confirm the card.")
        return call("schedule", when="every Monday at 9", what="make the timesheet")

    world.model.script = script
    await world.start(with_executor=False)
    world.says("every monday at 9 make my timesheet please")
    card = await world.sees("Plan this?")
    await world.sees("Please confirm the card.")
    assert await database.fetchval("select count(*)::int from schedules") == 0
    world.telegram.person.press(card.id, "Confirm")
    await world.sees("Scheduled as 1:")
    assert await database.fetchval("select instructions from schedules") == "make the timesheet"


async def test_a_check_speaks_once_and_its_buttons_count(world: World, database: Database) -> None:
    world.model.script = lambda body: say("ok" if "delegate" in tool_names(body) else ANSWER)
    await world.start(with_executor=False)
    world.telegram.person.send_files([("HEARTBEAT.md", "text/markdown", CHECKS)])
    card = await world.sees("Replace HEARTBEAT.md with this?")
    assert not (world.home / "HEARTBEAT.md").exists()
    world.telegram.person.press(card.id, "Replace")
    async with asyncio.timeout(30):  # a button and a command may overtake each other
        while not (world.home / "HEARTBEAT.md").exists():
            await asyncio.sleep(0.02)
    world.says("/heartbeat")
    await world.sees(lambda m: m.text.startswith("Invoices"))
    assert (world.home / "HEARTBEAT.md").read_bytes() == CHECKS
    world.says("/heartbeat run invoices")
    notice = await world.sees("Invoice 7 is overdue.")
    world.telegram.person.press(notice.id, "Never")
    await until(database, "select count(*) > 0 from notices where feedback = 'never'")
    world.says("/heartbeat run Invoices")
    await until(database, "select count(*) = 2 from beat_runs where outcome <> 'asked'")
    world.says("/heartbeat")
    await world.sees("muted")
    world.telegram.person.press(notice.id, "Not now")
    await until(database, "select count(*) > 0 from notices where feedback = 'not_now'")
    assert await database.fetchval("select factor from check_states where name = 'Invoices'") == 2
    world.telegram.person.press(notice.id, "Useful")
    await until(database, "select count(*) > 0 from notices where feedback = 'useful'")
    row = await database.fetchrow("select * from check_states where name = 'Invoices'")
    assert row is not None
    assert (row["factor"], row["muted_until"]) == (1, None)
    assert sum("Invoice 7 is overdue." in shown for shown in world.chat()) == 1
    assert not any("[file" in str(body) for body in world.model.bodies)  # its card answered it
    assert await database.fetchval("select sum(cost_usd) > 0 from beat_runs")


async def test_a_check_is_paused_resumed_and_run_by_name_and_by_button(
    world: World, database: Database
) -> None:
    world.model.script = lambda body: say("ok" if "delegate" in tool_names(body) else ANSWER)
    (world.home / "HEARTBEAT.md").write_bytes(CHECKS.partition(b"## Web")[0])
    await world.start(with_executor=False)
    world.says("/heartbeat")
    card = await world.sees(lambda m: m.text.startswith("Invoices"))
    paused = "select is_paused from check_states where name = 'Invoices'"
    world.telegram.person.press(card.id, "Pause Invoices")
    await world.sees(lambda m: m.id == card.id and "paused" in m.text)
    assert await database.fetchval(paused)
    world.telegram.person.press(card.id, "Resume Invoices")
    await world.sees(lambda m: m.id == card.id and "next " in m.text)
    world.says("/heartbeat pause invoices")
    await world.sees("Invoices: paused.")
    world.says("/heartbeat resume INVOICES")
    await world.sees("Invoices: goes on.")
    assert not await database.fetchval(paused)
    world.telegram.person.press(card.id, "Run now")
    await world.sees("Invoice 7 is overdue.")


async def test_a_stop_pauses_everything_over_restarts_until_it_is_resumed(
    world: World, database: Database
) -> None:
    world.model.script = lambda _: say("too late", pause_s=60)  # the model hangs
    await world.start(with_executor=False)
    await plan(world)
    world.says("/trigger webhook deploy: sum it up")
    await world.sees("Trigger deploy is on.")
    world.says("how are you?")
    world.says("/stop")
    stopped = await world.sees(PAUSED)
    await database.execute("update schedules set next_time = now() - interval '1 day'")
    world.serve.kill()
    world.serve.start()
    await world.serve.ready()
    for command, head in (
        ("/status", "Nothing is running"), ("/schedules", "Planned"), ("/triggers", "Triggers"),
        ("/heartbeat", "Morning briefing"),
    ):  # fmt: skip
        world.says(command)
        async with asyncio.timeout(30):
            while not any(head in text and PAUSED in text for text in world.chat()):
                await asyncio.sleep(0.02)
    world.says("/heartbeat run Morning briefing")
    await world.sees("Nothing is asked while all is paused.")
    world.telegram.person.press(stopped.id, "Resume")
    await world.sees("Schedules, checks and triggers go on.")
    world.says("/resume")
    await world.sees("Nothing is paused.")
    await database.execute("update schedules set last_time = now() - interval '8 days'")
    await until(database, "select next_time > now() from schedules")
    assert await database.fetchval("select count(*)::int from tasks") == 0


async def test_a_model_is_not_called_while_nothing_is_due(world: World, database: Database) -> None:
    await world.start(with_executor=False)
    await plan(world)
    await until(database, "select count(*) > 0 from check_states")
    await database.execute("update check_states set last_run = now() + interval '1 minute'")
    for _ in range(2):  # two whole beats, each begun anew by a start
        world.serve.stop()
        world.serve.start()
        await world.serve.ready()
        world.says("/heartbeat log")
        await world.sees("No beat has asked the model yet.")
    assert world.model.requests == []


async def until(database: Database, question: str) -> None:
    async with asyncio.timeout(20):
        while not await database.fetchval(question):
            await asyncio.sleep(0.02)


async def until_open(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
