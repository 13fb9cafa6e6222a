"""What memory needs from others: vectors, and what is worth remembering in a message.

Implementations live outside the serving process. While one is away it raises `Retryable`: the turn
goes on, the work waits in Postgres, and search falls back to full text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from coordinator.memory.types import Candidate, Memory, Words

Side = Literal["query", "passage"]


class Vectors(Protocol):
    """Vectors of length 1, and the model that made them; models cannot be mixed."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""

    @property
    def vectors(self) -> Sequence[Sequence[float]]:
        """One a text, in order."""


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """The model in force; another name means that everything is embedded anew."""

    @property
    def dimension(self) -> int:
        """Numbers in a vector; 0 while nobody knows."""

    async def embed(self, texts: Sequence[str], *, kind: Side) -> Vectors:
        """One vector a text. `Retryable` while the model is away."""

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Side) -> Vectors:
        """The same by a former model. `Retryable` when it cannot be asked any more."""


class Extractor(Protocol):
    """Finds what to remember in what the owner said."""

    async def extract(
        self, said: Sequence[Words], known: Sequence[Memory], *, now: datetime
    ) -> Sequence[Candidate]:
        """New memories, and those that contradict one of `known`. `Retryable` while away.

        `said` holds the owner's own words only. Each candidate names the message it comes from.
        """
