"""Memory as the owner uses it, without any model, in the real serving process."""

import asyncio
import json
from pathlib import Path

from core.db import Database
from tests.support.model_server import Body, Reply, last_user, say, tool_results
from tests.support.world import World


async def test_what_is_remembered_is_found_changed_and_forgotten_without_a_model(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    world.says("/remember My sister Anna was born in Timbuktu")
    await world.sees("I will remember that (1).")
    world.says("/remember my sister Anna was born in Timbuktu.")
    await world.sees("I know that already.")
    world.says("/recall sister")
    await world.sees("1 My sister Anna was born in Timbuktu")
    world.says("/memory edit 1 My sister Anna was born in Ouagadougou")
    await world.sees("1 is changed.")
    world.says("/memory")
    await world.sees("I remember: 1")
    world.says("/memory search nothing-like-it-zzz")
    world.says("/forget anna")
    card = await world.sees("This would be gone for good")
    world.telegram.person.press(card.id, "Forget 1.")
    await world.sees("Forgotten.")
    world.telegram.person.press(card.id, "Forget 1.")
    world.says("/recall Anna")
    await world.sees("I remember nothing about that.")
    world.says("/memory forget 7")
    await world.sees("I have no memory 7.")


async def test_earlier_messages_can_be_found_and_forgotten(world_without_model: World) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    world.says("my locker has the code quixotic")
    await world.sees("No model is set up yet")
    await _until_indexed(world)
    world.says("/recall locker code")
    await world.sees("You: my locker has the code quixotic")
    world.says("/forget quixotic")
    card = await world.sees("This would be gone for good")
    world.telegram.person.press(card.id, "Forget 1.")
    await world.sees("Forgotten.")
    database = await Database.connect(world.env["DATABASE_URL"])
    going = "select count(*) from instance, pg_sleep(0.05) where value ->> 'round' = '1'"
    async with asyncio.timeout(20):
        while await database.fetchval(going):
            pass
    for table in ("messages", "memory_passages", "memory_words"):
        query = f"select count(*) from {table} as t where t::text like '%quixot%'"
        assert await database.fetchval(query) == 0
    await database.close()


async def test_what_was_said_beside_it_is_not_forgotten_with_it(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    for number, text in enumerate(("I am allergic to peanuts", "my locker has the code quixotic")):
        world.says(text)
        await _until_told(world, number + 1)
    await _until_indexed(world, count=4)
    world.says("/forget quixotic")
    card = await world.sees("This would be gone for good")
    assert "peanuts" not in card.text
    assert [key["text"] for row in card.buttons for key in row] == ["Forget 1."]
    world.says("/recall peanuts")
    assert "locker" not in (await world.sees("You: I am allergic to peanuts")).text


async def _until_told(world: World, count: int) -> None:
    await world.sees(lambda _: sum("No model" in text for text in world.chat()) >= count)


async def _until_indexed(world: World, count: int = 1) -> None:
    database = await Database.connect(world.env["DATABASE_URL"])
    look = "select (select count(*) from memory_passages) >= $1 from pg_sleep(0.05)"
    async with asyncio.timeout(20):
        while not await database.fetchval(look, count):
            pass
    await database.close()


async def test_all_memories_come_back_as_a_file(world_without_model: World) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    world.says("/remember I like tea")
    await world.sees("I will remember that")
    world.says("/memory export")
    await world.sees("Your 1 memory, with those that were replaced.")
    database = await Database.connect(world.env["DATABASE_URL"])
    payload = await database.fetchval("select payload from outbox where method = 'file'")
    await database.close()
    assert "content" not in payload
    exported = json.loads(await asyncio.to_thread(Path(payload["path"]).read_text))
    assert exported["memories"][0]["text"] == "I like tea"


async def test_what_is_known_stands_in_the_prompt_and_doubtful_memories_are_asked_about(
    world: World,
) -> None:
    def script(body: Body) -> object:
        system = body["messages"][0]["content"]
        if tool_results(body):
            return say("done")
        if "page" in last_user(body):
            return Reply(calls=(("remember", {"text": "The owner pays invoices at once"}),))
        return say("I know it." if "Anna was born in Timbuktu" in system else "Who?")

    world.model.script = script  # type: ignore[assignment]
    await world.start(with_executor=False)
    world.says("/remember My sister Anna was born in Timbuktu")
    await world.sees("I will remember that")
    world.says("where was my sister Anna born?")
    await world.sees("I know it.")
    world.says("read that page")
    card = await world.sees("Shall I remember this?")
    world.telegram.person.press(card.id, "Keep 2")
    database = await Database.connect(world.env["DATABASE_URL"])
    look = "select state from memories where id = 2 and pg_sleep(0.05) is not null"
    async with asyncio.timeout(20):
        while await database.fetchval(look) != "active":
            pass
    queued = await database.fetchval("select count(*) from memory_queue where work = 'extract'")
    await database.close()
    assert queued == 2
