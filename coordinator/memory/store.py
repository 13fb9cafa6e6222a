"""Memories in Postgres: kept once, superseded with their history, forgotten for real.

Writes are part of the caller's transaction, so a memory and what caused it commit together. A
memory can be searched (has a passage) exactly while it is active: quarantined and superseded ones
are never found, never shown to a model. Forgetting deletes the row, all earlier versions of it,
their passages with words and vectors, and the words of the messages they were taken from; the id
and the time are all that stays. Their words in all other places go soon after, by a pass that the
same transaction notes, see `coordinator.forgetting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coordinator.forgetting.inbox import DELETABLE, Source
from coordinator.forgetting.store import Reached
from coordinator.memory.types import NOTE_DAYS, TEXT_CAP, Memory, MemoryId, NewMemory, Waiting
from core.db import storable
from core.errors import UserFacing
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coordinator.forgetting.store import Forgetting
    from coordinator.memory.types import State
    from core.db import Database, Row, Session

SQL = load_queries(__package__ or "coordinator.memory")
REACH = load_queries("coordinator.forgetting")
EMPTY = "Say what to remember: /remember my sister's name is Anna"


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """Ids of memories that are gone, how many messages, and how far their words were followed."""

    memories: tuple[int, ...]
    messages: int
    reached: Reached


class MemoryStore:
    """Reads and writes memories, and the queue of what is still to be done about messages."""

    def __init__(self, database: Database, *, forgetting: Forgetting | None = None) -> None:
        self._db = database
        self._forgetting = forgetting

    # --- writing ---

    async def add(self, session: Session, new: NewMemory) -> MemoryId | None:
        """Keeps a memory; None when its key or its very words are known already."""
        text = fitting(new.text)
        if new.state == "active" and new.supersedes is None:
            known = await session.fetchval(SQL["same_memory"], text)
            if known is not None:
                return None
        added = await session.fetchval(
            SQL["add_memory"], new.layer, text, new.label, new.state, new.message_id, new.key,
            NOTE_DAYS,
        )  # fmt: skip
        if added is None:
            return None
        if new.supersedes is not None and new.state == "active":
            await self._supersede(session, new.supersedes, MemoryId(added))
        await session.execute(SQL["index_memory"], added)
        return MemoryId(added)

    async def _supersede(self, session: Session, old: MemoryId, new: MemoryId) -> None:
        if await session.fetchval(SQL["supersede"], old, new) is not None:
            await session.execute(SQL["unindex_memory"], old)

    async def edit(self, session: Session, memory_id: int, text: str) -> bool:
        """Replaces the words of an active memory; the old ones are gone."""
        args = (memory_id, fitting(text))
        if await session.fetchval(SQL["edit"], *args) is None:
            return False
        await session.execute(SQL["unindex_memory"], memory_id)
        await session.execute(SQL["index_memory"], memory_id)
        return True

    async def confirm(self, session: Session, memory_id: int) -> bool:
        """The owner wants a quarantined memory: from now on it counts as their own words."""
        if await session.fetchval(SQL["confirm"], memory_id) is None:
            return False
        await session.execute(SQL["index_memory"], memory_id)
        return True

    async def forget(self, session: Session, ids: Iterable[int]) -> tuple[int, ...]:
        """Deletes memories with all earlier versions and the words they were taken from.

        Returns the ids that are gone.
        """
        return (await self.forget_all(session, memories=tuple(ids))).memories

    async def forget_all(
        self, session: Session, *, memories: Sequence[int] = (), messages: Sequence[int] = ()
    ) -> Forgotten:
        """Deletes both, and notes that their words go wherever they came to lie."""
        sources, told, gone = list[Source](), list(messages), list[int]()
        for memory_id in memories:
            row = await session.fetchrow(SQL["get"], memory_id)
            line = [row, *await session.fetch(SQL["history"], memory_id)] if row else []
            told += [one["message_id"] for one in line if one["message_id"] is not None]
            keys = await session.fetch(SQL["keys"], [one["id"] for one in line])
            sources += [_source(one["id"], one["text"], one["key"]) for one in keys]
            gone += [row["id"] for row in await session.fetch(SQL["forget"], memory_id)]
        rows = await session.fetch(REACH["sources"], told)
        await session.execute(SQL["forget_messages"], [row["id"] for row in rows])
        sources += [_told(row) for row in rows]
        reached = Reached()
        if self._forgetting is not None and sources:
            reached = await self._forgetting.reach(session, sources)
        return Forgotten(memories=tuple(gone), messages=len(rows), reached=reached)

    async def forget_expired(self) -> None:
        """Deletes working notes whose time is over."""
        await self._db.execute(SQL["forget_expired"])

    # --- reading ---

    async def get(self, memory_id: int, *, session: Session | None = None) -> Memory | None:
        """One memory, in whatever state."""
        row = await (session or self._db).fetchrow(SQL["get"], memory_id)
        return _memory(row) if row else None

    async def several(self, ids: Iterable[int]) -> tuple[Memory, ...]:
        """Those of `ids` that exist."""
        return _memories(await self._db.fetch(SQL["several"], list(ids)))

    async def newest(self, state: State, *, limit: int) -> tuple[Memory, ...]:
        """The newest memories in this state."""
        return _memories(await self._db.fetch(SQL["newest"], state, limit))

    async def history(self, memory_id: int) -> tuple[Memory, ...]:
        """What was believed before this memory, newest first."""
        return _memories(await self._db.fetch(SQL["history"], memory_id))

    async def all(self) -> tuple[Memory, ...]:
        """Everything, for an export."""
        return _memories(await self._db.fetch(SQL["all"]))

    async def counts(self) -> dict[str, int]:
        """How many memories there are: keys active, quarantined, superseded."""
        row = await self._db.fetchrow(SQL["counts"])
        return dict(row) if row else {}

    # --- work ---

    async def queue_turn(
        self, session: Session, turn_id: int, *, extract: bool, delay_s: float
    ) -> None:
        """Queues the messages of an answered turn, in the answer's own transaction.

        Only the owner's own messages are queued for extraction: no forwarded one, no button's text.
        """
        await session.execute(SQL["queue_turn"], turn_id, extract, delay_s)

    async def waiting(self) -> Waiting:
        """How much is still to be done."""
        row = await self._db.fetchrow(SQL["waiting"])
        return Waiting(**row) if row else Waiting(to_index=0, to_extract=0, to_embed=0, failed=0)


def fitting(text: str) -> str:
    """The text of a memory: one line within the cap; `UserFacing` when nothing is left."""
    line = " ".join(storable(text).split())
    if not line:
        raise UserFacing(EMPTY)
    if len(line) > TEXT_CAP:
        raise UserFacing(f"That is too long to remember: {len(line)} characters.",
                         f"Please keep it under {TEXT_CAP}.")  # fmt: skip
    return line


def _memory(row: Row) -> Memory:
    return Memory(**row)


def _memories(rows: Sequence[Row]) -> tuple[Memory, ...]:
    return tuple(_memory(row) for row in rows)


def _source(memory_id: int, text: str, key: str) -> Source:
    kind, _, number = key.partition(":")
    update_id = int(number) if kind == "update" and number.isdecimal() else None
    return Source(text=text, memory_id=memory_id, update_id=update_id)


def _told(row: Row) -> Source:
    return Source(
        text=row["text"], chat_id=row["chat_id"], telegram_id=row["telegram_id"],
        is_fresh=row["created_at"] > datetime.now(UTC) - DELETABLE,
    )  # fmt: skip
