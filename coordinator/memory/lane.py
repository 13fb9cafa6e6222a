"""The background work of memory: index messages, embed passages, extract memories.

What a `kill -9` leaves: each piece of work stands in Postgres until the commit that did it takes it
out, so it is done once. An extraction that was under way is asked again; what it brought is kept
once, by key. While an embedder or extractor is away its work waits, and is tried again after 5 s,
10 s and so on up to an hour; what failed once is tried again alone, so that one bad piece does not
hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coordinator.memory.index import MessagePassage
from coordinator.memory.places import Place, next_place
from coordinator.memory.store import SQL
from coordinator.memory.taking import own_text, takeable
from coordinator.memory.types import Memory, Query, Words
from core.errors import Retryable, UserFacing
from core.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from coordinator.memory.index import PassageIndex
    from coordinator.memory.ports import Embedder, Extractor
    from coordinator.memory.search import Search
    from coordinator.memory.store import MemoryStore
    from coordinator.memory.types import Candidate, Label
    from core.db import Database, Row, Session

log = logging.getLogger(__name__)

INDEXED, EMBEDDED, EXTRACTED = 200, 32, 10
KNOWN = 30
EMBED_WITHIN_S, EXTRACT_WITHIN_S = 60.0, 180.0
LOOK_EVERY_S = 30.0
EMBED_AFTER_S = 1.0
AWAY = (Retryable, UserFacing, TimeoutError)


class MemoryLane:
    """Run `index_step`, `embed_step` and `extract_step` forever; `wake` after an answered turn."""

    def __init__(
        self, *, database: Database, store: MemoryStore, index: PassageIndex, search: Search,
        embedder: Callable[[], Awaitable[Embedder | None]],
        extractor: Callable[[], Awaitable[Extractor | None]],
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._index = index
        self._search = search
        self._embedder = embedder
        self._extractor = extractor
        self._news = {name: Wake(LOOK_EVERY_S) for name in ("index", "embed", "extract")}

    def wake(self) -> None:
        """There may be work."""
        for news in self._news.values():
            news.set()

    # --- messages become passages ---

    async def index_step(self) -> None:
        """Indexes what waits."""
        await self._news["index"].wait()
        while await self.index_some():
            self._news["embed"].set()
        await self._store.forget_expired()

    async def index_some(self) -> int:
        """Indexes one batch; returns its size."""
        rows = await self._db.fetch(SQL["due_to_index"], INDEXED)
        if not rows:
            return 0
        async with self._db.transaction() as session:
            ids = [row["id"] for row in rows]
            mine = {r["message_id"] for r in await session.fetch(SQL["done"], "index", ids)}
            places: dict[int, Place] = {}
            for row in (r for r in rows if r["id"] in mine):
                await self._index_one(session, row, places)
        return len(rows)

    async def _index_one(self, session: Session, row: Row, places: dict[int, Place]) -> None:
        text = row["text"].strip()
        if not text:
            return
        last = places.get(row["chat_id"])
        if last is None:
            found = await self._index.last_place(session, row["chat_id"], row["id"])
            last = Place(talk=found[0], place=found[1], at=found[2]) if found else None
        place = places[row["chat_id"]] = next_place(last, row["id"], row["created_at"])
        label = _label(row["role"], is_forwarded=row["is_forwarded"])
        passage = MessagePassage(
            message_id=row["id"], role=row["role"], label=label, text=text,
            talk=place.talk, place=place.place, at=row["created_at"],
        )  # fmt: skip
        await self._index.add_message(session, passage)

    # --- passages get vectors ---

    async def embed_step(self) -> None:
        """Embeds what waits, while the embedder answers."""
        await self._news["embed"].wait()
        await asyncio.sleep(EMBED_AFTER_S)  # the talk goes first, and what follows comes along
        if (embedder := await self._embedder()) is None or not await self._index.has_vectors():
            return
        while await self.embed_some(embedder):
            pass

    async def embed_some(self, embedder: Embedder) -> bool:
        """Embeds one batch; False when there was none, or the embedder is away."""
        name = embedder.name
        model_id = await self._index.use_model(name, embedder.dimension)
        waiting = await self._index.unembedded(EMBEDDED)
        if not waiting:
            return False
        if waiting[0].attempts:
            waiting = waiting[:1]
        ids = [one.id for one in waiting]
        try:
            async with asyncio.timeout(EMBED_WITHIN_S):
                made = await embedder.embed([one.text for one in waiting], kind="passage")
        except AWAY as error:
            log.info("passages wait for their vectors: %s", type(error).__name__)
            await self._index.put_off(ids)
            return False
        if made.model == name:  # else the owner chose another one meanwhile
            model_id = await self._index.use_model(name, made.dimension)
            await self._index.add_vectors(model_id, ids, made.vectors)
            await self._index.settle(model_id, name)
        return True

    # --- the owner's words become memories ---

    async def extract_step(self) -> None:
        """Extracts from what waits, while the extractor answers."""
        await self._news["extract"].wait()
        if (extractor := await self._extractor()) is None:
            return
        while await self.extract_some(extractor):
            self._news["embed"].set()

    async def extract_some(self, extractor: Extractor) -> bool:
        """Extracts from one batch; False when there was none, or the extractor is away."""
        rows = await self._db.fetch(SQL["due_to_extract"], EXTRACTED)
        if not rows:
            return False
        if rows[0]["attempts"]:
            rows = rows[:1]
        said = _words(rows)
        ids = [row["message_id"] for row in rows]
        known = await self._known(said)
        try:
            candidates = await _ask(extractor, said, known) if said else ()
        except AWAY as error:
            log.info("messages wait to be learnt from: %s", type(error).__name__)
            await self._db.execute(SQL["put_off"], "extract", ids)
            return False
        await self._keep(candidates, ids, known)
        return True

    async def _known(self, said: Sequence[Words]) -> tuple[Memory, ...]:
        """The memories that these words may be about: the nearest ones, and the newest."""
        ids: dict[int, None] = {}
        for words in said:
            query = Query(text=words.text, kinds="memories", limit=8, embed_s=0.5)
            found = await self._search.find(query)
            ids |= {one.memory_id: None for one in found if one.memory_id is not None}
        near = await self._store.several(list(ids)[:KNOWN])
        newest = await self._store.newest("active", limit=KNOWN - len(near))
        return tuple({memory.id: memory for memory in (*near, *newest)}.values())

    async def _keep(
        self, candidates: Sequence[Candidate], ids: Sequence[int], known: Sequence[Memory]
    ) -> None:
        """Keeps what was learnt and takes the work out of the queue, in one commit."""
        async with self._db.transaction() as session:
            done = await session.fetch(SQL["done"], "extract", list(ids))
            mine = [row["message_id"] for row in done]
            for new in takeable(candidates, asked=mine, shown=(memory.id for memory in known)):
                await self._store.add(session, new)


async def _ask(
    extractor: Extractor, said: Sequence[Words], known: Sequence[Memory]
) -> Sequence[Candidate]:
    async with asyncio.timeout(EXTRACT_WITHIN_S):
        return await extractor.extract(said, known, now=datetime.now(UTC))


def _words(rows: Sequence[Row]) -> list[Words]:
    return [
        Words(message_id=row["message_id"], text=own, at=row["at"],
              is_correction=row["is_correction"])
        for row in rows if (own := own_text(row["text"]))
    ]  # fmt: skip


def _label(role: str, *, is_forwarded: bool) -> Label:
    if role == "owner":
        return "untrusted" if is_forwarded else "owner"
    return "private"
