"""Voice notes in Postgres: those to listen to, those to speak, and how each chat wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.sql import load_queries

if TYPE_CHECKING:
    from coordinator.speech.choosing import Mode
    from core.db import Database, Session

SQL = load_queries(__package__ or "bot", "voice.sql")


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A voice note to listen to; `payload` is its update, None when the inbox forgot it."""

    update_id: int
    chat_id: int
    telegram_id: int
    attempts: int
    payload: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatVoice:
    """How a chat is answered; `voice` belongs to `engine`, `trouble` is what was told last."""

    mode: Mode = "off"
    engine: str = ""
    voice: str = ""
    voice_name: str = ""
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToSay:
    """What is to be said aloud."""

    id: int
    chat_id: int
    text: str
    engine: str
    voice: str
    voice_name: str
    is_sample: bool
    attempts: int
    is_late: bool


class VoiceStore:
    """All reads and writes; one for the whole process. `Retryable` while Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._without: set[int] = set()  # chats that never said how they want it
        self._was_set = False  # from then on it is asked each time: that commit may be under way

    # --- listening ---

    async def arrived(self, session: Session, note: Note) -> None:
        """A voice note waits to be listened to."""
        await session.execute(SQL["note_arrived"], note.update_id, note.chat_id, note.telegram_id)

    async def next_note(self) -> Note | None:
        """The oldest that waits."""
        row = await self._db.fetchrow(SQL["next_note"])
        return Note(**row) if row else None

    async def tried(self, note: Note) -> None:
        """Counts an attempt before it begins."""
        await self._db.execute(SQL["note_tried"], note.update_id)

    async def heard(self, session: Session, note: Note, *, language: str, seconds: float) -> bool:
        """Ends the wait, in the commit that takes the words in; False when it had ended."""
        args = (note.update_id, language, seconds)
        return await session.fetchval(SQL["note_heard"], *args) is not None

    async def failed(self, session: Session, note: Note, reason: str) -> bool:
        """Ends the wait without words; False when it had ended."""
        args = (note.update_id, reason[:500])
        return await session.fetchval(SQL["note_failed"], *args) is not None

    # --- speaking ---

    async def chat(self, session: Session, chat_id: int) -> ChatVoice:
        """How the chat wants it."""
        if chat_id in self._without and not self._was_set:
            return ChatVoice()
        row = await session.fetchrow(SQL["chat"], chat_id)
        if row is None:
            self._without.add(chat_id)
        return ChatVoice(**row) if row else ChatVoice()

    async def set_mode(self, session: Session, chat_id: int, mode: Mode) -> None:
        """When answers are said aloud."""
        self._was_set = True
        await session.execute(SQL["set_mode"], chat_id, mode)

    async def set_voice(self, session: Session, chat_id: int, voice: ChatVoice) -> None:
        """Which voice says them."""
        self._was_set = True
        args = (chat_id, voice.engine, voice.voice, voice.voice_name)
        await session.execute(SQL["set_voice"], *args)

    async def is_new_trouble(self, session: Session, chat_id: int, trouble: str) -> bool:
        """Notes why nothing is said aloud; False when the owner was told the same before."""
        return await session.fetchval(SQL["set_trouble"], chat_id, trouble[:500]) is not None

    async def was_spoken(self, session: Session, turn_id: int) -> bool:
        """Whether the owner spoke in this turn."""
        return bool(await session.fetchval(SQL["was_spoken"], turn_id))

    async def say(
        self, session: Session, chat_id: int, text: str, *, voice: ChatVoice, key: str | None
    ) -> None:
        """Something to say aloud; without a key it is a sample of a voice."""
        await session.execute(
            SQL["add_reply"], key, chat_id, text, voice.engine, voice.voice, voice.voice_name,
            key is None,
        )  # fmt: skip

    async def next_reply(self) -> ToSay | None:
        """The oldest that waits."""
        row = await self._db.fetchrow(SQL["next_reply"])
        return ToSay(**row) if row else None

    async def reply_tried(self, reply: ToSay) -> None:
        """Counts an attempt before it begins."""
        await self._db.execute(SQL["reply_tried"], reply.id)

    async def ended(self, session: Session, reply: ToSay, *, error: str | None) -> bool:
        """Ends the wait; False when it had ended."""
        state = "failed" if error else "spoken"
        args = (reply.id, state, error and error[:500])
        return await session.fetchval(SQL["reply_ended"], *args) is not None
