"""The audit trail in Postgres: rows are appended inside the caller's transaction, and only read.

Threat: the trail itself becomes a leak. It goes into exports and is never deleted, so a body holds
no secret and no text of the owner's: callers pass names, numbers, sizes and digests.

An append holds the chain's one lock until its transaction ends: make it the last statement of a
short transaction. Every method raises `Retryable` while Postgres is away; cancelling rolls back.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.audit.types import Entry
from core.db import storable
from core.errors import Bug
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.audit.heads import HeadFile, Signer
    from core.audit.types import Head
    from core.db import Database, Row, Session

SQL = load_queries(__package__ or "core.audit")
PAGE = 500


class Audit:
    """Appends to the trail and reads it."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @property
    def database(self) -> Database:
        """Where the trail is."""
        return self._db

    async def append(self, session: Session, kind: str, body: Mapping[str, object]) -> int:
        """Adds a row inside the caller's transaction; its number is final once that commits."""
        return int(await session.fetchval(SQL["append"], storable(kind), canonical(body)))

    async def is_there(self) -> bool:
        """Whether the database has the table at all."""
        return bool(await self._db.fetchval(SQL["is_there"]))

    async def entries(self, after: int, limit: int) -> tuple[Entry, ...]:
        """Up to `limit` rows behind the row `after`, oldest first."""
        return tuple(_as_entry(row) for row in await self._db.fetch(SQL["entries"], after, limit))

    async def walk(self, *, page_size: int = PAGE) -> AsyncIterator[Entry]:
        """Every row, first to last, a page at a time; rows come as they are stored."""
        after = -(2**63)
        while page := await self.entries(after, page_size + 1):
            after = page[:page_size][-1].seq
            for place, entry in enumerate(page):
                if place < page_size or entry.seq == after:  # a doubled number at a page's end
                    yield entry
            if len(page) <= page_size:
                return

    async def recent(self, limit: int) -> tuple[Entry, ...]:
        """The newest rows, newest first."""
        return tuple(_as_entry(row) for row in await self._db.fetch(SQL["recent"], limit))

    async def newest(self) -> tuple[int, bytes] | None:
        """The number and the digest of the newest row, or None."""
        row = await self._db.fetchrow(SQL["newest"])
        return (row["seq"], bytes(row["digest"])) if row else None

    async def stamp(self, signer: Signer, head_file: HeadFile) -> Head | None:
        """Writes a signed head when there are rows behind the last one; returns the new head.

        Cancelled, it leaves the head written or not, never half of one.
        """
        newest = await self.newest()
        if newest is None:
            return None
        return await asyncio.to_thread(_stamp, signer, head_file, newest=newest)


def _stamp(signer: Signer, head_file: HeadFile, *, newest: tuple[int, bytes]) -> Head | None:
    last = head_file.newest()
    if last is not None and last.seq >= newest[0]:
        return None
    head = signer.sign_head(*newest, at_us=time.time_ns() // 1000)
    head_file.append(head)
    return head


def canonical(body: Mapping[str, object]) -> str:
    """The one way to write `body` as JSON: names sorted, no spaces; `Bug` for what is no JSON."""
    try:
        return json.dumps(
            _clean(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise Bug(f"this cannot go into the audit trail: {error}") from error


def _clean(value: object) -> object:
    """`value` with every text in it as Postgres can keep it."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {_clean(name): _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _as_entry(row: Row) -> Entry:
    return Entry(
        seq=row["seq"],
        at_us=row["at_us"],
        kind=row["kind"],
        body=row["body"],
        previous=bytes(row["previous"]),
        digest=bytes(row["digest"]),
    )
