"""Takes words out of Postgres and of our own files.

Threat: what the owner made us forget stays somewhere, forgetting breaks what must not break, or it
holds up the bot. The update that asked for it does what is small: memories, messages and updates
known by their ids, and a *pass* noted in `instance`, all in one commit. The pass goes through every
other place in batches, each its own commit that remembers how far it came; it begins at once and
survives a `kill -9`. Its words are sealed. Rows stay (an update is not handled twice, a message
that waits is still sent, with a mark where the words stood); only their words go. What is alive is
not touched: a task or turn under way would go wrong. For that, and for what was being written at
that moment, a second round comes later, which waits for the tasks it names; its last commit
deletes the pass. What the owner says or keeps anew meanwhile is theirs and stays.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.forgetting.batches import MOST, held, next_size, one_batch
from coordinator.forgetting.inbox import SQL, Source, empty, numbers
from coordinator.forgetting.state import END, Pass, read_pass
from coordinator.knowledge.terms import terms_of
from core.errors import ConfigError
from core.wake import Wake, again_on_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coordinator.forgetting.words import Eraser
    from core.db import Database, Session
    from core.seal import Seal

log = logging.getLogger(__name__)

SETTLE = timedelta(minutes=10)  # what was under way (a summary, a voice note) is written by then
PLACE = "forgetting"
FIRST = 500  # rows of the first batch
LOOK_EVERY_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What forgetting cannot do.

    `tasks`: at work with the words; `kept`: names and remedies of what is the owner's own;
    `shown`: ids of messages in the chat that can still be deleted there.
    """

    tasks: tuple[int, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    shown: tuple[int, ...] = ()


class Forgetting:
    """Carries out what `words`, `places` and `state` say."""

    def __init__(self, database: Database, *, seal: Seal, exports: Path | None = None) -> None:
        self._db = database
        self._seal = seal
        self._exports = exports
        self._news = Wake(LOOK_EVERY_S)

    # --- in the update ---

    async def reach(self, session: Session, sources: Sequence[Source]) -> Reached:
        """Notes the pass, after the memories and messages went; says what it will not reach."""
        texts, shown = await empty(session, sources)
        state = Pass(
            told=tuple({(s.chat_id, s.telegram_id) for s in sources if s.telegram_id is not None}),
            memories=tuple({s.memory_id for s in sources if s.memory_id is not None}),
        ).with_texts(texts)
        await self._note(session, state)
        words = await _used_soon(session, state.words)
        eraser = state.with_used(words).eraser
        if not eraser:
            return Reached(shown=tuple(sorted(shown)))
        tasks = await session.fetch(SQL["live_tasks"], list(eraser.patterns))
        return Reached(
            tasks=tuple(row["no"] for row in tasks if not row["is_quiet"]),
            kept=await _kept(session, eraser),
            shown=tuple(sorted(shown | await _shown(session, eraser))),
        )

    async def _note(self, session: Session, state: Pass) -> None:
        name = f"{PLACE}:{secrets.token_hex(8)}"
        await session.execute(SQL["later"], name, self._value(state, datetime.now(UTC)))

    def _value(self, state: Pass, due: datetime) -> dict[str, object]:
        sealed = self._seal.close(state.secret(), name=PLACE)
        return {**state.public(), "due": due.isoformat(), "sealed": sealed}

    # --- the pass ---

    def wake(self) -> None:
        """A pass was noted."""
        self._news.set()

    async def step(self) -> None:
        """Run this forever: carries out what is due; cancelling leaves it for the next time."""
        await self._news.wait()
        with again_on_failure(self._news):
            await self.settle()

    async def settle(self) -> int:
        """Carries out the rounds that are due, each to its end; returns how many."""
        rows = await self._db.fetch(SQL["waiting"])
        for row in rows:
            size = FIRST
            clock = asyncio.get_running_loop().time
            begun, is_over = clock(), False
            while not is_over:
                is_over = await self.one_batch(row["name"], size)
                size, begun = next_size(size, clock() - begun), clock()
        return len(rows)

    async def one_batch(self, name: str, size: int) -> bool:
        """One batch in its own commit; True when the round is over."""
        async with self._db.transaction() as session:
            row = await session.fetchrow(SQL["hold"], name)
            state = self._opened(row["value"]) if row else None
            if row is None or state is None:
                await session.execute(SQL["done"], name)
                return True
            if state.stage == END:
                await self._end(session, name, state)
                return True
            state = await one_batch(session, state, min(size, MOST))
            due = datetime.fromisoformat(row["value"]["due"])
            await session.execute(SQL["onward"], name, self._value(state, due))
            return False

    def _opened(self, value: dict[str, object]) -> Pass | None:
        try:
            return read_pass(value, self._seal.open(str(value["sealed"]), name=PLACE))
        except ConfigError:
            log.error("words that should go cannot be read: the secret key is another one")  # noqa: TRY400 - the trace says no more
            return None

    async def _end(self, session: Session, name: str, state: Pass) -> None:
        """Files go last; then the second round is noted, or the pass is over."""
        eraser = state.eraser
        await asyncio.to_thread(_clear, state.files, self._exports, eraser)
        if state.round > 1:
            await session.execute(SQL["done"], name)
            return
        rows = await session.fetch(SQL["live_tasks"], list(eraser.patterns)) if eraser else ()
        later = state.second(row["no"] for row in rows)
        value = self._value(later, datetime.now(UTC) + SETTLE)
        await session.execute(SQL["onward"], name, value)


async def _used_soon(session: Session, words: Sequence[str]) -> list[str]:
    """The words in everybody's mouth, and those that the owner still uses, as the index knows."""
    if not words:
        return []
    common = {row["word"] for row in await session.fetch(SQL["common"], list(words))}
    rare = [word for word in words if word not in common]
    rows = await session.fetch(SQL["used_soon"], rare)
    used = await asyncio.to_thread(held, rare, [row["text"] for row in rows])
    return [*common, *used]


async def _kept(session: Session, eraser: Eraser) -> tuple[tuple[str, str], ...]:
    patterns = list(eraser.patterns)
    rows = await session.fetch(SQL["kept"], patterns)
    found = {row["name"]: row["remedy"] for row in rows if eraser.holds(row["text"])}
    terms = terms_of(" ".join((*eraser.words, *(max(s, key=len) for s in eraser.sentences))))
    texts = await session.fetch(SQL["documents"], patterns, terms)
    if any(eraser.holds(row["text"]) for row in texts):
        found["document"] = "/docs"
    return tuple(found.items())


async def _shown(session: Session, eraser: Eraser) -> set[int]:
    """Messages in the chat that hold the words and can still be deleted."""
    patterns = list(eraser.patterns)
    shown = set[int]()
    for row in await session.fetch(SQL["shown_outbox"], patterns):
        shown |= {row["message_id"], *row["more_ids"]}
    for row in await session.fetch(SQL["shown_inbox"], patterns):
        shown |= numbers(row["payload"])
    return shown


def _clear(files: Iterable[str], exports: Path | None, eraser: Eraser) -> None:
    """Deletes voice notes of ours, and cleans exports of the memory that still lie here."""
    for name in files:
        Path(name).unlink(missing_ok=True)
    for path in exports.glob("*.json") if exports else ():
        old = path.read_text("utf-8")
        if (new := eraser.document(old)) != old:
            part = path.with_suffix(".part")
            part.write_text(new, "utf-8")
            part.replace(path)
