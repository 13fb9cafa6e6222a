"""Voice notes, audio files and video notes: listened to, shown as text, then taken as said.

    update ─► voice_notes (waiting) ─► download ─► words ─► one commit: transcript line, message
              kept with the update                          of the owner, row ended

A `kill -9` before that commit only repeats the listening. The words go to `Conversing.take`, which
knows no commands and no buttons.

Threat: somebody else's speech, a replayed recording or a mishearing becomes an order that harms. So
words that were heard reach neither commands nor approvals (those are typed or pressed), never
count as the owner's literal words for policy (`is_spoken`), and what was forwarded, or comes as an
audio file that was recorded elsewhere, is framed as data like any forwarded text.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.delivery import TextPayload
from bot.disk import disk_trouble
from bot.files import MAX_BYTES
from bot.render import utf16_len
from bot.render.types import clean
from bot.route import Route
from bot.telegram_api import Refused
from bot.updates import Message
from bot.voice_store import Note
from bot.wire import MalformedUpdate, read_update
from coordinator.store import NewMessage
from core.errors import AgentAIError, Retryable, UserFacing
from core.spawn import held
from core.wake import Wake, again_on_failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bot.conversing import Conversing
    from bot.outbox_store import OutboxStore
    from bot.route import After
    from bot.telegram_api import TelegramApi
    from bot.updates import SentFile
    from bot.voice_progress import ModelProgress
    from bot.voice_store import VoiceStore
    from coordinator.speech.hearing import Heard, Hearing
    from coordinator.store import Conversation
    from core.config import ConfigStore
    from core.db import Database

    Typing = Callable[[int], AbstractAsyncContextManager[None]]

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
SHOWN_CAP = 3_500
TRIES = 3
MARK = "Heard: "
NO_WORDS = UserFacing("I heard no words in it.", "Please say it again, or type it.")
NOT_HEARD = "I could not listen to it: {reason}"
TRY_AGAIN = "Please send it again, or type it."
STAYS = "The recording itself is kept among your files: /files"
UNHEARD = "[sent a recording: the owner was told that it could not be listened to]"


class VoiceIn:
    """Takes recordings in and listens to them, one after the other. Run `step` forever."""

    def __init__(
        self, *, database: Database, voices: VoiceStore, store: OutboxStore,
        conversation: Conversation, config: ConfigStore,
    ) -> None:  # fmt: skip
        self._db = database
        self._voices = voices
        self._store = store
        self._conversation = conversation
        self._config = config
        self._news = Wake(LOOK_EVERY_S)

    def join(
        self, *, hearing: Hearing, api: TelegramApi, folder: Path, typing: Typing,
        progress: ModelProgress,
    ) -> None:  # fmt: skip
        """Connects to who fetches and listens; `folder` holds a recording meanwhile."""
        self._hearing = hearing
        self._api = api
        self._folder = folder
        self._typing = typing
        self._progress = progress

    def answer_to(self, conversing: Conversing, after: After) -> None:
        """Connects to who takes the words."""
        self._conversing = conversing
        self._after = after
        conversing.listening = self

    # --- arriving ---

    async def arrived(self, route: Route, message: Message) -> bool:
        """Whether the message is a recording, and is dealt with here: it is listened to soon.

        `UserFacing` says what is wrong with one that is too long or too large; an audio file is
        then still a file, and hearing why is the only answer to it.
        """
        sent = message.file
        if sent is None or not sent.is_speech:
            return False
        refusal = refused(sent, max_min=(await self._config.current()).whole("voice.max_min"))
        if refusal is not None:
            if sent.kind != "audio":
                raise refusal
            if sent.size > MAX_BYTES:
                return False  # it still comes as a file, which has its own limit
            chat_id, text = message.sender.chat_id, f"{refusal.sentence()}\n{STAYS}"
            await route.say(self._store, chat_id, text, reply_to=message.message_id)
            await self._unheard(route, message)
            return True
        note = Note(
            update_id=message.update_id, chat_id=message.sender.chat_id,
            telegram_id=message.message_id, attempts=0, payload=None,
        )  # fmt: skip
        await self._voices.arrived(route.session, note)

        async def wake() -> None:
            self._news.set()

        route.later.append(wake)
        return True

    # --- listening ---

    async def step(self) -> None:
        """Listens to all there is. Raises `Retryable` while Telegram or Postgres is away."""
        await self._news.wait()
        with again_on_failure(self._news):
            while (note := await self._voices.next_note()) is not None:
                await self._listen(note)

    async def _listen(self, note: Note) -> None:
        message = _message(note)
        if message is None or message.file is None:
            await self._give_up(note, None, UserFacing("It is not there any more.", TRY_AGAIN))
            return
        path = self._folder / f"{note.update_id}.{_ending(message.file)}"
        try:
            heard = await self._heard(note, message.file, path)
        except UserFacing as error:
            await self._give_up(note, message, error)
        except Refused as error:
            reason = UserFacing(NOT_HEARD.format(reason=error), TRY_AGAIN)
            await self._give_up(note, message, reason)
        except OSError as error:  # a full disk must not hold up the next one
            await self._give_up(note, message, disk_trouble("your recording", error))
        else:
            await self._take(note, message, heard)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _heard(self, note: Note, sent: SentFile, path: Path) -> Heard:
        await self._api.download(sent.file_id, path)
        await self._voices.tried(note)
        try:
            async with (
                self._typing(note.chat_id),
                held(self._progress.follow(note), name="model download"),
            ):
                heard = await self._hearing.hear(
                    path, seconds=float(sent.seconds), on_fetch=self._progress.tell
                )
        except Retryable as error:
            if note.attempts + 1 < TRIES:
                raise
            raise UserFacing(NOT_HEARD.format(reason=error), TRY_AGAIN) from error
        except UserFacing:
            raise
        except AgentAIError as error:  # a mistake of ours must not hold up the next one
            log.exception("a recording could not be listened to", extra={"update": note.update_id})
            raise UserFacing(
                NOT_HEARD.format(reason="the program that listens failed."), TRY_AGAIN
            ) from error
        if not heard.text:
            raise NO_WORDS
        return heard

    async def _take(self, note: Note, message: Message, heard: Heard) -> None:
        """The words become the owner's message, once."""
        route = Route()
        async with self._db.transaction() as session:
            route.session = session
            language, seconds = heard.language, heard.seconds
            if not await self._voices.heard(session, note, language=language, seconds=seconds):
                return
            await self._store.enqueue(
                session, note.chat_id, transcript(heard.text, reply_to=note.telegram_id),
                method="text", key=f"heard:{note.update_id}",
            )  # fmt: skip
            route.has_messages = True
            await self._say(route, message, heard.text)
        self._after.all([route])

    async def _say(self, route: Route, message: Message, words: str) -> None:
        sent = message.file
        if sent is not None and sent.kind == "audio":
            await self._conversing.take(route, message)
            new = NewMessage(chat_id=message.sender.chat_id, text=words, is_forwarded=True)
            await self._conversation.add(route.session, new)
            return
        text = f"{message.text}\n{words}" if message.text else words
        await self._conversing.take(route, replace(message, text=text, file=None, is_spoken=True))

    async def _give_up(self, note: Note, message: Message | None, error: UserFacing) -> None:
        """Says why, once: an audio file stays a file, and only a caption is answered, too."""
        route = Route()
        async with self._db.transaction() as session:
            route.session = session
            if not await self._voices.failed(session, note, error.text):
                return
            said = error.sentence()
            if message is not None and message.file is not None:
                await self._unheard(route, message)
                said += f"\n{STAYS}" if message.file.kind == "audio" else ""
            payload = TextPayload(text=said, reply_to=note.telegram_id)
            promised = await self._progress.promised(session, note)
            await self._store.enqueue(
                session, note.chat_id, payload, method="edit" if promised else "text",
                edit_of=promised,
            )  # fmt: skip
            route.has_messages = True
        self._after.all([route])

    async def _unheard(self, route: Route, message: Message) -> None:
        """An audio file stays a file; what was typed beside a recording counts."""
        is_file = message.file is not None and message.file.kind == "audio"
        if message.text:
            kept = message if is_file else replace(message, file=None)
            await self._conversing.take(route, replace(kept, context=(*kept.context, UNHEARD)))
        elif is_file:
            await self._conversing.keep_file(route, message)


