"""One batch of a pass: a few thousand rows of one table, in one transaction.

Threat: forgetting holds up everything else. So no statement looks at more rows than a batch has,
the next batch is smaller where one took long, and texts are cleaned in a thread.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from coordinator.forgetting.inbox import SQL, gathered, replace
from coordinator.forgetting.places import ERASED, FREE_KEYS, KEYS
from coordinator.forgetting.state import USED
from coordinator.forgetting.words import Eraser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.forgetting.state import Pass
    from core.db import Row, Session

LEAST, MOST = 20, 4000
LONG_S, SHORT_S = 0.4, 0.1
UNSPOKEN = "I had something to say aloud. It held words that you made me forget, so I left it out."


def next_size(size: int, took_s: float) -> int:
    """How many rows the next batch may have."""
    if took_s > LONG_S:
        return max(LEAST, size // 4)
    return min(MOST, size * 2) if took_s < SHORT_S else size


async def one_batch(session: Session, state: Pass, size: int) -> Pass:
    """Carries out one batch; returns where the pass is then."""
    table = state.place
    bound = SQL["upto"].format(table=table, key=KEYS[table])
    upto = await session.fetchval(bound, state.after, size)
    if upto is None:
        if table == "summaries":
            await session.execute(SQL["summaries_anew"])  # one that is being made is not kept
        if state.stage == USED[-1]:
            rows = await session.fetch(SQL["common"], list(state.words))
            state = state.with_used(row["word"] for row in rows)
        return state.onward()
    kind = state.stage.partition(":")[0]
    if kind == "gather":
        state = await _gather(session, state, upto)
    elif kind == "used":
        state = await _used(session, state, upto)
    else:
        state = await _erase(session, state, upto)
    return changed(state, after=upto)


async def _gather(session: Session, state: Pass, upto: int) -> Pass:
    """What else was told in updates: edits of a message, quotations, edits of a memory."""
    rows = await session.fetch(
        SQL["told"], [number for _, number in state.told], bool(state.memories), state.after, upto
    )
    texts = await gathered(session, rows, told=state.told, memories=state.memories)
    return state.with_texts(texts)


async def _used(session: Session, state: Pass, upto: int) -> Pass:
    words = state.eraser.words
    if not words:
        return state
    query = SQL[f"used_{state.place}"]
    patterns = list(Eraser(words=words).patterns)
    rows = await session.fetch(query, patterns, state.after, upto)
    return state.with_used(await asyncio.to_thread(held, words, [row["text"] for row in rows]))


def held(words: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The words that stand in any of these texts."""
    whole = "\n".join(texts)
    low = whole.lower()
    return [word for word in words if word in low and Eraser(words=(word,)).holds(whole)]


async def _erase(session: Session, state: Pass, upto: int) -> Pass:
    table, eraser = state.place, state.eraser
    if not eraser:
        return state
    rows = await session.fetch(SQL[table], list(eraser.patterns), state.after, upto)
    cleaned = await asyncio.to_thread(_cleaned, eraser, table, rows)
    hits = [row["id"] for row, clean in cleaned
            if await replace(session, table, row, clean) and "id" in row]  # fmt: skip
    if table == "messages":
        await session.execute(SQL["reindex"], hits)
    if table != "voice_replies":
        return state
    files = await _spoken(session, [f"spoken:{number}" for number in hits])
    return changed(state, files=(*state.files, *files))


async def _spoken(session: Session, keys: Sequence[str]) -> tuple[str, ...]:
    """Voice notes that say the words: one that waits becomes a plain sentence."""
    rows = await session.fetch(SQL["spoken"], list(keys))
    await session.execute(SQL["unspoken"], [row["id"] for row in rows], UNSPOKEN)
    return tuple(row["path"] for row in rows if row["path"])


def _cleaned(
    eraser: Eraser, table: str, rows: Sequence[Row]
) -> list[tuple[Row, dict[str, object]]]:
    names = ERASED[table]
    return [
        (row, {name: _clean(eraser, (table, name), row[name]) for name in names}) for row in rows
    ]


def _clean(eraser: Eraser, place: tuple[str, str], value: object) -> object:
    if place == ("outbox", "payload") and isinstance(value, dict):
        return eraser.payload(value)
    if isinstance(value, str):
        match place:
            case ("inbox", "payload"):
                return eraser.document(value)
            case ("standing_rules", "fingerprint"):
                return eraser.plain(value)
            case ("approval_actions", "action"):
                return eraser.action(value)
    return eraser.value(value, keys=place in FREE_KEYS)
