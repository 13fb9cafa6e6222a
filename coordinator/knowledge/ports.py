"""What the knowledge base needs from others: a reader of files, vectors, and a way to tell.

While one is away it raises `Retryable`: the work waits in Postgres, and words alone answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from coordinator.asking import Made
    from core.db import Session

Kind = Literal["query", "passage"]


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """The model in force; another name means that everything is embedded anew."""

    async def embed(self, texts: Sequence[str], *, kind: Kind) -> Made:
        """The vectors. `Retryable` while the model is away, `UserFacing` when it needs mending."""

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Kind) -> Made:
        """The same by a former model. `Retryable` when it cannot be asked any more."""


class Reader(Protocol):
    """Reads a file in a container of its own."""

    async def read(self, path: Path, name: str) -> Path:
        """The file with the pages, one JSON object a line.

        `UserFacing` says why the document cannot be read, `Retryable` that nobody can read now.
        """


class Notices(Protocol):
    """How the owner hears about a document. Everything is part of the caller's transaction."""

    async def say(self, session: Session, chat_id: int, text: str) -> None:
        """A message of its own."""

    async def show(self, session: Session, chat_id: int, text: str, *, card: int | None) -> int:
        """One message that is edited; returns its number for the next edit."""

    def wake(self) -> None:
        """To be called after a commit."""
