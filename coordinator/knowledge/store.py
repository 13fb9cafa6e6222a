"""Writes of the knowledge base. Each step is one transaction: a `kill -9` leaves whole steps.

    queued      the file is kept at home; reading has not begun
    reading     a container reads it; after a kill it is read again (three times at most)
    embedding   its chunks are there and answer by words, in place of the document it replaces
    ready       every chunk has a vector of the present model
    failed      `error` says why; the document it was to replace still answers

Raises `Retryable` while Postgres is away; cancelling rolls back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.knowledge.index import as_vector
from coordinator.knowledge.types import Document, DocumentId, DocumentState
from core.db import storable
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.knowledge.segments import Segment
    from core.db import Database, Session

SQL = load_queries("coordinator.knowledge")
CENTER_FROM = 3_000  # vectors; fewer are compared in full faster than through their signs


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDocument:
    """A file to be read. `path` is our own copy of it; `digest` its SHA-256."""

    name: str
    digest: str
    path: str
    size: int
    source: str
    chat_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A file of the chat that is to become a document; without a path it could not be fetched."""

    file_id: int
    chat_id: int
    name: str
    path: str | None
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A document that is to be read now. `taken` counts the times, this one with them."""

    id: DocumentId
    name: str
    path: str
    size: int
    source: str
    chat_id: int | None
    taken: int
    card: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far the embedding of a document is, in chunks."""

    id: DocumentId
    name: str
    chat_id: int | None
    card: int | None
    chunks: int
    done: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unembedded:
    """A chunk without a vector."""

    id: int
    text: str
    headings: tuple[str, ...]


