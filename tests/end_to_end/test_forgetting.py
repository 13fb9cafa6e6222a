"""/forget in the real processes: the word stands in no table, no Redis key and no file of ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from core.db import Database
from tests.support.model_server import Body, Reply, last_user, say, tool_results
from tests.support.world import World, world

if TYPE_CHECKING:
    from pathlib import Path

    from playground.state import Shown

__all__ = ["world"]

WORD = "quixotic"
GONE = "select not exists (select from instance where value ->> 'round' = '1')"  # its first round
TABLES = """
select table_name as name from information_schema.tables
where table_schema = 'public' and table_type = 'BASE TABLE'
"""


async def in_tables(database: Database, word: str) -> list[str]:
    """The tables in which the word stands, in base64 too."""
    query = "select count(*) from {} as t where t::text ilike $1"
    found = [
        row["name"]
        for row in await database.fetch(TABLES)
        if await database.fetchval(query.format(row["name"]), f"%{word}%")
    ]
    files = await database.fetch(
        "select convert_from(decode(payload ->> 'content', 'base64'), 'UTF8') as text from outbox "
        "where payload ? 'content'"
    )
    return found + ["outbox content" for row in files if word in row["text"].lower()]


async def in_redis(url: str, word: str) -> list[str]:
    """The keys whose dumped values hold the word."""
    redis: Redis = Redis.from_url(url)
    try:
        keys = [bytes(key) for key in await redis.keys("*") if isinstance(key, bytes)]
        dumps = [(key, bytes(await redis.dump(key) or b"")) for key in keys]
    finally:
        await redis.aclose()
    return [key.decode() for key, dump in dumps if word.encode() in (key + dump).lower()]


def in_files(home: Path, word: str) -> list[str]:
    """The files under the instance's home that hold the word."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and word.encode() in (path.name.encode() + path.read_bytes()).lower()
    ]


def script(body: Body) -> Reply:
    """Repeats what the owner says, and delegates when they want it."""
    if tool_results(body):
        return say(f"Started, with the {WORD} word.")
    said = last_user(body)
    if "please delegate" in said:
        task = {"title": f"say {WORD}", "instructions": f"say {WORD} twice"}
        return Reply(calls=(("delegate", task),))
    if body["messages"][0]["role"] == "system" and "tools" not in body:
        return say(f"The task said {WORD}.")
    return say(f"You told me: {said}")


async def until(database: Database, query: str) -> None:
    async with asyncio.timeout(30):
        while not await database.fetchval(f"{query} and pg_sleep(0.05) is not null"):
            pass


async def forgets_all(world: World) -> Shown:
    """Asks for the card and presses its last button."""
    world.says(f"/forget {WORD}")
    card = await world.sees("This would be gone for good")
    world.telegram.person.press(card.id, forget_label(card))
    return await world.sees(lambda shown: shown.text.startswith("Forgotten."))


def forget_label(card: Shown) -> str:
    """The button for all, or for the only one."""
    labels = [str(key["text"]) for row in card.buttons for key in row]
    return labels[-1]


async def test_a_word_that_went_everywhere_is_found_nowhere(world: World) -> None:
    world.model.script = script
    await world.start()
    database = await Database.connect(world.env["DATABASE_URL"], size=2)
    world.says(f"/remember my locker has the code {WORD}")
    await world.sees("I will remember that")
    sent = world.says(f"the {WORD} code is for the locker")
    await world.sees("You told me: the")
    world.telegram.person.edit(sent, f"the {WORD} code is for my locker")
    await world.sees("for my locker")
    world.says(f"/run echo {WORD} | tr a-z A-Z")
    await world.sees(WORD.upper())
    world.says(f"please delegate {WORD}")
    await world.sees("Started, with the")
    world.says("/memory")
    await world.sees("I remember: 1")
    world.says(f"/memory edit 1 my {WORD} locker is red")
    await world.sees("1 is changed.")
    world.says("/memory export")
    await world.sees("Your 1 memory, with those that were replaced.")
    world.says(f"/recall {WORD}")
    await world.sees("1 my quixotic locker is red")
    await until(database, "select not exists (select from tasks where reported_at is null)")
    await until(database, "select not exists (select from memory_queue where work = 'index')")
    await until(database, "select not exists (select from outbox where state <> 'sent')")
    assert {"inbox", "messages", "outbox", "tasks", "task_steps", "memories"} <= set(
        await in_tables(database, WORD)
    )
    said = await forgets_all(world)
    await until(database, "select not exists (select from outbox where state <> 'sent')")
    await until(database, "select not exists (select from turns where state = 'open')")
    await until(database, GONE)
    assert await in_tables(database, WORD) == []
    assert await in_redis(world.env["REDIS_URL"], WORD) == []
    assert await asyncio.to_thread(in_files, world.home, WORD) == []
    world.telegram.person.press(said.id, forget_label(said))
    await until(database, "select exists (select from outbox where method = 'delete') "
                          "and not exists (select from outbox where state <> 'sent')")  # fmt: skip
    assert not any(WORD in text.lower() for text in world.chat())
    await database.close()


async def test_a_kill_in_the_middle_forgets_all_the_same(world: World) -> None:
    world.model.script = script
    await world.start(with_executor=False)
    database = await Database.connect(world.env["DATABASE_URL"], size=2)
    world.says(f"/remember my locker has the code {WORD}")
    await world.sees("I will remember that")
    world.says(f"/forget {WORD}")
    card = await world.sees("This would be gone for good")
    world.telegram.person.press(card.id, forget_label(card))
    world.serve.kill()
    await world.start(with_executor=False)
    await world.sees(lambda shown: shown.text.startswith("Forgotten."))
    await until(database, "select not exists (select from outbox where state <> 'sent')")
    await until(database, GONE)
    assert await in_tables(database, WORD) == []
    assert sum(text.startswith("Forgotten.") for text in world.chat()) == 1
    await database.close()
