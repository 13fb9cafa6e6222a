"""Documents in the chat: the real serving process, a real reader's container, a scripted model."""

import asyncio
import re

from coordinator.knowledge.store import Store
from coordinator.knowledge.types import Document
from core.db import Database
from tests.support.model_server import (
    Body,
    Reply,
    call,
    last_user,
    say,
    tool_names,
    tool_results,
)
from tests.support.world import World

LEAD = "From what you gave me I can say this much, and it is long enough to be shown while I write."
LEASE = b"# Lease\n\nThe notice period is three months.\n\n# Rent\n\nThe rent is five hundred.\n"


async def test_a_document_sent_with_docs_add_answers_and_can_be_removed(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    world.telegram.person.send_files([("lease.md", "text/markdown", LEASE)], caption="/docs add")
    await world.sees("lease.md: read")
    world.says("/docs ask notice period")
    shown = await world.sees("The notice period is three months.")
    assert "lease.md" in shown.text
    world.says("/docs")
    await world.sees("Your documents: 1")


async def test_a_broken_document_gives_one_clear_reason(world_without_model: World) -> None:
    world = world_without_model
    await world.start()
    world.telegram.person.send_files([("a.pdf", "application/pdf", b"no pdf")], caption="/docs add")
    await world.sees("The file is damaged, or it is not what its name says.")


def from_documents(body: Body) -> Reply:
    """Asks the documents, then answers with the mark of the first passage it was given."""
    results = tool_results(body)
    if "search_docs" not in tool_names(body):
        return say(LEAD)
    if not results:
        return call("search_docs", query=last_user(body))
    mark = re.search(r"\[d\d+\]", results[-1])
    said = f"Three months {mark[0]}." if mark else "They do not say."
    return say(f"{LEAD} {said}", chunks=30, chunk_s=0.05)


async def sent(world: World, name: str, content: bytes) -> None:
    """Sends a document with `/docs add` and waits until it answers."""

    def told() -> int:
        return sum(f"{name}: read" in text for text in world.chat())

    before = told()
    world.telegram.person.send_files([(name, "text/plain", content)], caption="/docs add")
    await world.sees(lambda _: told() > before)


async def test_an_answer_cites_its_passage_and_a_button_sends_it(world: World) -> None:
    world.model.script = from_documents
    await world.start()
    world.says("hello")  # there is no such tool while there are no documents
    await world.sees(LEAD)
    assert "search_docs" not in tool_names(world.model.bodies[0])
    await sent(world, "lease.md", LEASE)
    world.says("What is the notice period?")
    answer = await world.sees("Three months [1].")
    told = tool_results(world.model.bodies[-1])[-1]
    assert "lease.md, Lease" in told
    assert "untrusted" in told
    (key,) = [b for row in answer.buttons for b in row]
    world.telegram.person.press(answer.id, key["text"])
    passage = await world.sees(lambda m: "The notice period is three months." in m.text)
    assert "lease.md" in passage.text


async def test_a_reply_with_docs_add_takes_an_earlier_file_and_a_new_version_replaces_it(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    (number,) = world.telegram.person.send_files([("lease.md", "text/markdown", LEASE)])
    world.says("/docs add", reply_to=number)
    await world.sees("lease.md: read")
    await sent(world, "lease.md", LEASE.replace(b"five hundred", b"six hundred and ten"))
    world.says("/docs ask rent")
    shown = await world.sees("six hundred and ten")
    assert "five hundred" not in shown.text
    world.says("/docs")
    listed = await world.sees("Your documents: 1")
    world.telegram.person.press(listed.id, "Remove lease.md")
    asked = await world.sees("Remove lease.md? ")
    world.telegram.person.press(asked.id, "Remove")
    world.says("/docs ask rent")
    await world.sees("You have no documents yet.")


async def test_a_kill_while_a_document_is_read_or_embedded_loses_and_doubles_nothing(
    world_without_model: World, database_url: str
) -> None:
    world = world_without_model
    await world.start()
    long = b"".join(b"# Part %d\n\nThe rent of part %d is %d.\n\n" % (n, n, n) for n in range(900))
    database = await Database.connect(database_url)
    store = Store(database)
    try:
        world.telegram.person.send_files([("a.md", "text/markdown", long)], caption="/docs add")
        await reaches(store, "reading")
        await again(world)
        await reaches(store, "embedding")
        await again(world)
        document = await reaches(store, "ready")
        rows = "select count(*), count(distinct position) from knowledge_chunks"
        count, different = tuple(await database.fetchrow(rows) or ())
        assert count == different == document.chunks
        assert await database.fetchval("select count(*) from knowledge_vectors") == count
        assert sum("a.md is ready" in t or "a.md: read" in t for t in world.chat()) == 1
    finally:
        await database.close()


async def again(world: World) -> None:
    """serve is killed and starts anew."""
    world.serve.kill()
    world.serve.start()
    await world.serve.ready()


async def reaches(store: Store, state: str) -> Document:
    """The only document, once it is in this state."""
    async with asyncio.timeout(90):
        while True:
            for document in await store.documents():
                if document.state == state:
                    return document
            await asyncio.sleep(0.005)
