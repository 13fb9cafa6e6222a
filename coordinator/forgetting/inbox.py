"""The updates in which forgotten things were told: emptied, and never handled again.

The row stays with its id, so that a repeated delivery is known. An update that nobody handled yet
is the owner's newest word and is not touched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from coordinator.forgetting.words import MARK, message_of, without
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.db import Row, Session

SQL = load_queries(__package__ or "coordinator.forgetting")
DELETABLE = timedelta(hours=47)  # Telegram's limit is 48
EDIT_PARTS = 4  # /memory edit 3 TEXT


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where something that is to be forgotten was told: its words, message and update."""

    text: str
    chat_id: int = 0
    telegram_id: int | None = None
    update_id: int | None = None
    memory_id: int | None = None
    is_fresh: bool = False


async def empty(session: Session, sources: Sequence[Source]) -> tuple[list[str], set[int]]:
    """Empties the updates that are known by their ids.

    Returns all texts that were told, and messages that can be deleted in the chat.
    """
    texts = [source.text for source in sources]
    commands = [s.update_id for s in sources if s.update_id is not None]
    seen = {s.telegram_id for s in sources if s.telegram_id is not None and s.is_fresh}
    for row in await session.fetch(SQL["updates"], commands) if commands else ():
        texts += _said(row["payload"])
        seen |= numbers(row["payload"])
        await _emptied(session, row)
    return texts, seen


async def gathered(
    session: Session, rows: Sequence[Row], *, told: Sequence[tuple[int, int]],
    memories: Sequence[int],
) -> list[str]:  # fmt: skip
    """Empties what these updates say of messages and memories; returns texts that were told.

    A memory is changed by `/memory edit N`.
    """
    texts = list[str]()
    places, ids = frozenset(told), {str(number) for number in memories}
    for row in rows:
        edits = [words[-1] for said in _said(row["payload"]) if (words := _edit(said, ids))]
        texts += edits
        if edits:
            await _emptied(session, row)
        else:
            clean = without(row["payload"], places)
            if _says_other(clean, row["payload"]):
                await replace(session, "inbox", row, {"payload": clean})
    return texts


def _edit(said: str, memories: set[str]) -> list[str] | None:
    """The parts of a command that edits one of these memories."""
    words = said.split(maxsplit=EDIT_PARTS - 1)
    is_one = len(words) == EDIT_PARTS and words[0].partition("@")[0].lower() == "/memory"
    return words if is_one and words[2].removeprefix("#") in memories else None


def _says_other(clean: str, payload: str) -> bool:
    try:
        return bool(json.loads(clean) != json.loads(payload))
    except ValueError:
        return clean != payload


async def _emptied(session: Session, row: Row) -> None:
    clean = without(row["payload"], frozenset(), is_all=True)
    await replace(session, "inbox", row, {"payload": clean})


async def replace(session: Session, table: str, row: Row, clean: dict[str, object]) -> bool:
    """Writes what changed in a row; False when nothing did."""
    new = {name: value for name, value in clean.items() if value != row[name]}
    if not new:
        return False
    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(new, start=2))
    query = SQL["replace"].format(table=table, changes=changes)
    await session.execute(query, row["at"], *new.values())
    return True


def numbers(payload: str) -> set[int]:
    """The messages of an update that Telegram still lets a bot delete."""
    since = (datetime.now(UTC) - DELETABLE).timestamp()
    return {
        place[1] for node in _messages(payload)
        if (place := message_of(node)) and isinstance(at := node.get("date"), int) and at > since
    }  # fmt: skip


def _said(payload: str) -> list[str]:
    """The text of the message that an update brought."""
    return [text for node in _messages(payload) for text in (node.get("text"), node.get("caption"))
            if isinstance(text, str) and text != MARK]  # fmt: skip


def _messages(payload: str) -> list[dict[str, object]]:
    try:
        update = json.loads(payload)
    except ValueError:
        return []
    found = update if isinstance(update, dict) else {}
    nodes = (found.get(name) for name in ("message", "edited_message"))
    return [node for node in nodes if isinstance(node, dict)]
