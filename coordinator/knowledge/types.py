"""What the knowledge base is made of. Positions are counted in characters, pages from 1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

DocumentId = NewType("DocumentId", int)
ChunkId = NewType("ChunkId", int)


class DocumentState(StrEnum):
    """How far a document is.

    queued ──► reading ──► embedding ──► ready
                  └──────────► failed (with a reason)

    What is `embedding` answers by its words already.
    """

    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A piece of a document as the reader gave it: Markdown or code.

    `number` is None where a format has no pages; `headings` stand above all that the page says
    itself (a slide's title, a sheet's name).
    """

    text: str
    number: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A passage of about 400 tokens. `start` and `end` are its place in the document's text."""

    position: int
    text: str
    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document of the owner as it stands.

    `size` is in bytes; `done` of `chunks` are embedded; `error` says why it failed.
    """

    id: DocumentId
    name: str
    state: DocumentState
    size: int
    pages: int | None
    chunks: int
    done: int
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A chunk that was found, with the document it stands in. A higher `score` is better."""

    id: ChunkId
    document_id: DocumentId
    document: str
    position: int
    text: str
    page: int | None
    headings: tuple[str, ...]
    score: float

    @property
    def place(self) -> str:
        """Where it stands, for a citation: document, then page or heading."""
        if self.page is not None:
            return f"{self.document}, p. {self.page}"
        if self.headings:
            return f"{self.document}, {' > '.join(self.headings[-2:])}"
        return f"{self.document}, part {self.position + 1}"