class Store:
    """Documents and their chunks."""

    def __init__(self, database: Database, *, center_from: int = CENTER_FROM) -> None:
        self._db = database
        self._center_from = center_from

    async def has_vectors(self) -> bool:
        """Whether this Postgres can keep vectors; makes their tables when it newly can."""
        return bool(await self._db.fetchval(SQL["make_vectors"]))

    # --- documents ---

    async def add(self, session: Session, new: NewDocument) -> DocumentId | None:
        """Queues a document; None when the newest of that name is the very same file."""
        if await session.fetchval(SQL["current_digest"], new.name) == new.digest:
            return None
        await session.execute(SQL["drop_coming"], new.name)
        number = await session.fetchval(
            SQL["add"], storable(new.name), new.digest, new.path, new.size, new.source, new.chat_id
        )
        return DocumentId(number)

    async def documents(self) -> list[Document]:
        """All of them, by name."""
        rows = await self._db.fetch(SQL["list"])
        return [Document(**{**row, "state": DocumentState(row["state"])}) for row in rows]

    async def name_of(self, session: Session, number: int) -> str:
        """The document's name; empty when it is gone."""
        return await session.fetchval(SQL["name_of"], number) or ""

    async def remove(self, session: Session, name: str) -> list[str]:
        """Deletes a document with all that was made of it; returns the paths of its files.

        A file that still lies in the folder does not bring it back by itself.
        """
        await session.execute(SQL["leave"], name)
        return [row["path"] for row in await session.fetch(SQL["remove"], name)]

    async def left(self) -> dict[str, str]:
        """Digests of folder files that the owner does not want, by name."""
        return {row["name"]: row["digest"] for row in await self._db.fetch(SQL["left"])}

    # --- files that the owner sent ---

    async def want(self, session: Session, file_id: int, chat_id: int) -> None:
        """The file is to become a document once it is fetched."""
        await session.execute(SQL["want"], file_id, chat_id)

    async def wanted(self) -> Wanted | None:
        """The next such file that was fetched, or that never will be."""
        row = await self._db.fetchrow(SQL["wanted"])
        return Wanted(**row) if row else None

    async def had(self, session: Session, file_id: int) -> None:
        """It was dealt with."""
        await session.execute(SQL["had"], file_id)

    async def paths(self) -> frozenset[str]:
        """Where the files of all documents lie."""
        return frozenset(row["path"] for row in await self._db.fetch(SQL["paths"]))

    async def folder(self) -> dict[str, tuple[str, str]]:
        """Digest and state of what came from the folder, by name; the newest version counts."""
        rows = await self._db.fetch(SQL["folder_digests"])
        return {row["name"]: (row["digest"], row["state"]) for row in rows}

    # --- reading ---

    async def take(self) -> Taken | None:
        """The next document to read, now in `reading`."""
        row = await self._db.fetchrow(SQL["take"])
        return Taken(**row) if row else None

    async def put_back(self, document: Taken, after_s: float) -> None:
        """Reading could not be tried; that does not count as a time."""
        await self._db.execute(SQL["put_back"], document.id, after_s, 1)

    async def fail(self, session: Session, number: DocumentId, reason: str) -> bool:
        """Reading it is of no use; False when that is known already or it was removed."""
        return await session.fetchrow(SQL["fail"], number, storable(reason)[:500]) is not None

    async def set_card(self, session: Session, number: DocumentId, card: int) -> None:
        """Remembers the message that shows how far it is."""
        await session.execute(SQL["set_card"], number, card)

    async def begin(self, session: Session, number: DocumentId) -> bool:
        """Locks a document whose chunks are about to be written; False when it was removed."""
        if await session.fetchval(SQL["lock_document"], number) is None:
            return False
        await session.execute(SQL["drop_postings"], number)
        await session.execute(SQL["drop_chunks"], number)
        return True

    async def add_segment(self, session: Session, number: DocumentId, segment: Segment) -> None:
        """Writes a run of chunks and their postings."""
        chunks = segment.chunks
        rows = await session.fetch(
            SQL["add_chunks"], number, [c.position for c in chunks], [c.page for c in chunks],
            [storable("\n".join(h.replace("\n", " ") for h in c.headings)) for c in chunks],
            [storable(c.text) for c in chunks], [storable(t) for t in segment.terms],
        )  # fmt: skip
        ids = {row["position"]: row["id"] for row in rows}
        first = chunks[0].position
        await session.executemany(
            SQL["add_posting"],
            [
                (storable(term), number, first, [ids[first + at] for at in places], weights)
                for term, (places, weights) in sorted(segment.postings.items())
            ],
        )

    async def publish(
        self, session: Session, document: Taken, *, chunks: int, pages: int, may_embed: bool
    ) -> list[str]:
        """The chunks answer from this commit on; returns the paths of what they replace."""
        former = await session.fetch(SQL["drop_former"], document.name, document.id)
        if may_embed:
            await session.execute(SQL["to_be_embedded"], document.id)
        state = "embedding" if may_embed else "ready"
        await session.execute(SQL["make_current"], document.id, state, chunks, pages)
        return [row["path"] for row in former]

    # --- vectors ---

    async def use_model(self, name: str) -> int:
        """The number of the model in force; when it is another than before, all is embedded anew.

        Vectors of the former one stay until the last chunk has a new one.
        """
        async with self._db.transaction() as session:
            row = await session.fetchrow(SQL["keep_model"], name)
            assert row is not None  # noqa: S101 - an upsert returns its row
            if not row["is_present"]:
                await session.execute(SQL["make_present"], row["id"])
                await session.execute(SQL["unembed_all"], row["id"])
                await session.execute(SQL["unqueue_embedded"], row["id"])
            return int(row["id"])

    async def unembedded(self, limit: int) -> list[Unembedded]:
        """Chunks without a vector of the present model, oldest first."""
        rows = await self._db.fetch(SQL["due_to_embed"], limit)
        return [Unembedded(id=r["id"], text=r["text"], headings=tuple(r["headings"])) for r in rows]

    async def keep_vectors(
        self, model_id: int, ids: Sequence[int], vectors: Sequence[Sequence[float]]
    ) -> None:
        """Keeps what the model made."""
        texts = [as_vector(vector) for vector in vectors]
        await self._db.execute(SQL["add_vectors"], model_id, list(ids), texts)

    async def settle(self) -> list[Progress]:
        """Marks as ready what is embedded wholly."""
        return [
            Progress(id=r["id"], name=r["name"], chat_id=r["chat_id"], card=r["card"],
                     chunks=r["chunks"], done=r["chunks"])
            for r in await self._db.fetch(SQL["settle"])
        ]  # fmt: skip

    async def progress(self) -> list[Progress]:
        """What is being embedded."""
        return [
            Progress(id=r["id"], name=r["name"], chat_id=r["chat_id"], card=r["card"],
                     chunks=r["chunks"], done=r["chunks"] - r["missing"])
            for r in await self._db.fetch(SQL["progress"])
        ]  # fmt: skip

    async def tidy(self, model_id: int) -> None:
        """After all is embedded: forgets former models, and begins to use signs when many."""
        await self._db.execute(SQL["drop_other_models"])
        async with self._db.transaction() as session:
            count = await session.fetchval(SQL["count_vectors"], model_id)
            has_bits = await session.fetchval(SQL["asks_center"], model_id)
            if count >= self._center_from and has_bits is False:
                await session.execute(SQL["set_center"], model_id)
                await session.execute(SQL["add_bits"], model_id)
                await session.execute(SQL["has_center"], model_id)
