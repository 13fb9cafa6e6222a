"""Takes words out of Postgres and of our own files.

Threat: what the owner made us forget stays somewhere, or forgetting breaks what must not break. All
of Postgres changes in the caller's transaction, so a `kill -9` leaves all of it or nothing, and the
update that asked for it is handled again. Rows stay (an update is not handled twice, a message that
waits is still sent, with a mark where the words stood); only their words go. What is alive is not
touched: a task or turn under way would go wrong. For that, for what was being written at that
moment, and for files, a *second pass* waits in `instance`: its words are sealed, it names the tasks
it waits for, it survives a crash, and it is deleted by the commit that carried it out. What the
owner says or keeps anew meanwhile is theirs and stays.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.forgetting.inbox import SQL, Source, empty, numbers, replace
from coordinator.forgetting.places import ERASED, FREE_KEYS
from coordinator.forgetting.words import (
    Eraser,
    candidates,
    grouped,
    sentences,
)
from core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.db import Database, Row, Session
    from core.seal import Seal

log = logging.getLogger(__name__)

SETTLE = timedelta(minutes=10)  # what was under way (a summary, a voice note) is written by then
PLACE = "forgetting"
UNSPOKEN = "I had something to say aloud. It held words that you made me forget, so I left it out."


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What forgetting did and could not do.

    `places`: rows cleaned; `tasks`: at work with the words; `kept`: names and remedies of what is
    the owner's own; `shown`: ids of messages in the chat that can still be deleted there.
    """

    places: int = 0
    tasks: tuple[int, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    shown: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    eraser: Eraser = field(default_factory=Eraser, repr=False)


class Forgetting:
    """Carries out what `words` and `places` say."""

    def __init__(self, database: Database, *, seal: Seal, exports: Path | None = None) -> None:
        self._db = database
        self._seal = seal
        self._exports = exports

    async def reach(self, session: Session, sources: Sequence[Source]) -> Reached:
        """Everything in Postgres, in this transaction, after the memories and messages went.

        Files and what is under way wait for `settle`.
        """
        texts, shown, places = await empty(session, sources)
        eraser = await self._eraser(session, candidates(texts), sentences(texts))
        if not eraser:
            return Reached(places=places, shown=tuple(sorted(shown)))
        erased = await self._erase(session, eraser)
        found = await _rows(session, "live_tasks", eraser)
        tasks = {row["no"]: row["is_quiet"] for row in found}
        await self._note(session, eraser, list(tasks), erased.files)
        kept = await self._kept(session, eraser)
        return Reached(
            places=places + erased.places, kept=kept, files=erased.files, eraser=eraser,
            tasks=tuple(sorted(no for no, is_quiet in tasks.items() if not is_quiet)),
            shown=tuple(sorted(shown | set(erased.shown))),
        )  # fmt: skip

    # --- everything else ---

    @staticmethod
    async def _eraser(
        session: Session, words: Sequence[str], told: Sequence[Sequence[str]]
    ) -> Eraser:
        """Without the words that the owner still uses, and those in everybody's mouth."""
        known: set[str] = set()
        if words:
            common = await session.fetch(SQL["common"], list(words))
            found = [
                row for part in grouped(words) for row in await session.fetch(SQL["in_use"], part)
            ]
            used = [Eraser(words=(word,)) for word in words]
            hits = [row["word"] for row in found]
            known = {row["word"] for row in common}
            known |= {one.words[0] for one in used if any(one.holds(hit) for hit in hits)}
        left = tuple(word for word in words if word not in known)
        return Eraser(words=left, sentences=tuple(tuple(one) for one in told))

    async def _erase(self, session: Session, eraser: Eraser) -> Reached:
        places, shown = 0, set[int]()
        messages, spoken = list[int](), list[str]()
        for table, columns in ERASED.items():
            for row in await _rows(session, table, eraser):
                clean = _cleaned(eraser, table, columns, row)
                if not await replace(session, table, row, clean):
                    continue
                places += 1
                if table == "messages":
                    messages.append(row["id"])
                elif table == "voice_replies":
                    spoken.append(f"spoken:{row['id']}")
                elif table == "inbox":
                    shown |= numbers(row["payload"])
                elif table == "outbox" and row["is_fresh"] and row["message_id"]:
                    shown |= {row["message_id"], *row["more_ids"]}
        await session.execute(SQL["reindex"], messages)
        await session.execute(SQL["summaries_anew"])  # one that is being made is not kept
        files = await self._spoken(session, spoken)
        return Reached(places=places, shown=tuple(shown), files=files)

    @staticmethod
    async def _spoken(session: Session, keys: Sequence[str]) -> tuple[str, ...]:
        """Voice notes that say the words: one that waits becomes a plain sentence."""
        rows = await session.fetch(SQL["spoken"], list(keys))
        await session.execute(SQL["unspoken"], [row["id"] for row in rows], UNSPOKEN)
        return tuple(row["path"] for row in rows if row["path"])

    @staticmethod
    async def _kept(session: Session, eraser: Eraser) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for pattern in eraser.patterns:
            rows = await session.fetch(SQL["kept"], pattern)
            found |= {row["name"]: row["remedy"] for row in rows if eraser.holds(row["text"])}
        return tuple(found.items())

    # --- the second pass ---

    async def _note(
        self, session: Session, eraser: Eraser, tasks: Sequence[int], files: Sequence[str]
    ) -> None:
        name = f"{PLACE}:{secrets.token_hex(8)}"
        plain = json.dumps({"words": eraser.words, "sentences": eraser.sentences})
        value = {
            "due": (datetime.now(UTC) + SETTLE).isoformat(), "tasks": list(tasks),
            "files": list(files), "sealed": self._seal.close(plain, name=PLACE),
        }  # fmt: skip
        await session.execute(SQL["later"], name, value)

    async def settle(self) -> int:
        """Carries out the second passes that are due; returns how many."""
        rows = await self._db.fetch(SQL["waiting"])
        for row in rows:
            await self._settle(row["name"])
        return len(rows)

    async def _settle(self, name: str) -> None:
        async with self._db.transaction() as session:
            row = await session.fetchrow(SQL["hold"], name)
            if row is None:
                return
            value = row["value"]
            try:
                plain = json.loads(self._seal.open(value["sealed"], name=PLACE))
            except ConfigError:
                log.error("words that should go cannot be read: the secret key is another one")  # noqa: TRY400 - the trace says no more
                await session.execute(SQL["done"], name)
                return
            words, told = tuple(plain["words"]), plain["sentences"]
            eraser = await self._eraser(session, words, told)
            erased = await self._erase(session, eraser) if eraser else Reached()
            await self.clear_files((*value["files"], *erased.files), eraser)
            await session.execute(SQL["done"], name)

    async def clear_files(self, files: Iterable[str], eraser: Eraser) -> None:
        """Deletes voice notes of ours, and cleans exports of the memory that still lie here."""
        await asyncio.to_thread(_clear, tuple(files), self._exports, eraser)


def _clear(files: Sequence[str], exports: Path | None, eraser: Eraser) -> None:
    for name in files:
        Path(name).unlink(missing_ok=True)
    for path in exports.glob("*.json") if exports else ():
        old = path.read_text("utf-8")
        if (new := eraser.text(old)) != old:
            part = path.with_suffix(".part")
            part.write_text(new, "utf-8")
            part.replace(path)


async def _rows(session: Session, query: str, eraser: Eraser) -> list[Row]:
    """The rows that may hold any of the words, each once."""
    found: dict[object, Row] = {}
    for pattern in eraser.patterns:
        for row in await session.fetch(SQL[query], pattern):
            found[row[0]] = row
    return list(found.values())


def _cleaned(eraser: Eraser, table: str, columns: Sequence[str], row: Row) -> dict[str, object]:
    return {name: _clean(eraser, (table, name), row[name]) for name in columns}


def _clean(eraser: Eraser, place: tuple[str, str], value: object) -> object:
    if place == ("outbox", "payload") and isinstance(value, dict):
        return eraser.payload(value)
    if place == ("standing_rules", "fingerprint") and isinstance(value, str):
        return eraser.plain(value)
    if place == ("approval_actions", "action") and isinstance(value, str):
        return eraser.action(value)
    return eraser.value(value, keys=place in FREE_KEYS)
