"""Words, vectors, neighbours and their bookkeeping in a real database."""

from datetime import UTC, datetime, timedelta

import pytest

from coordinator.memory import index
from coordinator.memory.search import Search
from coordinator.memory.types import Query
from core.db import Database
from core.errors import Retryable
from tests.integration.coordinator.memory.conftest import Mind
from tests.support.memory import WordEmbedder

COUNTED = """
select (select count(*) from memory_words where lexeme = 'tea') as kinds,
       (select coalesce(sum(passages), 0) from memory_words where lexeme = 'tea') as tea,
       (select passages from memory_totals) as passages, (select words from memory_totals) as words
"""


async def test_a_message_is_found_by_what_its_neighbour_says(mind: Mind) -> None:
    await mind.say("Which bike did you buy?")
    await mind.say("A red Brompton.")
    await mind.say("Nice weather today")
    await mind.work()
    found = await mind.found("bike", kinds="messages")
    assert found[:2] == ["Which bike did you buy?", "A red Brompton."]


async def test_what_means_the_same_is_found_without_a_common_word(mind: Mind) -> None:
    mind.embedder.synonyms = {"automobile": "car"}
    await mind.keep("my car is green")
    await mind.keep("my house is old")
    await mind.work()
    assert (await mind.found("automobile"))[0] == "my car is green"


async def test_without_the_embedder_words_alone_answer(mind: Mind) -> None:
    mind.embedder.is_away = True
    await mind.keep("my car is green")
    await mind.work()
    assert await mind.found("green cars") == ["my car is green"]


async def test_parts_of_words_are_found_when_nothing_else_is(mind: Mind) -> None:
    await mind.keep("My tax number is DE-4711-77")
    assert await mind.found("711-7", embed_s=0.0) == ["My tax number is DE-4711-77"]


async def test_memories_are_found_among_many_messages_when_only_they_are_wanted(mind: Mind) -> None:
    await mind.say(*(f"tea talk number {n}" for n in range(300)))
    await mind.keep("I drink tea without sugar, in the morning, mostly")
    await mind.work()
    assert await mind.found("tea", kinds="memories") == [
        "I drink tea without sugar, in the morning, mostly"
    ]


async def test_messages_that_the_prompt_holds_anyway_are_left_out(mind: Mind) -> None:
    (old,) = await mind.say("tea is good")
    (new,) = await mind.say("tea is great")
    await mind.work()
    assert await mind.found("tea", before=new) == ["tea is good"]
    assert await mind.found("tea", before=old) == []


async def test_newer_wins_when_all_else_is_equal(mind: Mind) -> None:
    first, second = await mind.keep("tea from Assam"), await mind.keep("tea from Ceylon")
    await mind.database.execute("update memory_passages set at = $2 where memory_id = $1",
                                first, datetime.now(UTC) - timedelta(days=900))  # fmt: skip
    found = await mind.search.find(Query(text="tea from", embed_s=0.0))
    assert [one.memory_id for one in found] == [second, first]


async def test_the_counts_behind_the_weights_are_exact(mind: Mind) -> None:
    await mind.say("tea and tea", "coffee", "more tea please")
    kept = await mind.keep("tea time")
    assert kept is not None
    await mind.work()
    row = (await mind.database.fetch(COUNTED))[0]
    real = (await mind.database.fetch("select count(*), sum(words) from memory_passages"))[0]
    assert (row["tea"], row["passages"], row["words"]) == (3, real[0], real[1])
    await mind.database.execute("delete from memory_passages")
    row = (await mind.database.fetch(COUNTED))[0]
    assert (row["kinds"], row["passages"], row["words"]) == (0, 0, 0)


async def test_a_new_model_embeds_everything_anew_and_the_old_vectors_go(mind: Mind) -> None:
    await mind.keep("I like tea")
    await mind.work()
    mind.embedder.name, mind.embedder.dimension = "other", 16
    assert await mind.found("tea") == ["I like tea"]  # by words, while it has no vector yet
    await mind.work()
    names = await mind.database.fetch("select name from memory_models")
    assert [row["name"] for row in names] == ["other"]
    assert await mind.database.fetchval("select count(*) from memory_vectors") == 1
    assert mind.embedder.texts[-1] == "I like tea"


async def test_many_vectors_are_compared_by_signs_first_and_nothing_near_is_missed(
    mind: Mind,
) -> None:
    mind.index.center_from = 100
    await mind.say(*(f"w{n} x{n % 7} y{n % 11} z{n % 13} note" for n in range(400)))
    await mind.work()
    assert await mind.database.fetchval("select count(*) from memory_bits") == 400
    await mind.say("a late w1234 message")
    await mind.work()
    assert await mind.database.fetchval("select count(*) from memory_bits") == 401
    vector = (await mind.embedder.embed(["w7 x0 y7 z7 note"], kind="query")).vectors[0]
    scope = index.Scope()
    by_signs = await mind.index.by_vector("words", vector, scope=scope, limit=5)
    fresh = index.PassageIndex(mind.database)
    await mind.database.execute("update memory_models set has_center = false")
    in_full = await fresh.by_vector("words", vector, scope=scope, limit=5)
    assert by_signs == pytest.approx(in_full)


async def test_a_database_without_vectors_answers_by_words(mind: Mind) -> None:
    for table in ("memory_bits", "memory_vectors", "memory_centers"):
        await mind.database.execute(f"drop table {table}")
    await mind.database.execute("create or replace function memory_make_vectors() returns boolean "
                                "language sql as 'select false'")  # fmt: skip
    plain = Search(index.PassageIndex(mind.database), mind.embedder)
    await mind.keep("I like tea")
    assert [one.text for one in await plain.find(Query(text="tea"))] == ["I like tea"]


async def test_a_database_that_goes_away_is_told_as_such(database_url: str) -> None:
    gone = await Database.connect(database_url)
    await gone.close()
    with pytest.raises(Retryable):
        await Search(index.PassageIndex(gone), WordEmbedder()).find(Query(text="tea"))
