"""What memory is made of: memories, passages, and what is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NewType

if TYPE_CHECKING:
    from datetime import datetime

MemoryId = NewType("MemoryId", int)
Layer = Literal["fact", "preference", "episode", "note"]
State = Literal["active", "superseded", "quarantined"]
Label = Literal["owner", "private", "untrusted"]

TEXT_CAP = 1_000
NOTE_DAYS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMemory:
    """Something to keep. `key` names its origin: the same key is kept once."""

    text: str
    key: str
    layer: Layer = "fact"
    label: Label = "owner"
    state: State = "active"
    message_id: int | None = None
    supersedes: MemoryId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """One memory as it is kept."""

    id: MemoryId
    layer: Layer
    text: str
    label: Label
    state: State
    message_id: int | None
    superseded_by: MemoryId | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What the owner said in one message, in their own words."""

    message_id: int
    text: str
    at: datetime
    is_correction: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What an extractor would remember. `supersedes` names the memory that it contradicts."""

    text: str
    message_id: int
    layer: Layer = "fact"
    supersedes: MemoryId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What to look for.

    `kinds`: memories, messages or both. `before`: only messages with a smaller id. `embed_s`: how
    long to wait for the query's vector; without it full text alone decides.
    """

    text: str
    limit: int = 10
    kinds: Literal["memories", "messages", "all"] = "all"
    before: int | None = None
    embed_s: float = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A passage that was found.

    `coverage`: how much of the query its words cover (0 to about 1). `nearness`: cosine of the
    vectors on the present model's scale, 0 when they were not compared. Both are the best of the
    passage and of the neighbour that brought it in.
    """

    id: int
    text: str
    role: str
    label: Label
    at: datetime
    score: float
    coverage: float = 0.0
    nearness: float = 0.0
    memory_id: MemoryId | None = None
    message_id: int | None = None
    layer: Layer | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """How much background work there is, and how much of it failed before."""

    to_index: int
    to_extract: int
    to_embed: int
    failed: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.to_index + self.to_extract + self.to_embed


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """An embedding model that has vectors here. `has_center`: its vectors have sign bits.

    `dimension`: numbers in a vector; 0 while nobody knows.
    """

    id: int
    name: str
    dimension: int
    has_center: bool = field(default=False)
