"""A question's vectors: by the model in force and, while it replaces others, by those too.

Vectors of two models cannot be compared. So after a change of model each of them is asked for the
question, each finds what it embedded itself, and `coordinator.fusion.by_share` makes one ranking of
it. Nearly always there is no former model: that is known for `SETTLED_S`, in which a question costs
one embedding and no look into the database.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

log = logging.getLogger(__name__)

SETTLED_S = 60.0
FORMER = 2  # so many models at most are asked beside the one in force


class Made(Protocol):
    """What an embedder gives back."""

    @property
    def model(self) -> str:
        """Who made the vectors."""

    @property
    def vectors(self) -> Sequence[Sequence[float]]:
        """One a text, in order, of length 1 each."""


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """The model in force."""

    async def embed(self, texts: Sequence[str], *, kind: Literal["query"]) -> Made:
        """By the model in force. `Retryable` while away, `UserFacing` when it needs mending."""

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Literal["query"]) -> Made:
        """By a former model. `Retryable` when it cannot be asked any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question's vector. `share`: how much of what is kept that model has embedded, 0 to 1."""

    model: str
    vector: Sequence[float]
    share: float = 1.0


class Asking:
    """Asks for a question's vectors.

    `shares` tells, for the name of the model in force, the share of every model that has vectors
    here; empty when there is no other one.
    """

    def __init__(
        self, embedder: Embedder, shares: Callable[[str], Awaitable[Mapping[str, float]]], *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._embedder = embedder
        self._shares = shares
        self._clock = clock
        self._settled: tuple[str, float] | None = None

    async def vectors(self, text: str, *, within_s: float) -> tuple[Asked, ...]:
        """The vectors of those models that answer in time; none when all are away.

        Cancelling leaves nothing.
        """
        present = self._embedder.name
        shares = await self._known(present)
        if not shares:
            own = await self._own(text, within_s)
            return (own,) if own else ()
        former = formers(shares, present)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._own(text, within_s))]
            tasks += [group.create_task(self._by(name, text, within_s)) for name in former]
        asked = (one for task in tasks if (one := task.result()) is not None)
        each = {one.model: one for one in asked}
        return tuple(
            Asked(model=name, vector=one.vector, share=shares.get(name, 0.0))
            for name, one in each.items()
        )

    async def _known(self, present: str) -> Mapping[str, float]:
        now = self._clock()
        if self._settled is not None:
            name, since = self._settled
            if name == present and now - since < SETTLED_S:
                return {}
        shares = await self._shares(present)
        self._settled = None if shares else (present, now)
        return shares

    async def _own(self, text: str, within_s: float) -> Asked | None:
        return await _made(self._embedder.embed([text], kind="query"), within_s)

    async def _by(self, model: str, text: str, within_s: float) -> Asked | None:
        return await _made(self._embedder.embed_by(model, [text], kind="query"), within_s)


def formers(shares: Mapping[str, float], present: str) -> list[str]:
    """The models to ask beside the one in force: those that embedded the most. Pure."""
    others = [name for name, share in shares.items() if name != present and share > 0]
    return sorted(others, key=lambda name: (-shares[name], name))[:FORMER]


async def _made(work: Awaitable[Made], within_s: float) -> Asked | None:
    try:
        async with asyncio.timeout(within_s):
            made = await work
    except (Retryable, UserFacing, TimeoutError) as error:
        log.debug("a question goes without a vector: %s", type(error).__name__)
        return None
    return Asked(model=made.model, vector=made.vectors[0])
