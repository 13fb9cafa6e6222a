"""Archives in the chat, with the real serving process."""

import asyncio

from core.db import Database
from tests.support.archives import bomb, with_a_link, zipped
from tests.support.world import World


async def fetched(world: World, count: int) -> dict[str, tuple[str | None, str | None]]:
    """Path and error of every file by its name, once all are settled."""
    database = await Database.connect(world.env["DATABASE_URL"], size=1)
    try:
        async with asyncio.timeout(30):
            while True:
                rows = await database.fetch(
                    "select name, path, error from files where coalesce(path, error) is not null"
                )
                if len(rows) == count:
                    return {row["name"]: (row["path"], row["error"]) for row in rows}
                await asyncio.sleep(0.05)
    finally:
        await database.close()


async def test_hostile_archives_are_refused_in_the_chat_and_an_honest_one_is_taken(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    honest = zipped(("notes/a.txt", b"one"), ("b.txt", b"two"))
    for name, content in (("bomb", bomb()), ("link", with_a_link()), ("honest", honest)):
        world.telegram.person.send_files([(f"{name}.zip", "application/zip", content)])
    big, link = (
        "bomb.zip was not taken: it unpacks to more than 300 MB.",
        "link.zip was not taken: 'a' is a symbolic link.",
    )
    await world.sees(big)
    await world.sees(link)
    found = await fetched(world, 3)
    path = str(world.home / "files" / "3" / "honest.zip")
    assert found == {"bomb.zip": (None, big), "link.zip": (None, link), "honest.zip": (path, None)}
    kept = [p for p in (world.home / "files").rglob("*") if not p.is_dir()]
    assert [(str(p), p.read_bytes()) for p in kept] == [(path, honest)]
    assert not any("honest.zip was not" in text for text in world.chat())


async def test_a_command_about_a_refused_archive_says_why(world_without_model: World) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    (sent,) = world.telegram.person.send_files([("link.zip", "application/zip", with_a_link())])
    await world.sees("link.zip was not taken")
    asked = world.says("/run unzip link.zip", reply_to=sent)
    await world.sees(lambda m: m.id > asked and "'a' is a symbolic link" in m.text)
    world.says("/status")
    await world.sees("Nothing is running.")
