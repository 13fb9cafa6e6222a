"""Which models are asked for a question, and when the database is looked at for that."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from coordinator.asking import SETTLED_S, Asked, Asking, formers
from core.errors import Retryable, UserFacing
from tests.support.memory import MadeVectors, WordEmbedder


@dataclass
class Shares:
    """The shares of the models, and how often somebody asked."""

    by_name: Mapping[str, float] = field(default_factory=dict)
    asked: int = 0

    async def __call__(self, present: str) -> Mapping[str, float]:
        """Empty when there is no other model."""
        self.asked += 1
        return self.by_name if any(name != present for name in self.by_name) else {}


async def models(asking: Asking) -> dict[str, float]:
    return {one.model: one.share for one in await asking.vectors("tea", within_s=1.0)}


@pytest.mark.parametrize(
    ("shares", "asked"),
    [
        ({}, []),
        ({"b": 1.0}, []),
        ({"a": 1.0}, ["a"]),
        ({"a": 1.0, "b": 0.3}, ["a"]),
        ({"a": 0.0, "b": 0.3}, []),  # it was chosen and never embedded anything
        ({"a": 0.2, "c": 0.9, "d": 0.5, "b": 0.1}, ["c", "d"]),
        ({"d": 0.5, "c": 0.5}, ["c", "d"]),
    ],
)
def test_the_models_that_embedded_the_most_are_asked_beside_the_one_in_force(
    shares: dict[str, float], asked: list[str]
) -> None:
    assert formers(shares, "b") == asked


async def test_without_a_former_model_there_is_one_call_and_no_look() -> None:
    embedder, shares = WordEmbedder(name="b"), Shares({"b": 1.0})
    asking = Asking(embedder, shares, clock=lambda: 5.0)
    for _ in range(4):
        assert await models(asking) == {"b": 1.0}
    assert (embedder.asked, shares.asked) == (["b"] * 4, 1)


async def test_a_change_of_model_is_seen_by_the_next_question() -> None:
    embedder, shares = WordEmbedder(name="b"), Shares({"b": 1.0})
    asking = Asking(embedder, shares, clock=lambda: 5.0)
    await models(asking)
    embedder.name = "c"
    assert await models(asking) == {"c": 0.0, "b": 1.0}
    shares.by_name = {"b": 1.0, "c": 0.5}
    assert await models(asking) == {"c": 0.5, "b": 1.0}
    shares.by_name = {"c": 1.0}
    assert [await models(asking) for _ in range(3)] == [{"c": 1.0}] * 3
    assert shares.asked == 4


async def test_what_is_settled_is_looked_at_again_after_a_while() -> None:
    now = 0.0
    embedder, shares = WordEmbedder(name="b"), Shares({"b": 1.0})
    asking = Asking(embedder, shares, clock=lambda: now)
    await models(asking)
    shares.by_name = {"a": 1.0, "b": 0.5}  # back and forth, with no question in between
    assert await models(asking) == {"b": 1.0}
    now = SETTLED_S
    assert await models(asking) == {"b": 0.5, "a": 1.0}


async def test_a_model_that_is_away_leaves_the_others() -> None:
    embedder, shares = WordEmbedder(name="b", gone=("a",)), Shares({"a": 1.0, "b": 0.5})
    asking = Asking(embedder, shares)
    assert await models(asking) == {"b": 0.5}
    embedder.gone = ("b",)
    assert await models(asking) == {"a": 1.0}
    embedder.is_away = True
    assert await models(asking) == {}


@pytest.mark.parametrize("error", [Retryable("away", 1.0), UserFacing("no key", "Set one.")])
async def test_an_embedder_that_needs_time_or_mending_means_words_alone(
    error: Retryable | UserFacing,
) -> None:
    class Fails(WordEmbedder):
        async def embed(self, *_: object, **__: object) -> MadeVectors:
            raise error

    assert await Asking(Fails(), Shares()).vectors("tea", within_s=1.0) == ()


async def test_a_slow_model_holds_up_neither_the_others_nor_the_question() -> None:
    class Slow(WordEmbedder):
        async def embed_by(self, model: str, *_: object, **__: object) -> MadeVectors:
            if model == "a":
                await asyncio.Event().wait()
            return MadeVectors(model=model, dimension=1, vectors=((1.0,),))

    asking = Asking(Slow(name="b"), Shares({"a": 1.0, "b": 0.5}))
    found = await asking.vectors("tea", within_s=0.02)
    assert found == (Asked(model="b", vector=(1.0,), share=0.5),)
