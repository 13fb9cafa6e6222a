"""A message that the owner sees as several and we keep as one: a long paste, an album. Edits of it.

Telegram cuts a paste at 4,096 units and sends an album picture by picture; each piece can be edited
by itself. So an edit replaces its own piece and leaves the others as they are. What the pieces of a
paste said before stands in the inbox, for 30 days; Telegram lets people edit for two.

Threat: an edit passes somebody else's words off as the owner's. Only a piece that is found where it
was said is replaced; on any doubt nothing is joined and the edit is taken by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.updates import Message
from bot.wire import MalformedUpdate, read_update
from core.sql import load_queries
from core.tasks.seen import FILE_NOTE, PHOTO_NOTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.db import Row, Session

SQL = load_queries(__package__ or "bot")
PIECES_WITHIN = 30  # message ids from a paste's first piece to its last; answers come in between
TOO_BIG_NOTE = " was too big to receive]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """The kept message that an edited piece belongs to, and what all of it says now."""

    row: Row = field(repr=False)
    text: str


class Pieces:
    """Finds what an edited piece belongs to."""

    async def joined(self, session: Session, message: Message) -> Joined | None:
        """None when the message was kept by itself, or is not known."""
        if message.album is not None:
            return await self._of_album(session, message)
        chat_id, number = message.sender.chat_id, message.message_id
        if message.file is not None or message.is_live or not message.text:
            return None
        row = await session.fetchrow(SQL["paste_with"], chat_id, number)
        if row is None:
            return None
        first = row["telegram_id"]
        text = repasted(row["text"], await self._said(session, message, first), message, first)
        return None if text is None else Joined(row=row, text=text)

    async def _of_album(self, session: Session, message: Message) -> Joined | None:
        chat_id = message.sender.chat_id
        files = await session.fetch(SQL["files_of_message"], chat_id, message.message_id)
        number = files[0]["id"] if files else None
        row = await session.fetchrow(SQL["album_with"], chat_id, message.album, number)
        if row is None or number is None:
            return None
        lines = [*message.notes, *filter(None, [message.text])]
        text = recaptioned(row["text"], number, row["files"], lines)
        return None if text is None else Joined(row=row, text=text)

    async def _said(self, session: Session, message: Message, first: int) -> dict[int, str]:
        """What the owner's messages from `first` on said last, before this edit."""
        ids = "|".join(str(first + offset) for offset in range(PIECES_WITHIN))
        pattern = f'"message_id": ({ids})[,}}]'
        rows = await session.fetch(SQL["updates_about"], message.update_id, pattern)
        said: dict[int, str] = {}
        for row in rows:
            try:
                update = read_update(row["payload"])
            except MalformedUpdate:
                continue
            if isinstance(update, Message) and update.sender == message.sender:
                said[update.message_id] = update.text
        return said


def repasted(kept: str, said: Mapping[int, str], message: Message, first: int) -> str | None:
    """The whole paste with one piece as it reads now; None when it is no piece of it. Pure."""
    start = kept.find(said.get(first) or "\0")
    if start < 0:
        return None
    pieces, left = {}, kept[start:]
    for number in sorted(n for n, text in said.items() if n >= first and text):
        if left.startswith(said[number]):
            pieces[number] = said[number]
            left = left.removeprefix(said[number])
    if left or len(pieces) < 2 or message.message_id not in pieces:
        return None
    return kept[:start] + "".join({**pieces, message.message_id: message.text}.values())


def recaptioned(kept: str, number: int, files: Sequence[int], lines: Sequence[str]) -> str | None:
    """The album with the words beside one of its files replaced; None when it is not there. Pure.

    Our own lines about its files, which begin each piece, stay.
    """
    rows = kept.split("\n")
    begins = [at for at, row in enumerate(rows) if _is_file_line(row, files)]
    mine = next((at for at in begins if rows[at].startswith(_notes_of(number))), None)
    if mine is None:
        return None
    end = next((at for at in begins if at > mine), len(rows))
    return "\n".join([*rows[: mine + 1], *lines, *rows[end:]])


def _notes_of(number: int) -> tuple[str, str]:
    return f"{PHOTO_NOTE}{number}: ", f"{FILE_NOTE}{number}: "


def _is_file_line(row: str, files: Sequence[int]) -> bool:
    if row.startswith(FILE_NOTE) and row.endswith(TOO_BIG_NOTE):
        return True
    return any(row.startswith(_notes_of(number)) for number in files)
