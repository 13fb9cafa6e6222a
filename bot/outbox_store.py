"""The outbox in Postgres."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bot.delivery import AlbumPayload, TextPayload
from core.sql import load_queries

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bot.delivery import Method
    from core.db import Database, Row, Session

SQL = load_queries(__package__ or "bot")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A row under way. `after_id`: the newest message id known when sending began."""

    id: int
    chat_id: int
    method: Method
    payload: dict[str, Any] = field(repr=False)
    edit_of: int | None
    edit_message_id: int | None
    task_no: int | None
    attempts: int
    after_id: int

    def as_new_message(self) -> Outgoing:
        """The same text as a message of its own: the one to edit is gone."""
        return replace(self, method="text", edit_message_id=None)

    def as_file(self) -> Outgoing:
        """The same voice note or picture as a document."""
        return replace(self, method="file", payload={"filename": "voice.ogg", **self.payload})

    def without_formatting(self) -> Outgoing:
        """The same text without entities."""
        return replace(self, payload={**self.payload, "entities": []})


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A message that stands in the chat, found by its id."""

    id: int
    task_no: int | None
    key: str | None
    payload: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """The message that shows a growing answer."""

    chat_id: int
    message_id: int


class OutboxStore:
    """Reads and writes rows.

    `newest_id` is the highest message id seen so far in either direction.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._newest_id = 0

    async def load(self) -> None:
        """Reads the newest message id; called once at start."""
        self.saw(await self._db.fetchval(SQL["newest_message_id"]))

    def saw(self, message_id: int) -> None:
        """Notes that the message id exists."""
        self._newest_id = max(self._newest_id, message_id)

    async def enqueue(
        self, session: Session, chat_id: int, payload: BaseModel, *, method: Method,
        key: str | None = None, task_no: int | None = None, edit_of: int | None = None,
    ) -> int | None:  # fmt: skip
        """Puts a message into the caller's transaction; None when `key` was used before."""
        added: int | None = await session.fetchval(
            SQL["enqueue"], chat_id, key, method, payload.model_dump(exclude_defaults=True),
            edit_of, task_no,
        )  # fmt: skip
        return added

    async def by_key(self, session: Session, key: str) -> Row | None:
        """The row with `key`: columns id, state, message_id."""
        return await session.fetchrow(SQL["find_by_key"], key)

    async def replace_queued(self, session: Session, row_id: int, payload: BaseModel) -> bool:
        """Changes a message whose sending has not begun."""
        args = (row_id, payload.model_dump(exclude_defaults=True))
        return await session.fetchval(SQL["replace_queued"], *args) is not None

    async def take_next(self, session: Session | None = None) -> Outgoing | None:
        """Begins to send the oldest queued row; in the caller's transaction, if there is one."""
        row = await (session or self._db).fetchrow(SQL["take_next"], self._newest_id)
        return Outgoing(**row) if row else None

    async def in_doubt(self) -> tuple[Outgoing, ...]:
        """Rows whose sending began and whose outcome is unknown, oldest first."""
        return tuple(Outgoing(**row) for row in await self._db.fetch(SQL["in_doubt"]))

    async def mark_sent(
        self, row: Outgoing, message_id: int, more_ids: tuple[int, ...] = ()
    ) -> None:
        """Telegram confirmed the row; `more_ids` are the further messages of an album."""
        self.saw(max(message_id, *more_ids, 0))
        await self._db.execute(SQL["mark_sent"], row.id, message_id, list(more_ids))

    async def split(self, row: Outgoing, reason: str) -> None:
        """Telegram does not take the album: its photos go one by one instead."""
        photos = AlbumPayload.model_validate(row.payload).photos
        async with self._db.transaction() as session:
            await session.execute(SQL["mark_failed"], row.id, reason[:500])
            for index, photo in enumerate(photos):
                await self.enqueue(
                    session, row.chat_id, photo, method="photo", task_no=row.task_no,
                    key=f"split:{row.id}:{index}",
                )  # fmt: skip

    async def put_back(self, row: Outgoing, reason: str) -> None:
        """The row certainly did not arrive; it will be sent again."""
        await self._db.execute(SQL["mark_queued"], row.id, reason[:500])

    async def mark_failed(self, row: Outgoing, reason: str, *, notice: str) -> None:
        """Telegram will never take this row; the owner is told so, once."""
        said = notice.format(reason=reason[:200])
        async with self._db.transaction() as session:
            await session.execute(SQL["mark_failed"], row.id, reason[:500])
            if row.payload.get("text") != said:
                payload = TextPayload(text=said)
                await self.enqueue(
                    session, row.chat_id, payload, method="text", key=f"failed:{row.id}"
                )

    async def known_message_ids(self, chat_id: int, after_id: int) -> frozenset[int]:
        """Ids above `after_id` that are known to be other messages."""
        rows = await self._db.fetch(SQL["known_message_ids"], chat_id, after_id)
        return frozenset(row["id"] for row in rows)

    async def shown(self, session: Session, chat_id: int, message_id: int) -> Shown | None:
        """The row behind a message in the chat."""
        row = await session.fetchrow(SQL["of_message"], chat_id, message_id)
        return Shown(**row) if row else None

    async def is_unnoted(self, chat_id: int, message_id: int) -> bool:
        """Whether this may be a message whose sending is not written down yet."""
        return bool(await self._db.fetchval(SQL["is_unnoted"], chat_id, message_id))

    async def choose(self, session: Session, row_id: int, choice: int) -> Row | None:
        """Records the owner's choice, once; None when it had been made.

        Columns payload, chat_id.
        """
        return await session.fetchrow(SQL["choose"], row_id, choice)

    async def enqueue_alone(
        self, chat_id: int, payload: BaseModel, *, method: Method, key: str, task_no: int
    ) -> bool:
        """Puts a message in by itself; False when `key` was used before."""
        async with self._db.session() as session:
            added = await self.enqueue(
                session, chat_id, payload, method=method, key=key, task_no=task_no
            )
        return added is not None

    async def sent_draft(self, key: str) -> Draft | None:
        """The message that shows a turn's draft, once it was sent."""
        row = await self._db.fetchrow(SQL["sent_by_key"], key)
        return Draft(**row) if row else None

    async def cards_of(self, session: Session, key: str) -> tuple[int, ...]:
        """Rows of the messages that show the card `key`, also where it was offered again."""
        return tuple(row["id"] for row in await session.fetch(SQL["cards_of"], key))

    async def shown_as(self, session: Session, key: str) -> frozenset[int]:
        """Message ids under which the card `key` stands in the chat."""
        rows = await session.fetch(SQL["cards_of"], key)
        return frozenset(row["message_id"] for row in rows if row["message_id"] is not None)

    async def passing_paths(self) -> frozenset[str]:
        """Files that still wait to be sent, and go then."""
        return frozenset(row["path"] for row in await self._db.fetch(SQL["passing_paths"]))

    async def unfinished_cards(self) -> tuple[int, ...]:
        """Tasks whose progress message may look different from how it should."""
        return tuple(row["no"] for row in await self._db.fetch(SQL["unfinished_cards"]))

    async def card_messages(self, keys: list[str]) -> dict[int, int]:
        """Message ids of progress messages that were sent, by task number."""
        rows = await self._db.fetch(SQL["card_rows"], keys)
        return {row["task_no"]: row["message_id"] for row in rows}
