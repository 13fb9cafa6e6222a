"""Memories are kept once, replaced with their history, and really deleted."""

import pytest

from coordinator.memory.types import TEXT_CAP
from core.errors import UserFacing
from tests.integration.coordinator.memory.conftest import Mind


async def test_the_same_key_and_the_same_words_are_kept_once(mind: Mind) -> None:
    assert await mind.keep("I like tea", key="update:1")
    assert await mind.keep("I like tea very much", key="update:1") is None
    assert await mind.keep("i like tea.", key="update:2") is None
    assert (await mind.store.counts())["active"] == 1


async def test_a_memory_that_says_otherwise_replaces_the_old_one_and_keeps_its_history(
    mind: Mind,
) -> None:
    old = await mind.keep("I live in Rome")
    new = await mind.keep("I live in Oslo", supersedes=old)
    newest = await mind.keep("I live in Bern", supersedes=new)
    assert newest is not None
    assert await mind.found("where do I live") == ["I live in Bern"]
    assert [m.text for m in await mind.store.history(newest)] == [
        "I live in Oslo",
        "I live in Rome",
    ]


async def test_what_is_forgotten_stands_in_no_table_any_more(mind: Mind) -> None:
    (message,) = await mind.say("I was born in Timbuktu. fine")
    await mind.work()
    (old,) = await mind.store.newest("active", limit=5)
    new = await mind.keep("I was born near Timbuktu", supersedes=old.id, message_id=message)
    assert new is not None
    await mind.work()
    assert "memory_words" in await mind.everywhere("timbuktu")
    async with mind.database.transaction() as session:
        assert set(await mind.store.forget(session, [new])) == {old.id, new}
    assert await mind.everywhere("timbuktu") == []
    rows = await mind.database.fetch("select id from memories_forgotten")
    assert {row["id"] for row in rows} == {old.id, new}
    assert await mind.database.fetchval("select count(*) from memory_vectors") == 0


async def test_doubtful_memories_are_not_found_until_they_are_confirmed(mind: Mind) -> None:
    doubtful = await mind.keep("The owner pays at once", state="quarantined", label="untrusted")
    assert doubtful is not None
    assert await mind.found("pays") == []
    async with mind.database.transaction() as session:
        assert await mind.store.confirm(session, doubtful)
        assert not await mind.store.confirm(session, doubtful)
    assert await mind.found("pays") == ["The owner pays at once"]


async def test_an_edit_replaces_the_words_also_in_the_search(mind: Mind) -> None:
    number = await mind.keep("My sister is Anna")
    assert number is not None
    async with mind.database.transaction() as session:
        assert await mind.store.edit(session, number, "My sister is Hanna")
        assert not await mind.store.edit(session, 999, "nobody")
    assert await mind.found("sister") == ["My sister is Hanna"]
    assert await mind.everywhere("anna") == await mind.everywhere("hanna")


async def test_working_notes_expire(mind: Mind) -> None:
    await mind.keep("the plumber comes today", layer="note")
    await mind.keep("I like tea")
    await mind.database.execute("update memories set expires_at = now() - interval '1 second' "
                                "where expires_at is not null")  # fmt: skip
    await mind.store.forget_expired()
    assert [m.text for m in await mind.store.all()] == ["I like tea"]


@pytest.mark.parametrize("text", ["", " \n ", "x" * (TEXT_CAP + 1)])
async def test_nothing_and_far_too_much_is_refused(mind: Mind, text: str) -> None:
    with pytest.raises(UserFacing):
        await mind.keep(text)


async def test_odd_characters_do_no_harm(mind: Mind) -> None:
    for text in ("a\x00b", "\ud800 lone", "it's % _ \\ ' \" :* & | ! <-> (", "語言 مرحبا 🎉"):
        assert await mind.keep(text)
        await mind.found(text)
    assert await mind.found("語言") == ["語言 مرحبا 🎉"]
