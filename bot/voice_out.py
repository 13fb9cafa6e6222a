"""Answers said aloud: after the text, as a voice note of its own.

    the answer's commit ─► voice_replies (waiting) ─► speech ─► one commit: outbox row, row ended

The text always stands in the chat first, so a failure costs nothing but the sound. Why nothing is
said is told once, and again only when the reason changes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from bot.delivery import VoicePayload, text_payload
from bot.disk import disk_trouble
from bot.render import plain
from coordinator.speech.choosing import is_wanted
from coordinator.speech.speakable import speakable
from core.errors import AgentAIError, Retryable, UserFacing
from core.wake import Wake, again_on_failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.outbox_store import OutboxStore
    from bot.voice_store import ToSay, VoiceStore
    from coordinator.ports import Reply
    from coordinator.speech.speaking import Speaking, Spoken
    from core.config import ConfigStore
    from core.db import Database, Session

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
TRIES = 2
KEPT_S = 24 * 3600.0
TROUBLE = "I answer in text only for now. {why}"
LATE = "It was too late to say it aloud."


class VoiceOut:
    """Speaks what was answered, one after the other. Run `step` forever."""

    def __init__(
        self, *, database: Database, voices: VoiceStore, store: OutboxStore, config: ConfigStore,
        speaking: Speaking,
    ) -> None:  # fmt: skip
        self._db = database
        self._voices = voices
        self._store = store
        self._config = config
        self._speaking = speaking
        self._news = Wake(LOOK_EVERY_S)
        self._is_due = False

    def join(self, *, folder: Path, wake_outbox: Callable[[], None]) -> None:
        """Connects to who sends; `folder` holds voice notes for a day."""
        self._folder = folder
        self._wake_outbox = wake_outbox

    def wake(self) -> None:
        """There may be something to say."""
        self._news.set()

    def wake_if_due(self) -> None:
        """The same after an answer, which seldom is to be said aloud."""
        if self._is_due:
            self._is_due = False
            self._news.set()

    async def answered(self, session: Session, reply: Reply) -> None:
        """In the commit of an answer: it will be said aloud, if this chat wants it."""
        chat = await self._voices.chat(session, reply.chat_id)
        if chat.mode == "off":
            return
        was_spoken = await self._voices.was_spoken(session, reply.turn_id)
        cap = (await self._config.current()).whole("voice.characters")
        text = speakable(reply.markdown, cap)
        if text and is_wanted(chat.mode, was_spoken=was_spoken):
            self._is_due = True
            key = f"turn:{reply.turn_id}"
            await self._voices.say(session, reply.chat_id, text, voice=chat, key=key)

    async def step(self) -> None:
        """Says all there is. Raises `Retryable` while Postgres is away."""
        await self._news.wait()
        with again_on_failure(self._news):
            while (reply := await self._voices.next_reply()) is not None:
                await self._say(reply)

    async def _say(self, reply: ToSay) -> None:
        if reply.is_late:
            await self._end(reply, LATE, told="")
            return
        await self._voices.reply_tried(reply)
        try:
            spoken = await self._speaking.speak(reply.text, voice=reply.voice, engine=reply.engine)
        except UserFacing as error:
            await self._end(reply, error.text, told=error.sentence())
        except Retryable as error:
            if reply.attempts + 1 >= TRIES:
                await self._end(reply, str(error), told=f"{error} I try again with the next one.")
        except AgentAIError:
            log.exception("an answer could not be spoken", extra={"reply": reply.id})
            await self._end(reply, "bug", told="The program that speaks failed.")
        else:
            await self._send(reply, spoken)

    async def _send(self, reply: ToSay, spoken: Spoken) -> None:
        path = self._folder / f"{reply.id}.ogg"
        try:
            await asyncio.to_thread(_keep, path, spoken.audio)
        except OSError as error:
            why = disk_trouble("the sound of my answer", error)
            await self._end(reply, why.text, told=why.text)
            return
        payload = _payload(reply, path, spoken.seconds)
        async with self._db.transaction() as session:
            if await self._voices.ended(session, reply, error=None):
                await self._store.enqueue(
                    session, reply.chat_id, payload, method="voice", key=f"spoken:{reply.id}"
                )
                await self._voices.is_new_trouble(session, reply.chat_id, "")
        self._wake_outbox()

    async def _end(self, reply: ToSay, error: str, *, told: str) -> None:
        async with self._db.transaction() as session:
            if not await self._voices.ended(session, reply, error=error):
                return
            is_new = bool(told) and await self._voices.is_new_trouble(session, reply.chat_id, error)
            if is_new or (told and reply.is_sample):
                text = told if reply.is_sample else TROUBLE.format(why=told)
                (piece,) = plain(text).pieces[:1]
                await self._store.enqueue(
                    session, reply.chat_id, text_payload(piece), method="text",
                    key=f"unspoken:{reply.id}",
                )  # fmt: skip
        self._wake_outbox()


def _payload(reply: ToSay, path: Path, seconds: float) -> VoicePayload:
    """An answer is the sound alone; a sample carries its name and a button to use the voice."""
    length = max(1, round(seconds))
    if not reply.is_sample:
        return VoicePayload(path=str(path), seconds=length)
    use = ((("Use this voice", f"v:u:{reply.voice}"[:64]),),)
    return VoicePayload(path=str(path), seconds=length, caption=reply.voice_name, buttons=use)


def _keep(path: Path, audio: bytes) -> None:
    """Writes the note whole, and forgets those that were sent long ago."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in path.parent.glob("*.ogg"):
        if time.time() - old.stat().st_mtime > KEPT_S:
            old.unlink(missing_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(audio)
    part.replace(path)
