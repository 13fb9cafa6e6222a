"""The owner chooses another embedding model: what is remembered is found by meaning throughout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.memory_cards import NEAREST
from coordinator.embedding import OFFLINE_MODEL
from core.db import Database
from tests.support.embedding_server import embedding_server

if TYPE_CHECKING:
    from tests.support.world import World

KEPT = ("My car is green and quite old", "Anna likes jazz concerts", "The rent is due on Fridays")
LOOK = "select pg_sleep(0.05)::text"
HELD = """
select coalesce(string_agg(format('%s: %s', m.name, v.held), ', ' order by m.name), '')
from memory_models m
cross join lateral (select count(*) as held from memory_vectors where model_id = m.id) v
where v.held > 0
"""


async def vectors(world: World, wanted: str) -> None:
    """Waits until the models hold so many vectors."""
    database = await Database.connect(world.env["DATABASE_URL"])
    found = ""
    try:
        async with asyncio.timeout(60):
            while found != wanted:
                await database.fetchval(LOOK)
                found = await database.fetchval(HELD)
    except TimeoutError:
        raise AssertionError(f"{found!r} instead of {wanted!r}") from None
    finally:
        await database.close()


async def first(world: World, words: str) -> str:
    """What `/recall` shows first, once the helper process has started."""
    for _ in range(20):
        seen = {shown.id for shown in world.telegram.bot_messages()}
        world.says(f"/recall {words}")
        shown = await world.sees(lambda m, seen=seen: m.id not in seen)  # type: ignore[misc] # bound
        if shown.text.startswith(NEAREST):
            return shown.text.splitlines()[2]
    raise AssertionError("nothing was found by meaning")


async def test_what_is_remembered_is_found_by_meaning_before_during_and_after_the_change(
    world_without_model: World,
) -> None:
    world = world_without_model
    async with embedding_server({"vehicle": "car"}) as service:
        await world.start(with_executor=False)
        for number, text in enumerate(KEPT, start=1):
            world.says(f"/remember {text}")
            await world.sees(f"remember that ({number})")
        await vectors(world, f"{OFFLINE_MODEL}: 3")
        assert KEPT[0] in await first(world, "vehicle")
        world.says(f"/config embedding.base_url {service.url}")
        await world.sees("embedding.base_url")
        world.says("/config embedding.model words-64")
        await world.sees("embedding.model")
        assert KEPT[0] in await first(world, "vehicle")
        await vectors(world, f"{OFFLINE_MODEL}: 3")
        world.says("/remember Boats are never on time")
        await world.sees("remember that (4)")
        service.may_index.set()
        await vectors(world, "words-64: 4")
        assert KEPT[0] in await first(world, "vehicle")
        assert service.asked[-1] == ["vehicle"]
