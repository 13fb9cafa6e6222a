"""Stand-ins for the two outside parts of memory, over their real ports."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coordinator.memory.types import Candidate, MemoryId
from core.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from coordinator.memory.ports import Side
    from coordinator.memory.types import Memory, Words


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeVectors:
    """The answer of `WordEmbedder`."""

    model: str
    dimension: int
    vectors: tuple[tuple[float, ...], ...]


@dataclass(kw_only=True, slots=True)
class WordEmbedder:
    """Texts with the same meaning words are near each other; `is_away` refuses.

    Each model has vectors of its own; those in `gone` cannot be asked any more. `asked` counts.
    """

    name: str = "words"
    dimension: int = 512
    is_away: bool = False
    poison: str = "\0"
    synonyms: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    gone: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    dimensions: dict[str, int] = field(default_factory=dict)

    async def embed(self, texts: Sequence[str], *, kind: Side) -> MadeVectors:
        """A vector made of the words."""
        return await self.embed_by(self.name, texts, kind=kind)

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Side) -> MadeVectors:
        """The same by this model."""
        del kind
        self.asked.append(model)
        if self.is_away or model in self.gone or any(self.poison in text for text in texts):
            raise Retryable("the embedder is away", 0.1)
        self.texts += texts
        dimension = self.dimensions.setdefault(model, self.dimension)
        vectors = tuple(self._vector(model, text, dimension) for text in texts)
        return MadeVectors(model=model, dimension=dimension, vectors=vectors)

    def _vector(self, model: str, text: str, dimension: int) -> tuple[float, ...]:
        sums = [0.001] * dimension
        for word in text.lower().split():
            meaning = self.synonyms.get(word.strip(".,?!"), word.strip(".,?!"))
            digest = hashlib.sha256(f"{model}:{meaning}".encode()).digest()
            sums[int.from_bytes(digest[:2]) % dimension] += 1.0
        length = math.sqrt(sum(number * number for number in sums))
        return tuple(number / length for number in sums)


@dataclass(kw_only=True, slots=True)
class LineExtractor:
    """Remembers each sentence that begins with "I"; "now" in it replaces what is known alike."""

    is_away: bool = False
    poison: str = "\0"
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def extract(
        self, said: Sequence[Words], known: Sequence[Memory], *, now: datetime
    ) -> Sequence[Candidate]:
        """The sentences as candidates."""
        del now
        if self.is_away or any(self.poison in words.text for words in said):
            raise Retryable("the extractor is away", 0.1)
        self.asked.append(tuple(words.text for words in said))
        return [
            Candidate(text=line, message_id=words.message_id, supersedes=_contradicted(line, known))
            for words in said
            for line in words.text.split(". ")
            if line.startswith("I ")
        ]


def _contradicted(line: str, known: Sequence[Memory]) -> MemoryId | None:
    if " now " not in line:
        return None
    verb = line.split(" now ")[1].split()[0]
    return next((memory.id for memory in known if verb in memory.text), None)
