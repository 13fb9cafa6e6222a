"""Everything that goes to Telegram and must arrive.

It is enqueued in the sender's transaction and sent in order, once.

States of a row, and what a `kill -9` leaves:

    queued    not begun; sent after the restart
    sending   begun, outcome unknown; after the restart (and after a lost answer) it is *looked
              for* by probing edits before it is sent again, so that nobody sees it twice
    sent      Telegram confirmed it; `message_id` is known
    failed    Telegram refused it for good; the reason is kept, logged, and told to the owner

One send is under way at a time: order is kept, and a send in doubt can be told from all others.
Beginning a send is a commit of its own, except for an answer that finds nothing else to be sent: it
begins its own sending in the commit that enqueues it (`lent`).
"""

from __future__ import annotations

import asyncio
import base64
import logging
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.delivery import (
    CAPTION_CAP,
    FILE_CALLS,
    NOT_DELETED,
    NOTICE,
    AlbumPayload,
    DeletePayload,
    FilePayload,
    Method,
    TextPayload,
    VoicePayload,
    album_call,
    candidates,
    delete_call,
    edit_call,
    file_call,
    read_probe,
    remedy,
    text_call,
    voice_call,
)
from bot.telegram_api import (
    Flooded,
    InDoubt,
    InputFile,
    InputMediaPhoto,
    Refused,
    Unsent,
    buttons,
)
from core.errors import Retryable
from core.wake import Wake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.outbox_store import OutboxStore, Outgoing
    from bot.pacing import Pacer
    from bot.telegram_api import TelegramApi
    from coordinator.ports import Begin
    from core.db import Session

log = logging.getLogger(__name__)

BLOCKED_PAUSE_S = 60.0
LOOK_EVERY_S = 5.0
UPLOAD_WITHIN_S = 180.0


