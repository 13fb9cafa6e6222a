"""Documents in the chat: the real serving process, a real reader's container, no model."""

from tests.support.world import World

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
