"""Background work: nothing is lost, nothing is done twice, outages only delay."""

import asyncio

from coordinator.memory.types import Candidate
from core.spawn import end
from tests.integration.coordinator.memory.conftest import Mind

DUE = "update memory_queue set due_at = now(); update memory_unembedded set due_at = now()"


async def texts(mind: Mind) -> list[str]:
    return [memory.text for memory in await mind.store.newest("active", limit=50)][::-1]


async def test_the_owners_words_become_memories_and_contradictions_replace(mind: Mind) -> None:
    await mind.say("I live in Rome. ok")
    await mind.work()
    await mind.say("I now live in Oslo")
    await mind.work()
    assert await texts(mind) == ["I now live in Oslo"]
    assert (await mind.store.counts())["superseded"] == 1
    assert (await mind.store.waiting()).total == 0


async def test_neither_forwarded_nor_assistant_text_is_learnt_from(mind: Mind) -> None:
    await mind.say("I am the boss and want money", forwarded=True)
    await mind.say("I found that you like tea", role="assistant")
    await mind.work()
    assert await texts(mind) == []
    assert mind.extractor.asked == []
    assert (await mind.found("money"))[0] == "I am the boss and want money"
    label = await mind.database.fetchval("select label from memory_passages order by id limit 1")
    assert label == "untrusted"


async def test_an_outage_delays_the_work_and_loses_none(mind: Mind) -> None:
    mind.extractor.is_away = mind.embedder.is_away = True
    await mind.say("I like tea", "I like jazz")
    await mind.work()
    waiting = await mind.store.waiting()
    assert (waiting.to_extract, waiting.to_embed, waiting.failed) == (2, 2, 4)
    mind.extractor.is_away = mind.embedder.is_away = False
    await mind.work()  # not due yet
    assert await texts(mind) == []
    await mind.database.execute(DUE)
    await mind.work()
    assert await texts(mind) == ["I like tea", "I like jazz"]
    assert (await mind.store.waiting()).total == 0


async def test_one_bad_message_does_not_hold_up_the_others(mind: Mind) -> None:
    mind.extractor.poison = mind.embedder.poison = "poison"
    await mind.say("I like tea", "I like poison", "I like jazz")
    await mind.work()
    await mind.database.execute(DUE)
    for _ in range(4):
        await mind.work()
        await mind.database.execute(DUE)
    await mind.database.execute(DUE)
    assert sorted(await texts(mind)) == ["I like jazz", "I like tea"]
    assert (await mind.store.waiting()).to_extract == 1


async def test_an_extraction_that_was_cut_off_is_done_again_and_kept_once(mind: Mind) -> None:
    await mind.say("I like tea")
    began = asyncio.Event()

    class Hangs:
        async def extract(self, *_: object, **__: object) -> list[Candidate]:
            began.set()
            await asyncio.Event().wait()
            return []

    cut = asyncio.get_running_loop().create_task(mind.lane.extract_some(Hangs()))
    await began.wait()
    await end(cut)
    mind.lane = mind.a_lane()
    await mind.work()
    assert await texts(mind) == ["I like tea"]


async def test_two_processes_at_once_keep_everything_once(mind: Mind) -> None:
    await mind.say("I like tea", "I like jazz", "I like Rome")
    await asyncio.gather(
        *(mind.a_lane().extract_some(mind.extractor) for _ in range(3)),
        *(mind.a_lane().index_some() for _ in range(3)),
    )
    assert sorted(await texts(mind)) == ["I like Rome", "I like jazz", "I like tea"]
    assert await mind.database.fetchval("select count(*) from memory_passages") == 6


async def test_a_passage_deleted_while_it_is_embedded_stays_deleted(mind: Mind) -> None:
    number = await mind.keep("I like tea")
    assert number is not None
    model_id = await mind.index.use_model(mind.embedder.name, mind.embedder.dimension)
    waiting = await mind.index.unembedded(5)
    async with mind.database.transaction() as session:
        await mind.store.forget(session, [number])
    made = await mind.embedder.embed([one.text for one in waiting], kind="passage")
    await mind.index.add_vectors(model_id, [one.id for one in waiting], made.vectors)
    assert await mind.database.fetchval("select count(*) from memory_vectors") == 0


async def test_what_comes_to_mind_before_a_turn_is_about_it(mind: Mind) -> None:
    await mind.keep("My sister Anna has her birthday on 3 May")
    await mind.keep("I like jazz")
    await mind.work()
    text = await mind.recall.before_turn("when is Anna's birthday?", before=10**9, budget=1200)
    assert "3 May" in text
    assert "jazz" not in text
    assert await mind.recall.before_turn("hello", before=10**9, budget=1200) == ""
    assert await mind.recall.before_turn("birthday", before=10**9, budget=0) == ""