class Outbox:
    """Sends what the store holds.

    Run `step` forever; `wake` after each commit that enqueued something.
    """

    def __init__(self, *, store: OutboxStore, api: TelegramApi, pacer: Pacer) -> None:
        self._store = store
        self._api = api
        self._pacer = pacer
        self._news = Wake(LOOK_EVERY_S)
        self._is_sending = False
        self._returned = asyncio.Event()  # not set while a commit elsewhere may begin a send
        self._returned.set()
        self._begun: Outgoing | None = None  # by such a commit
        self._has_doubts = True  # a former process may have left rows in `sending`
        self.on_sent: Callable[[Outgoing, int], None] = lambda row, message_id: None

    def wake(self) -> None:
        """There is something to send."""
        self._news.set()

    async def step(self) -> None:
        """Sends all there is, then waits for news.

        Raises `Retryable` while Postgres or Telegram is away.
        """
        while not self._returned.is_set():  # it may be lent again before we go on
            await self._returned.wait()
        self._is_sending = True
        try:
            await self._send_all()
        except Retryable:
            self._news.set()
            raise
        finally:
            self._is_sending = False
        await self._news.wait()

    async def _send_all(self) -> None:
        if self._has_doubts:
            await self._settle_doubts()
            self._has_doubts = False
        row, self._begun = self._begun, None
        while (row := row or await self._take_next()) is not None:
            self._has_doubts = True
            await self._deliver(row)
            self._has_doubts, row = False, None

    async def _take_next(self) -> Outgoing | None:
        try:
            return await self._store.take_next()
        except Retryable:
            self._has_doubts = True  # it may have been committed, and only the answer was lost
            raise

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Begin]:
        """Lets the block's own commit begin the next send: one commit less before an answer is out.

        What it gives does nothing while something is being sent; nothing is sent during the block.
        When the block fails, its commit may have happened nevertheless: the row is then in doubt.
        """
        if self._is_sending or self._has_doubts or self._begun or not self._returned.is_set():
            yield _begin_nothing
            return
        rows: list[Outgoing | None] = []

        async def begin(session: Session) -> None:
            self._has_doubts = True
            rows.append(await self._store.take_next(session))

        self._returned.clear()
        try:
            yield begin
            self._has_doubts, self._begun = False, rows[0] if rows else None
        finally:
            self._returned.set()
            if self._has_doubts:
                self._news.set()

    async def _deliver(self, row: Outgoing) -> None:
        """One row to its end.

        `Unsent` puts it back; `InDoubt` leaves it in `sending` to be looked for.
        """
        try:
            arrived = await self._send(row)
        except Unsent as error:
            if isinstance(error, Flooded):
                now = asyncio.get_running_loop().time()
                self._pacer.pause(row.chat_id, error.after_s, now=now)
            await self._store.put_back(row, str(error))
            raise
        except Refused as error:
            await self._refused(row, error)
        else:
            await self._sent(row, *arrived)

    async def _sent(self, row: Outgoing, message_id: int, *more_ids: int) -> None:
        await self._store.mark_sent(row, message_id, more_ids)
        self.on_sent(row, message_id)
        await asyncio.to_thread(_discard_passing, row)

    async def _send(self, row: Outgoing) -> tuple[int, ...]:
        """The call itself; returns the ids of the messages that now show the payload, or 0."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._pacer.wait_s(row.chat_id, now=loop.time()))
        self._pacer.take(row.chat_id, now=loop.time())
        if row.method in FILE_CALLS:
            return (await self._send_file(row),)
        if row.method == "album":
            return await self._send_album(row)
        if row.method == "voice":
            return (await self._send_voice(row),)
        if row.method == "delete":
            gone = DeletePayload.model_validate(row.payload)
            await self._api.call("deleteMessage", **delete_call(gone, row.chat_id))
            return (0,)
        payload = TextPayload.model_validate(row.payload)
        if row.method == "edit" and row.edit_message_id is not None:
            fields = edit_call(payload, row.chat_id, row.edit_message_id)
            await self._api.call("editMessageText", **fields)
            return (row.edit_message_id,)
        return (_id_of(await self._api.call("sendMessage", **text_call(payload, row.chat_id))),)

    async def _send_file(self, row: Outgoing) -> int:
        payload = FilePayload.model_validate(row.payload)
        method, field = FILE_CALLS[row.method]
        content = InputFile(await _content(payload), filename=payload.filename)
        fields = {**file_call(payload, row.chat_id), field: content}
        return _id_of(await self._api.call(method, timeout_s=UPLOAD_WITHIN_S, **fields))

    async def _send_album(self, row: Outgoing) -> tuple[int, ...]:
        payload = AlbumPayload.model_validate(row.payload)
        media = [
            InputMediaPhoto(
                media=await _content(photo), filename=photo.filename,
                caption=photo.caption[:CAPTION_CAP] or None,
            )
            for photo in payload.photos
        ]  # fmt: skip
        fields = {**album_call(payload, row.chat_id), "media": media}
        sent = await self._api.call("sendMediaGroup", timeout_s=UPLOAD_WITHIN_S, **fields)
        if not isinstance(sent, list) or not sent:
            raise InDoubt("Telegram's answer holds no messages")
        return tuple(_id_of(message) for message in sent)

    async def _send_voice(self, row: Outgoing) -> int:
        payload = VoicePayload.model_validate(row.payload)
        try:
            content = await asyncio.to_thread(Path(payload.path).read_bytes)
        except OSError as error:
            raise Refused(f"the voice note is gone ({error.strerror})") from error
        voice = InputFile(content, filename="voice.ogg")
        fields = {**voice_call(payload, row.chat_id), "voice": voice}
        return _id_of(await self._api.call("sendVoice", timeout_s=UPLOAD_WITHIN_S, **fields))

    async def _refused(self, row: Outgoing, error: Refused) -> None:
        method: Method = row.method
        has_entities = bool(row.payload.get("entities"))
        match remedy(
            str(error), method=method, has_entities=has_entities, is_blocked=error.is_blocked
        ):
            case "gone":
                await self._sent(row, row.edit_message_id or 0)
            case "as_new":
                await self._deliver(row.as_new_message())
            case "plain":
                log.warning("formatting refused, sent without: %s", error)
                await self._deliver(row.without_formatting())
            case "as_file":
                log.warning("a %s was refused and is sent as a file: %s", method, error)
                await self._deliver(row.as_file())
            case "one_by_one":
                log.warning("an album was refused and goes one by one: %s", error)
                await self._store.split(row, str(error))
            case "wait":
                await self._store.put_back(row, str(error))
                raise Unsent(f"the owner cannot be reached: {error}", BLOCKED_PAUSE_S)
            case "give_up":
                log.error("telegram refused a message: %s", error, extra={"row": row.id})
                told = row.payload.get("notice") or NOT_DELETED
                notice = told if method == "delete" else NOTICE
                await self._store.mark_failed(row, str(error), notice=notice)
                await asyncio.to_thread(_discard_passing, row)

    # --- sends whose answer was lost ---

    async def _settle_doubts(self) -> None:
        for row in await self._store.in_doubt():
            found = await self._look_for(row)
            if found is not None:
                log.info("a message in doubt had arrived", extra={"row": row.id})
                await self._sent(row, *range(found, found + _count(row)))
            else:
                await self._store.put_back(row, "in doubt, not found")

    async def _look_for(self, row: Outgoing) -> int | None:
        """The id under which the row arrived, or None.

        Edits and deletions need no look: repeating one is harmless.
        """
        is_edit = row.method == "edit" and row.edit_message_id is not None
        if is_edit or row.method == "delete":
            return None
        known = await self._store.known_message_ids(row.chat_id, row.after_id)
        for candidate in candidates(row.after_id, known):
            if read_probe(await self._probe(row, candidate)) == "arrived":
                return candidate
        return None

    async def _probe(self, row: Outgoing, candidate: int) -> str | None:
        """Telegram's refusal of an edit that would change nothing, or None when it took it."""
        try:
            if row.method == "album" or row.method in FILE_CALLS:
                payload = _first(row)
                fields: dict[str, Any] = {
                    **file_call(payload, row.chat_id), "reply_parameters": None,
                    "message_id": candidate,
                }  # fmt: skip
                await self._api.call("editMessageCaption", **fields)
            elif row.method == "voice":
                voice = VoicePayload.model_validate(row.payload)
                fields = {
                    "chat_id": row.chat_id, "message_id": candidate,
                    "caption": voice.caption or None, "reply_markup": buttons(voice.buttons),
                }  # fmt: skip
                await self._api.call("editMessageCaption", **fields)
            else:
                text = TextPayload.model_validate(row.payload)
                fields = edit_call(text, row.chat_id, candidate)
                await self._api.call("editMessageText", **fields)
        except Refused as error:
            return str(error)
        return None


