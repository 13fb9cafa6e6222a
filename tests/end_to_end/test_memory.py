"""What is kept survives kills and outages, and a standing rule holds whatever a model does."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from bot.texts import NEW_TALK
from core.db import Database
from tests.support.model_server import Answer, Body, Fault, Reply, last_user, say, tool_names
from tests.support.web import EchoWeb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.support.world import World

API = "api.example.com"
FACT = '{"memory": [{"id": "0", "text": "Sister Anna lives in Timbuktu", "from": "m0"}]}'


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[EchoWeb]:
    made = EchoWeb(tmp_path / "web", API)
    await made.start()
    yield made
    await made.stop()


def is_turn(body: Body) -> bool:
    return "delegate" in tool_names(body)


def is_summary(body: Body) -> bool:
    return not body.get("tools") and "Summarise this conversation" in str(body["messages"][0])


def is_extraction(body: Body) -> bool:
    return not body.get("tools") and not is_summary(body)


async def until(world: World, query: str, wanted: object, *arguments: object) -> None:
    """Waits until a query has this answer."""
    database = await Database.connect(world.env["DATABASE_URL"])
    try:
        async with asyncio.timeout(60):
            while (found := await database.fetchval(query, *arguments)) != wanted:
                await database.fetchval("select pg_sleep(0.05)::text")
                assert found is not Ellipsis
    finally:
        await database.close()


async def ask(world: World, query: str) -> object:
    database = await Database.connect(world.env["DATABASE_URL"])
    try:
        return await database.fetchval(query)
    finally:
        await database.close()


async def under_way(world: World, wanted: Callable[[Body], bool]) -> None:
    """Waits until the model was asked such a thing."""
    async with asyncio.timeout(60):
        while not any(wanted(body) for body in world.model.bodies):
            await asyncio.sleep(0.02)


def answers(body: Body) -> Answer:
    return say(f"answer to {last_user(body)[:9]}")


# --- standing rules ---


async def test_an_order_holds_a_task_that_runs_until_the_owner_lifts_it(
    world_without_model: World, web: EchoWeb
) -> None:
    world = world_without_model
    world.env |= web.environment()
    await world.start()
    world.says("/grant api.example.com GET POST")
    await world.sees("All tasks may reach api.example.com now")
    post = "curl -sS -d {} https://api.example.com/b"
    world.says(f"/run {post.format('one')}; sleep 6; {post.format('two')}; {post.format('three')}")
    async with asyncio.timeout(30):
        while len(web.requests) < 1:
            await asyncio.sleep(0.02)
    world.says("Please do not send anything until I say so.")
    card = await world.sees("Standing rule 1: Please do not send anything until I say so.")
    assert "I will ask you before anything is sent" in card.text
    asked = await world.sees("asks for your approval")
    assert "standing rule" in asked.text
    assert [r["body"] for r in web.requests] == ["one"]
    assert not any("Always" in b["text"] for row in asked.buttons for b in row)
    world.telegram.person.press(asked.id, "Approve")
    second = await world.sees(lambda m: "asks for your approval" in m.text and m.id != asked.id)
    assert [r["body"] for r in web.requests] == ["one", "two"]
    world.telegram.person.press(card.id, "Lift 1")
    await world.sees("Lifted: 1.")
    world.telegram.person.press(second.id, "Deny")
    await world.sees("The owner said no.")
    world.says(f"/run {post.format('four')}")
    async with asyncio.timeout(30):
        while len(web.requests) < 3:
            await asyncio.sleep(0.02)
    assert [r["body"] for r in web.requests] == ["one", "two", "four"]


async def test_rules_are_listed_added_lifted_and_stand_in_every_prompt(world: World) -> None:
    seen: list[str] = []

    def script(body: Body) -> Answer:
        if is_turn(body):
            seen.append(body["messages"][0]["content"])
        return answers(body)

    world.model.script = script
    await world.start(with_executor=False)
    world.says("/rules")
    await world.sees("No standing rules.")
    world.says("/rules add always answer in German")
    await world.sees("I will keep to it in every answer")
    world.says("/new")
    await world.sees(lambda m: m.text == NEW_TALK)
    world.says("hello 01")
    await world.sees("answer to hello 01")
    assert "1. always answer in German" in seen[-1]
    world.says("/context what now?")
    assert "standing rules: " in (await world.sees("What the model would see")).text
    world.says("/rules forbid 1")
    await world.sees("Nothing is sent, changed or deleted by any task")
    world.says("/rules lift 1")
    await world.sees("Lifted: 1.")
    world.says("hello 02")
    await world.sees("answer to hello 02")
    assert "always answer in German" not in seen[-1].split("Earlier in")[0]


async def test_a_model_keeps_a_rule_and_cannot_lift_one(world: World) -> None:
    def script(body: Body) -> Answer:
        done = [m["content"] for m in body["messages"] if m["role"] == "tool"]
        if done:
            return say(f"Kept: {done[-1]}")
        arguments = {"text": "My accounts are off limits", "restrains": True}
        return Reply(calls=(("standing_rule", arguments),))

    world.model.script = script
    await world.start(with_executor=False)
    world.says("my accounts are off limits, remember that")
    await world.sees("Standing rule 1: My accounts are off limits")
    await world.sees("Kept: It stands as rule 1")
    await until(world, "select hold from standing_rules where lifted_at is null", "ask")


# --- kills and outages ---


async def test_a_kill_in_the_middle_of_a_summary_loses_and_doubles_nothing(world: World) -> None:
    is_slow = True

    def script(body: Body) -> Answer:
        if is_summary(body):
            return say("SUMMARY of it all", pause_s=60 if is_slow else 0)
        return answers(body) if is_turn(body) else say('{"memory": []}')

    world.model.script = script
    await world.start(with_executor=False)
    world.says("/config chat.history_kb 2")
    await world.sees("chat.history_kb")
    for number in range(10, 18):
        world.says(f"hello {number} " + "x" * 400)
        await world.sees(f"answer to hello {number}")
    await under_way(world, is_summary)
    world.serve.kill()
    assert await ask(world, "select coalesce(max(text), '') from summaries") == ""
    is_slow = False
    world.serve.start()
    await world.serve.ready()
    world.says("hello 18")
    await world.sees("answer to hello 18")
    await until(world, "select text from summaries", "SUMMARY of it all")
    given = [b["messages"][1]["content"] for b in world.model.bodies if is_summary(b)]
    assert "hello 10" in given[-1]
    assert [m for m in world.chat() if "answer to hello" in m] == [
        f"answer to hello {n}" for n in range(10, 19)
    ]


async def test_a_kill_in_the_middle_of_learning_keeps_each_memory_once(world: World) -> None:
    is_slow = True

    def script(body: Body) -> Answer:
        if is_extraction(body):
            return say(FACT, pause_s=60 if is_slow else 0)
        return answers(body)

    world.model.script = script
    await world.start(with_executor=False)
    world.says("hello 20, my sister Anna lives in Timbuktu")
    await world.sees("answer to hello 20")
    await ask(world, "update memory_queue set due_at = clock_timestamp() returning 1")
    world.says("hello 21")
    await under_way(world, is_extraction)
    world.serve.kill()
    assert await ask(world, "select count(*) from memories") == 0
    is_slow = False
    world.serve.start()
    await world.serve.ready()
    await ask(world, "update memory_queue set due_at = clock_timestamp() returning 1")
    world.says("hello 22, where does she live?")
    await until(world, "select count(*) from memory_queue where work = 'extract' "
                "and message_id = (select min(id) from messages)", 0)  # fmt: skip
    await ask(world, "update memory_queue set due_at = clock_timestamp() returning 1")
    world.says("hello 23")
    await until(world, "select count(*) from memory_queue where work = 'extract' "
                "and due_at <= clock_timestamp()", 0)  # fmt: skip
    assert await ask(world, "select count(*) from memories where text like '%Timbuktu'") == 1


async def test_without_embedder_and_summariser_turns_go_on_and_recall_finds_words(
    world: World,
) -> None:
    seen: list[str] = []

    def script(body: Body) -> Answer:
        if not is_turn(body):
            return Fault(status=500)
        seen.append(body["messages"][0]["content"])
        return answers(body)

    world.model.script = script
    await world.start(with_executor=False)
    world.says("/config embedding.base_url http://127.0.0.1:9/v1")
    await world.sees("embedding.base_url")
    world.says("/config embedding.model away")
    await world.sees("embedding.model")
    world.says("/config chat.history_kb 2")
    await world.sees("chat.history_kb")
    world.says("hello 30, the locker has the code quixotic")
    await world.sees("answer to hello 30")
    for number in range(31, 37):
        world.says(f"hello {number} " + "x" * 500)
        await world.sees(f"answer to hello {number}")
    await until(world, "select count(*) from memory_passages where text like '%quixotic%'", 1)
    world.says("hello 37, what was the code of the locker?")
    await world.sees("answer to hello 37")
    assert "quixotic" in seen[-1], "by full text alone"
    waiting = await ask(world, "select count(*) from memory_unembedded")
    assert isinstance(waiting, int)
    assert waiting > 0
    assert json.dumps(world.chat()).count("answer to hello 30") == 1


async def test_a_model_that_is_away_is_asked_again_and_the_message_is_answered_once(
    world: World,
) -> None:
    faults: list[Answer] = [Fault(status=503), Fault(status=503)]

    def script(body: Body) -> Answer:
        if is_turn(body) and faults:
            return faults.pop()
        return answers(body) if is_turn(body) else Reply(text='{"memory": []}')

    world.model.script = script
    await world.start(with_executor=False)
    world.says("hello 40")
    await world.sees("answer to hello 40", 60)
    assert json.dumps(world.chat()).count("answer to hello 40") == 1
    assert await ask(world, "select count(*) from messages where role = 'owner'") == 1
