"""While one embedding model takes the place of another, what both embedded is found by meaning."""

import pytest

from coordinator.memory import index
from coordinator.memory.search import NEAR
from coordinator.memory.types import Query
from core.db import Database
from tests.integration.coordinator.memory.conftest import Mind

SYNONYMS = {"automobile": "car", "residence": "house", "feline": "cat"}
MODELS = "select array_agg(name order by name) from memory_models"


@pytest.fixture
async def changing(mind: Mind) -> Mind:
    """Two passages with vectors of model a; the model is b by now."""
    mind.embedder.name, mind.embedder.synonyms = "a", SYNONYMS
    await mind.keep("my car is green")
    await mind.keep("my house is old")
    await mind.work()
    mind.embedder.name = "b"
    return mind


async def embed_one(mind: Mind, *, newest: bool = True) -> str:
    """Gives one of the passages that wait its vector of the present model."""
    model_id = await mind.index.use_model(mind.embedder.name, mind.embedder.dimension)
    waiting = (await mind.index.unembedded(50))[0 if newest else -1]
    made = await mind.embedder.embed([waiting.text], kind="passage")
    await mind.index.add_vectors(model_id, [waiting.id], made.vectors)
    await mind.index.settle(model_id, mind.embedder.name)
    return waiting.text


async def nearest(mind: Mind, text: str) -> str:
    """What comes nearest by its vector."""
    return max(await mind.search.find(Query(text=text)), key=lambda one: one.nearness).text


async def test_the_former_vectors_answer_at_once_after_the_change(changing: Mind) -> None:
    assert (await changing.found("automobile"))[0] == "my car is green"


async def test_both_what_is_embedded_anew_and_what_is_not_yet_is_found_by_meaning(
    changing: Mind,
) -> None:
    assert await embed_one(changing) == "my house is old"
    assert await changing.index.shares_beside("b") == {"a": 1.0, "b": 0.5}
    assert (await changing.found("automobile"))[0] == "my car is green"
    assert (await changing.found("residence"))[0] == "my house is old"


async def test_what_came_after_the_change_has_the_new_vector_only_and_is_found_by_it(
    changing: Mind,
) -> None:
    await changing.keep("my cat is white")
    assert await embed_one(changing) == "my cat is white"
    assert await changing.index.shares_beside("b") == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    assert await nearest(changing, "feline") == "my cat is white"
    assert (await changing.found("automobile"))[0] == "my car is green"


async def test_what_comes_to_mind_is_measured_by_the_scale_of_the_model_that_found_it(
    mind: Mind,
) -> None:
    (known, near), *_ = NEAR.items()
    mind.embedder.name, mind.embedder.synonyms = known, SYNONYMS
    await mind.keep("my car is green")
    await mind.work()
    mind.embedder.name = "b"
    (found,) = await mind.search.find(Query(text="automobile green"))
    assert found.nearness == pytest.approx(0.5**0.5 * 0.5 / near, abs=0.01)
    assert found.nearness < mind.search.near == 0.5


async def test_while_the_former_model_cannot_be_asked_words_answer(changing: Mind) -> None:
    changing.embedder.gone = ("a",)
    assert await changing.found("green cars") == ["my car is green"]
    assert await changing.found("automobile") == []
    await embed_one(changing)
    assert (await changing.found("residence"))[0] == "my house is old"
    assert (await changing.found("green cars"))[0] == "my car is green"


async def test_while_the_new_model_is_away_the_former_one_answers(changing: Mind) -> None:
    changing.embedder.gone = ("b",)
    assert (await changing.found("automobile"))[0] == "my car is green"


async def test_after_the_last_passage_the_former_vectors_go_and_nobody_asks_that_model(
    changing: Mind,
) -> None:
    assert await embed_one(changing) == "my house is old"
    assert await changing.database.fetchval(MODELS) == ["a", "b"]
    await changing.work()
    assert await changing.database.fetchval(MODELS) == ["b"]
    assert await changing.database.fetchval("select count(*) from memory_vectors") == 2
    changing.embedder.asked.clear()
    assert (await changing.found("automobile"))[0] == "my car is green"
    assert changing.embedder.asked == ["b"]


async def test_without_a_former_model_a_search_costs_no_more_than_before(
    mind: Mind, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mind.keep("my car is green")
    await mind.work()
    await mind.found("car")
    mind.embedder.asked.clear()
    looks: list[str] = []
    plain = Database.fetchval

    async def counted(self: Database, query: str, *arguments: object) -> object:
        looks.append(query)
        return await plain(self, query, *arguments)

    monkeypatch.setattr(Database, "fetchval", counted)
    for _ in range(5):
        await mind.found("car")
    assert mind.embedder.asked == ["words"] * 5
    assert looks == []


async def test_going_back_takes_effect_at_once_and_embeds_only_what_is_missing(
    changing: Mind,
) -> None:
    await changing.keep("my cat is white")
    assert await embed_one(changing) == "my cat is white"
    changing.embedder.name = "a"
    changing.embedder.texts.clear()
    assert (await changing.found("automobile"))[0] == "my car is green"
    assert await nearest(changing, "feline") == "my cat is white"
    changing.embedder.texts.clear()
    await changing.work()
    assert changing.embedder.texts == ["my cat is white"]
    assert await changing.database.fetchval(MODELS) == ["a"]


async def test_a_model_that_was_dropped_and_comes_back_is_searched_by_its_new_vectors(
    mind: Mind,
) -> None:
    mind.index.center_from = 2
    mind.embedder.synonyms = SYNONYMS
    await mind.keep("my car is green")
    await mind.keep("my house is old")
    for name in ("a", "b", "a"):
        mind.embedder.name = name
        await mind.work()
        assert await mind.database.fetchval("select count(*) from memory_bits") == 2
        assert (await mind.found("automobile"))[0] == "my car is green"


async def test_a_service_that_changes_the_size_of_its_model_costs_no_failure(mind: Mind) -> None:
    mind.index.center_from = 2
    mind.embedder.synonyms = SYNONYMS
    await mind.keep("my car is green")
    await mind.keep("my house is old")
    await mind.work()
    mind.embedder.dimension = mind.embedder.dimensions["words"] = 300
    assert await mind.found("green cars") == ["my car is green"]
    await mind.keep("my cat is white")
    await mind.work()
    assert await mind.database.fetchval("select count(*) from memory_vectors") == 3
    assert await mind.database.fetchval("select count(*) from memory_bits") == 3
    assert (await mind.found("automobile"))[0] == "my car is green"
    assert (await mind.found("feline"))[0] == "my cat is white"


async def test_a_process_that_does_not_know_the_size_of_its_model_yet_keeps_the_vectors(
    mind: Mind,
) -> None:
    await mind.keep("my car is green")
    await mind.work()
    await index.PassageIndex(mind.database).use_model("words", 0)
    assert await mind.database.fetchval("select dimension from memory_models") == 512
    assert await mind.database.fetchval("select count(*) from memory_vectors") == 1