def refused(sent: SentFile, *, max_min: int) -> UserFacing | None:
    """Why a recording is not listened to, or None. Pure."""
    if sent.seconds > max_min * 60:
        return UserFacing(
            f"This is {sent.seconds / 60:.0f} minutes long; I listen to {max_min} at most.",
            "Send it in shorter pieces, or raise the limit: /config voice.max_min 30",
        )
    if sent.size > MAX_BYTES:
        size = round(sent.size / 1024 / 1024)
        return UserFacing(
            f"This is {size} MB. Bots can receive files of up to 20 MB.",
            "Send it in shorter pieces.",
        )
    return None


def transcript(text: str, *, reply_to: int) -> TextPayload:
    """What was understood, as a quiet quoted line under the recording. Pure."""
    words = clean(text).strip()
    shown = words if len(words) <= SHOWN_CAP else words[:SHOWN_CAP].rstrip() + " …"
    quoted = {"type": "blockquote", "offset": 0, "length": utf16_len(MARK + shown)}
    return TextPayload(text=MARK + shown, entities=(quoted,), reply_to=reply_to, is_quiet=True)


def _ending(sent: SentFile) -> str:
    """The file's ending, which transcription services go by."""
    ending = sent.name.rpartition(".")[2].lower()
    known = {"oga": "ogg", "opus": "ogg"}.get(ending, ending)
    return known if known.isalnum() and known.isascii() and len(known) <= 5 else "ogg"


def _message(note: Note) -> Message | None:
    if note.payload is None:
        return None
    try:
        update = read_update(note.payload)
    except MalformedUpdate:
        return None
    return update if isinstance(update, Message) else None
