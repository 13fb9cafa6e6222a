"""The conversation and its turns in Postgres.

A message of the owner is *pending* until a turn takes it. A turn that answers without acting first
is one statement; one that acts (tools, streamed text) gets a row in state `open` with the
transcript of its steps, written in the transaction of each act. After `kill -9` an open turn goes
on from its last step, and pending messages start anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NewType

from coordinator.context import SUMMARY_CAP, ChatMessage, Said, clip
from core.db import storable
from core.errors import Retryable
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.db import Database, Row, Session

SQL = load_queries(__package__ or "coordinator")
TurnId = NewType("TurnId", int)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a turn has to deal with; `turn_id` is None until it acted."""

    chat_id: int
    messages: tuple[Said, ...]
    telegram_ids: tuple[int, ...]
    turn_id: TurnId | None = None
    steps: tuple[ChatMessage, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """The newest message waits for its continuation, for this many seconds at most."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsummarised:
    """The summary so far, and what it does not hold yet, oldest first."""

    summary: str
    version: int
    said: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What there is beside the conversation. `has_tasks`: there ever was one.

    `oldest_passage`: the first message that memory can find, None when there is none.
    """

    summary: str = ""
    has_rules: bool = False
    has_tasks: bool = False
    has_live_tasks: bool = False
    has_documents: bool = False
    has_pictures: bool = False
    has_memories: bool = False
    oldest_passage: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewMessage:
    """A message as the bot hands it in. `hold_s` is how long it waits for a continuation.

    `is_forwarded`: somebody else wrote it; `is_chosen`: it is the text of a button, by the model;
    `is_spoken`: it was heard, not typed;
    `has_foreign`: the owner wrote it, but it carries what somebody else may have written. `files`
    are the numbers of those that came with it.
    """

    chat_id: int
    text: str
    telegram_id: int | None = None
    role: Literal["owner", "assistant", "event"] = "owner"
    corrects: int | None = None
    reply_to: int | None = None
    album: str | None = None
    hold_s: float = 0.0
    is_forwarded: bool = False
    is_chosen: bool = False
    files: tuple[int, ...] = ()
    has_foreign: bool = False
    is_spoken: bool = False


class Conversation:
    """All reads and writes of messages and turns."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- messages ---

    async def add(self, session: Session, new: NewMessage) -> int | None:
        """Keeps a message; None when this Telegram message was kept before."""
        added: int | None = await session.fetchval(
            SQL["add_message"], new.chat_id, new.role, new.telegram_id, storable(new.text),
            new.corrects, new.reply_to, new.album, new.hold_s, new.is_forwarded,
            new.is_chosen, list(new.files), new.has_foreign, new.is_spoken,
        )  # fmt: skip
        return added

    async def find(self, session: Session, chat_id: int, telegram_id: int) -> Row | None:
        """What the owner's message says by now.

        Columns id, text, original (its first row's id), is_forwarded, files, has_foreign,
        is_spoken.
        """
        return await session.fetchrow(SQL["find_owner_message"], chat_id, telegram_id)

    async def replace_pending(self, session: Session, message_id: int, text: str) -> bool:
        """Corrects a message that no turn has taken yet."""
        args = (message_id, storable(text))
        return await session.fetchval(SQL["replace_pending_text"], *args) is not None

    async def refresh(self, session: Session, message_id: int, text: str) -> None:
        """What an answered message tells has moved on, as a live location; nobody is asked anew."""
        await session.execute(SQL["refresh_text"], message_id, storable(text))

    async def join_album(self, session: Session, new: NewMessage) -> bool:
        """Adds a further piece to a pending album; False when there is none."""
        args = (
            new.chat_id, new.album, storable(new.text), new.hold_s, list(new.files),
            new.has_foreign,
        )  # fmt: skip
        return await session.fetchval(SQL["join_album"], *args) is not None

    async def newest_pending(self, session: Session, chat_id: int) -> Row | None:
        """The newest pending message: columns id, text, telegram_id, is_held."""
        return await session.fetchrow(SQL["newest_pending"], chat_id)

    async def append_pending(
        self, session: Session, message_id: int, *, text: str, hold_s: float
    ) -> bool:
        """Joins the continuation of a split paste to its beginning."""
        args = (message_id, storable(text), hold_s)
        return await session.fetchval(SQL["append_pending"], *args) is not None

    async def forget(self, session: Session, chat_id: int) -> None:
        """Begins a new conversation: what was said so far is not shown to the model any more."""
        await session.execute(SQL["forget"], chat_id)

    # --- turns ---

    async def chats_with_work(self) -> tuple[int, ...]:
        """Chats with pending messages or an open turn."""
        return tuple(row["chat_id"] for row in await self._db.fetch(SQL["chats_with_work"]))

    async def next_work(self, chat_id: int) -> Work | Held | None:
        """The open turn, else the pending messages, else nothing."""
        found = await self._db.fetch(SQL["next_work"], chat_id)
        rows = [row for row in found if row["id"] is not None]
        if (turn_id := found[0]["turn_id"]) is not None:
            return _work(chat_id, rows, TurnId(turn_id), tuple(found[0]["steps"]))
        if not rows:
            return None
        held_s = rows[-1]["held_s"] or 0.0
        return Held(seconds=held_s) if held_s > 0 else _work(chat_id, rows)

    async def start(self, session: Session, work: Work) -> TurnId:
        """Makes the turn durable before its first act; takes its messages.

        `Retryable` when one of them is no longer what the turn saw; so does `answer`.
        """
        return _claimed(await session.fetchrow(SQL["start_turn"], *_seen(work)), work)

    async def save_steps(
        self, session: Session, turn_id: TurnId, steps: Sequence[ChatMessage]
    ) -> None:
        """Replaces the transcript of an open turn."""
        await session.execute(SQL["save_steps"], turn_id, list(steps))

    async def answer(self, session: Session, work: Work, text: str) -> TurnId:
        """Ends the turn with the assistant's answer."""
        if work.turn_id is not None:
            await session.execute(SQL["answer_open"], work.chat_id, work.turn_id, storable(text))
            return work.turn_id
        args = (*_seen(work), storable(text))
        return _claimed(await session.fetchrow(SQL["answer_new"], *args), work)

    # --- context ---

    async def history(self, chat_id: int, *, without: TurnId | None) -> tuple[Said, ...]:
        """The newest of this conversation, oldest first, without the turn under way."""
        rows = await self._db.fetch(SQL["history"], chat_id, without)
        return tuple(Said(**row) for row in rows)

    async def around(self, chat_id: int) -> Around:
        """What there is to tell the model of, in one statement: most of it is mostly not there."""
        row = await self._db.fetchrow(SQL["around"], chat_id)
        assert row is not None  # noqa: S101 - a select without a table
        found = Around(**row)
        return replace(found, summary=clip(found.summary, SUMMARY_CAP))

    async def summary(self, chat_id: int) -> str:
        """The summary of what was said before; may be empty."""
        return clip(await self._db.fetchval(SQL["summary"], chat_id) or "", SUMMARY_CAP)

    async def to_fold(self, chat_id: int) -> Unsummarised:
        """The summary with its version, and what was said after it; pending messages stop that."""
        async with self._db.transaction() as session:
            await session.execute(SQL["begin_summary"], chat_id)
            row = await session.fetchrow(SQL["summary_state"], chat_id)
            rows = await session.fetch(SQL["unsummarised"], chat_id)
        assert row is not None  # noqa: S101 - begun in this transaction
        said = tuple(Said(**one) for one in rows)
        return Unsummarised(summary=row["text"], version=row["version"], said=said)

    async def unsummarised(self, chat_id: int) -> tuple[Said, ...]:
        """What was said after the summary, oldest first."""
        return tuple(Said(**one) for one in await self._db.fetch(SQL["unsummarised"], chat_id))

    async def save_summary(self, chat_id: int, *, up_to: int, text: str, version: int) -> bool:
        """Replaces the summary of that version; messages up to the id `up_to` are inside it.

        False when the conversation began anew or something was forgotten meanwhile.
        """
        args = (chat_id, up_to, storable(text), version)
        return await self._db.fetchval(SQL["save_summary"], *args) is not None

    async def files(self, chat_id: int, ids: Sequence[int]) -> Sequence[Row]:
        """The owner's stored files among `ids`: columns id, name, path."""
        return await self._db.fetch(SQL["files"], chat_id, list(ids))

    async def pictures(self, chat_id: int, ids: Sequence[int]) -> Sequence[Row]:
        """Files among `ids`, in that order: columns id, name, mime, size, path, error."""
        return await self._db.fetch(SQL["pictures"], chat_id, list(ids))


def _seen(work: Work) -> tuple[object, ...]:
    """The messages as the turn saw them."""
    said = work.messages
    return work.chat_id, [m.id for m in said], [m.text for m in said], [len(m.files) for m in said]


def _claimed(row: Row | None, work: Work) -> TurnId:
    """The new turn, if it took all of its messages; else the caller's transaction must not end."""
    if row is None or row["claimed"] != len(work.messages):
        raise Retryable("a message was changed while it was being answered", 0.0)
    return TurnId(row["id"])


def _work(
    chat_id: int, rows: Sequence[Row], turn_id: TurnId | None = None,
    steps: tuple[ChatMessage, ...] = (),
) -> Work:  # fmt: skip
    said = tuple(
        Said(
            id=r["id"],
            role="owner",
            text=r["text"],
            is_correction=r["is_correction"],
            is_forwarded=r["is_forwarded"],
            files=tuple(r["files"]),
        )
        for r in rows
    )
    ids = tuple(r["telegram_id"] for r in rows if r["telegram_id"] is not None)
    return Work(chat_id=chat_id, messages=said, telegram_ids=ids, turn_id=turn_id, steps=steps)
