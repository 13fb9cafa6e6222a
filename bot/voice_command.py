"""/voice: when I answer aloud, and in which voice.

    /voice                      how it is now, with buttons
    /voice off|auto|always      never, when you speak, always
    /voice list                 the voices; pressing one plays a sample

Buttons: v:m:MODE, v:l:PAGE, v:p:ID plays a sample of a voice, v:u:ID uses it.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from bot.cards import Card, short
from bot.render import compose
from bot.route import Route
from bot.voice_store import ChatVoice
from coordinator.speech.choosing import MODES
from coordinator.speech.local_voice import INSTALL, has_voice
from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.delivery import Button
    from bot.outbox_store import OutboxStore
    from bot.updates import Message, Press
    from bot.voice_store import VoiceStore
    from coordinator.speech.choosing import Mode
    from coordinator.speech.speaking import Speaking, VoiceInfo
    from core.db import Database

PAGE = 8
USAGE = "Say: /voice off, /voice auto (when you speak), /voice always, or /voice list."
SAMPLE = "Hello. This is how I sound when I read an answer to you."
WORDS: dict[Mode, str] = {"off": "Never", "auto": "When I speak", "always": "Always"}
TOLD: dict[Mode, str] = {
    "off": "I answer in text only.",
    "auto": "I answer aloud when you speak to me; the text is always there, too.",
    "always": "I say every answer aloud; the text is always there, too.",
}
ENGINES = {"elevenlabs": "ElevenLabs", "local": "the voice on this machine (English only)"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
TOO_OLD = "This button is too old."


class VoiceCommand:
    """Handles /voice and its buttons."""

    def __init__(
        self, *, database: Database, voices: VoiceStore, store: OutboxStore, speaking: Speaking,
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._db = database
        self._voices = voices
        self._store = store
        self._speaking = speaking
        self._wake = wake
        self._names: dict[str, str] = {}

    def join(self, wake_outbox: Callable[[], None]) -> None:
        """Connects to who sends."""
        self._wake_outbox = wake_outbox

    async def handle(self, route: Route, message: Message, rest: str) -> None:
        """/voice. `UserFacing` says what was wrong with it."""
        word, chat_id = rest.strip().lower(), message.sender.chat_id
        mode = _mode(word)
        if mode is not None:
            await self._voices.set_mode(route.session, chat_id, mode)
            await route.say(self._store, chat_id, TOLD[mode])
        elif word == "list":
            route.later.append(lambda: self._list(chat_id, 0))
        elif not word:
            await route.show(self._store, chat_id, await self._card(route, chat_id))
        else:
            raise UserFacing(USAGE)

    async def pressed(self, route: Route, press: Press, what: str) -> str:
        """A pressed button; returns the short answer."""
        action, _, word = what.partition(":")
        chat_id, mode = press.sender.chat_id, _mode(word)
        if action == "m" and mode is not None:
            await self._voices.set_mode(route.session, chat_id, mode)
            await route.say(self._store, chat_id, TOLD[mode])
            return WORDS[mode]
        if action == "l" and word.isdecimal() and len(word) < 4:
            route.later.append(lambda: self._list(chat_id, int(word)))
            return ""
        if action in {"p", "u"} and _ID.fullmatch(word):
            return await self._chosen(route, chat_id, word, is_sample=action == "p")
        return TOO_OLD

    async def _chosen(self, route: Route, chat_id: int, word: str, *, is_sample: bool) -> str:
        name = self._names.get(word, "this voice")
        voice = ChatVoice(engine=await self._speaking.engine(), voice=word, voice_name=name)
        if not is_sample:
            await self._voices.set_voice(route.session, chat_id, voice)
            text = f"I speak with {name} from now on."
            if (await self._voices.chat(route.session, chat_id)).mode == "off":
                text += " /voice auto or /voice always turns it on."
            await route.say(self._store, chat_id, text)
            return "Done."
        await self._voices.say(route.session, chat_id, SAMPLE, voice=voice, key=None)

        async def wake() -> None:
            self._wake()

        route.later.append(wake)
        return "One moment …"

    async def _card(self, route: Route, chat_id: int) -> Card:
        chat = await self._voices.chat(route.session, chat_id)
        engine = await self._speaking.engine()
        name = chat.voice_name if chat.engine == engine and chat.voice else "its first voice"
        lines = [TOLD[chat.mode], f"Who speaks: {ENGINES[engine]}, {name}."]
        if engine == "local" and not await asyncio.to_thread(has_voice):
            lines[1] = INSTALL
        if engine == "local":
            lines.append(
                "Better voices, in many languages: /secret set ELEVENLABS api.elevenlabs.io"
            )
        marked = tuple(
            (f"• {WORDS[mode]}" if mode == chat.mode else WORDS[mode], f"v:m:{mode}")
            for mode in MODES
        )
        return Card(piece=compose("\n".join(lines)), keys=(marked, (("Choose a voice", "v:l:0"),)))

    async def _list(self, chat_id: int, page: int) -> None:
        """Asks who speaks for the voices, and shows a page; a failure is told."""
        route = Route()
        try:
            voices = await self._speaking.voices()
        except UserFacing as error:
            card = Card(piece=compose(error.sentence()))
        except Retryable as error:
            card = Card(piece=compose(f"{error}\nPlease try again in a while."))
        else:
            self._names = {voice.id: voice.name for voice in voices}
            card = voices_card(voices, page)
        async with self._db.transaction() as session:
            route.session = session
            await route.show(self._store, chat_id, card)
        self._wake_outbox()


def voices_card(voices: Sequence[VoiceInfo], page: int) -> Card:
    """A page of voices, each a button. Pure."""
    usable = [voice for voice in voices if _ID.fullmatch(voice.id)]
    if not usable:
        return Card(piece=compose("There is no voice to choose from."))
    start = min(page * PAGE, (len(usable) - 1) // PAGE * PAGE)
    shown = usable[start : start + PAGE]
    keys: list[tuple[Button, ...]] = [((_label(voice), f"v:p:{voice.id}"),) for voice in shown]
    turn: list[Button] = []
    if start > 0:
        turn.append(("Back", f"v:l:{start // PAGE - 1}"))
    if start + PAGE < len(usable):
        turn.append(("More", f"v:l:{start // PAGE + 1}"))
    if turn:
        keys.append(tuple(turn))
    return Card(piece=compose("Press a voice to hear it."), keys=tuple(keys))


def _label(voice: VoiceInfo) -> str:
    return short(f"{voice.name} · {voice.about}" if voice.about else voice.name, 60)


def _mode(word: str) -> Mode | None:
    return next((mode for mode in MODES if mode == word), None)
