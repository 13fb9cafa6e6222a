"""Takes documents from `queued` to `ready`: two lanes, reading and embedding, both resumable.

Reading and embedding are apart, so that a book that is being embedded does not hold up the next
letter, and everything answers by words as soon as it is read. Heavy pure work runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.knowledge.formats import is_code
from coordinator.knowledge.segments import embedding_text, read_pages, segments_of
from core.errors import Retryable, UserFacing
from core.wake import Wake, again_on_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coordinator.knowledge.ports import Embedder, Notices, Reader
    from coordinator.knowledge.segments import Segment
    from coordinator.knowledge.store import Store, Taken
    from coordinator.knowledge.types import Page
    from core.db import Database

log = logging.getLogger(__name__)

TRIES = 3
BATCH = 16
LOOK_EVERY_S = 60.0
LONG = 64  # chunks; how far a longer document is, is shown
BROKE_OFF = "Reading it broke off three times."
NOTHING = "There is no text in it that I can read (perhaps it is a scan)."


class Ingest:
    """Run `read_step` and `embed_step` forever; `wake` when a document was queued."""

    def __init__(
        self, *, database: Database, store: Store, reader: Reader, embedder: Embedder | None,
        notices: Notices,
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._reader = reader
        self._embedder = embedder
        self._notices = notices
        self._to_read = Wake(LOOK_EVERY_S)
        self._to_embed = Wake(LOOK_EVERY_S)
        self._shown: dict[int, int] = {}

    def wake(self) -> None:
        """There may be something to read."""
        self._to_read.set()

    # --- reading ---

    async def read_step(self) -> None:
        """Reads all that is queued, one at a time. Raises `Retryable` while Postgres is away."""
        with again_on_failure(self._to_read):
            while (document := await self._store.take()) is not None:
                await self._read(document)
        await self._to_read.wait()

    async def _read(self, document: Taken) -> None:
        if document.taken > TRIES:
            await self._fail(document, BROKE_OFF)
            return
        try:
            pages = await self._reader.read(Path(document.path), document.name)
            try:
                await self._index(document, pages)
            finally:
                await asyncio.to_thread(discard_pages, pages)
        except UserFacing as error:
            await self._fail(document, error.sentence())
        except Retryable as error:
            log.warning("a document waits: %s", error, extra={"document": document.id})
            await self._store.put_back(document, max(error.after_s, 5.0))
            self._to_read.set()
            await asyncio.sleep(1.0)

    async def _index(self, document: Taken, pages: Path) -> None:
        """Writes chunks and postings and puts them in place of the former, in one commit."""
        may_embed = self._embedder is not None and await self._store.has_vectors()
        async with self._db.transaction() as session:
            if not await self._store.begin(session, document.id):
                return  # removed meanwhile
            source = _Source(pages, document.name)
            count = 0
            while (segment := await asyncio.to_thread(source.next)) is not None:
                await self._store.add_segment(session, document.id, segment)
                count += len(segment.chunks)
            if count == 0:
                raise UserFacing(NOTHING)
            former = await self._store.publish(
                session, document, chunks=count, pages=source.pages, may_embed=may_embed
            )
            if document.chat_id is not None:
                text = read_text(document.name, source.pages, count)
                card = await self._notices.show(session, document.chat_id, text, card=document.card)
                await self._store.set_card(session, document.id, card)
        self._notices.wake()
        self._to_embed.set()
        await asyncio.to_thread(discard, former)

    async def _fail(self, document: Taken, reason: str) -> None:
        async with self._db.transaction() as session:
            if not await self._store.fail(session, document.id, reason):
                return
            if document.chat_id is not None:
                text = f"I cannot use {document.name}. {reason}"
                await self._notices.show(session, document.chat_id, text, card=document.card)
        self._notices.wake()

    # --- embedding ---

    async def embed_step(self) -> None:
        """Embeds what is read. While the embedder is away the words alone answer."""
        if self._embedder is None or not await self._store.has_vectors():
            await self._to_embed.wait()
            return
        model_id = await self._store.use_model(self._embedder.name)
        while batch := await self._store.unembedded(BATCH):
            texts = [embedding_text(chunk.headings, chunk.text) for chunk in batch]
            try:
                embedded = await self._embedder.embed(texts, kind="passage")
            except UserFacing as error:
                raise Retryable(error.text, 60.0) from error
            model_id = await self._store.use_model(embedded.model)
            await self._store.keep_vectors(
                model_id, [chunk.id for chunk in batch], embedded.vectors
            )
            await self._settle()
            await self._tell_progress()
        await self._settle()
        await self._store.tidy(model_id)
        await self._to_embed.wait()

    async def _settle(self) -> None:
        for document in await self._store.settle():
            self._shown.pop(document.id, None)
            if document.chat_id is None or document.chunks < LONG:
                continue
            async with self._db.transaction() as session:
                text = f"{document.name} is ready."
                await self._notices.show(session, document.chat_id, text, card=document.card)
            self._notices.wake()

    async def _tell_progress(self) -> None:
        """Edits the message of a long document at every tenth of the way."""
        for row in await self._store.progress():
            tenth = 10 * row.done // max(row.chunks, 1)
            if row.chat_id is None or row.chunks < LONG or self._shown.get(row.id) == tenth:
                continue
            self._shown[row.id] = tenth
            text = (
                f"{row.name} can be searched by words. "
                f"By meaning, too, in a while: {tenth * 10} % done."
            )
            async with self._db.transaction() as session:
                await self._notices.show(session, row.chat_id, text, card=row.card)
            self._notices.wake()


class _Source:
    """Segments of the reader's file, one a call; made to be called in a thread."""

    def __init__(self, path: Path, name: str) -> None:
        self.pages = 0
        self._segments = self._all(path, is_code=is_code(name))

    def next(self) -> Segment | None:
        """The next segment; None at the end."""
        return next(self._segments, None)

    def _all(self, path: Path, *, is_code: bool) -> Iterator[Segment]:
        with path.open(encoding="utf-8", errors="replace") as lines:
            yield from segments_of(self._counted(lines), is_code=is_code)

    def _counted(self, lines: Iterable[str]) -> Iterator[Page]:
        for page in read_pages(lines):
            self.pages = max(self.pages, page.number or 0)
            yield page


def read_text(name: str, pages: int, chunks: int) -> str:
    """What the owner hears once a document answers."""
    size = (
        f"{pages} page{'s' * (pages != 1)}" if pages else f"{chunks} passage{'s' * (chunks != 1)}"
    )
    return f"{name}: read, {size}. Ask with /docs ask WORDS."


def discard_pages(pages: Path) -> None:
    """Deletes what the reader handed over, and its folder when nothing else lies there."""
    with suppress(OSError):  # what is left is found at the next start
        pages.unlink(missing_ok=True)
        pages.parent.rmdir()


def discard(paths: list[str]) -> None:
    """Deletes our copies of files that nothing needs any more."""
    for path in paths:
        Path(path).unlink(missing_ok=True)