async def _content(payload: FilePayload) -> bytes:
    """The file's bytes; `Refused` when it is gone."""
    if payload.path is None:
        return base64.b64decode(payload.content or "")
    try:
        return await asyncio.to_thread(Path(payload.path).read_bytes)
    except OSError as error:
        raise Refused(f"{payload.filename} is gone ({error.strerror})") from error


def _discard_passing(row: Outgoing) -> None:
    """Deletes what was only for this message; a kill before that leaves it to `Looking.sweep`."""
    if row.payload.get("is_passing") and (path := row.payload.get("path")):
        with suppress(OSError):
            Path(path).unlink(missing_ok=True)


def _first(row: Outgoing) -> FilePayload:
    """The file whose caption tells the row from others; an album has consecutive ids."""
    if row.method == "album":
        return AlbumPayload.model_validate(row.payload).photos[0]
    return FilePayload.model_validate(row.payload)


def _count(row: Outgoing) -> int:
    return len(AlbumPayload.model_validate(row.payload).photos) if row.method == "album" else 1


async def _begin_nothing(_: Session) -> None:
    """Somebody else is sending, and will go on with what this transaction enqueued."""


def _id_of(message: object) -> int:
    """The id in an answer; an answer without one leaves the send in doubt."""
    message_id = message.get("message_id") if isinstance(message, dict) else None
    if not isinstance(message_id, int):
        raise InDoubt("Telegram's answer holds no message id")
    return message_id
