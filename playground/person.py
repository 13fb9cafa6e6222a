"""What the person on the other side of the chat can do: write, edit, press, send files."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from playground.validation import CAPTION_CAP, TEXT_CAP, command_entities, cut_paste, utf16_len

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playground.callbacks import Callbacks
    from playground.state import Shown, State
    from playground.updates import UpdateQueue

SOUNDS = frozenset({"voice", "audio", "video_note"})
IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


CONTENTS = frozenset({
    "location", "venue", "contact", "poll", "dice", "sticker", "story", "game", "checklist",
    "forward_origin", "external_reply", "via_bot", "paid_media", "giveaway",
})  # fmt: skip


class NotPossible(Exception):  # noqa: N818 - says what the person hears
    """The client would not do that; the text is for the person."""


class Person:
    """Acts in the chat with the bot; `user_id` and `chat_id` default to the owner's."""

    def __init__(
        self, state: State, updates: UpdateQueue, callbacks: Callbacks,
        tell: Callable[[str, Any], None],
    ) -> None:  # fmt: skip
        self._state = state
        self._updates = updates
        self._callbacks = callbacks
        self._tell = tell

    def send(
        self, text: str, *, user_id: int | None = None, chat_id: int | None = None,
        reply_to: int | None = None, quote: str = "",
    ) -> int:  # fmt: skip
        """Sends a text; a long one goes out in several messages. Returns the last one's id."""
        user = user_id or self._state.owner["id"]
        message_id = 0
        for part in cut_paste(text):
            kept = part.strip()
            shown = self._state.add(
                chat_id or user, user, text=kept, entities=command_entities(kept),
                reply_to=reply_to, extra=_quote(quote),
            )  # fmt: skip
            message_id = self._deliver(shown)
        return message_id

    def send_files(
        self, files: Sequence[tuple[str, str, bytes]], *, caption: str = "",
        reply_to: int | None = None,
    ) -> list[int]:  # fmt: skip
        """Sends (name, mime type, content) each; several become an album."""
        caption = caption.strip()
        if utf16_len(caption) > CAPTION_CAP:
            raise NotPossible(f"A caption may have {CAPTION_CAP} characters at most.")
        owner: int = self._state.owner["id"]
        album = secrets.token_hex(6) if len(files) > 1 else None
        ids = []
        for index, (name, mime, content) in enumerate(files):
            file = self._state.store(name, mime, content)
            kind: dict[str, Any] = {"photo" if mime in IMAGES else "document": file.file_id}
            text = caption if index == 0 else ""
            shown = self._state.add(
                owner, owner, text=text, entities=command_entities(text), album=album,
                reply_to=reply_to, **kind,
            )  # fmt: skip
            ids.append(self._deliver(shown))
        return ids

    def send_sound(
        self, content: bytes, *, kind: str = "voice", name: str = "voice.ogg",
        mime: str = "audio/ogg", seconds: int = 0, caption: str = "",
        reply_to: int | None = None, is_forwarded: bool = False,
    ) -> int:  # fmt: skip  # noqa: PLR0913, RUF100 - what a recording has
        """Sends a voice note, an audio file or a video note; returns its id."""
        if kind not in SOUNDS:
            raise NotPossible("This is no kind of recording.")
        if not content:
            raise NotPossible("There is nothing in it.")
        owner: int = self._state.owner["id"]
        file = self._state.store(name, mime, content)
        made: dict[str, Any] = {kind: file.file_id}
        shown = self._state.add(
            owner, owner, text=caption.strip(), reply_to=reply_to, seconds=max(seconds, 0),
            is_forwarded=is_forwarded, **made,
        )  # fmt: skip
        return self._deliver(shown)

    def send_content(self, kind: str, content: dict[str, Any], *, text: str = "") -> int:
        """Sends what is no text: a location, venue, contact, poll or dice; or what was forwarded.

        `kind` is a field of the Bot API's message, `content` its value; `text` goes with an origin.
        """
        if kind not in CONTENTS:
            raise NotPossible("This is no kind of message.")
        owner: int = self._state.owner["id"]
        return self._deliver(self._state.add(owner, owner, text=text, extra={kind: content}))

    def move(self, message_id: int, latitude: float, longitude: float) -> None:
        """Moves a live location on."""
        shown = self._state.messages.get(message_id)
        if shown is None or "live_period" not in shown.extra.get("location", {}):
            raise NotPossible("This is no live location.")
        place = {**shown.extra["location"], "latitude": latitude, "longitude": longitude}
        shown.extra = {"location": place}
        shown.edits += 1
        shown.edited_at = int(time.time())
        self._tell("edit", shown)
        self._updates.add(edited_message=self._state.as_api(shown))

    def _deliver(self, shown: Shown) -> int:
        self._tell("message", shown)
        self._updates.add(message=self._state.as_api(shown))
        return shown.id

    def edit(self, message_id: int, text: str) -> None:
        """Edits the text or caption of an own message."""
        shown = self._state.messages.get(message_id)
        kept = text.strip()
        if shown is None or shown.is_bot or shown.deleted:
            raise NotPossible("This message cannot be edited.")
        has_file = bool(shown.document or shown.photo or shown.sound)
        if not kept and not has_file:
            raise NotPossible("A message needs a text.")
        if utf16_len(kept) > (CAPTION_CAP if has_file else TEXT_CAP):
            raise NotPossible("This text is too long for one message.")
        shown.text = kept
        shown.entities = command_entities(kept)
        shown.edits += 1
        shown.edited_at = int(time.time())
        self._tell("edit", shown)
        self._updates.add(edited_message=self._state.as_api(shown))

    def press(self, message_id: int, data: str, *, user_id: int | None = None) -> str:
        """Presses the button with this data or label; returns the press's id."""
        shown = self._state.messages.get(message_id)
        keys = [b for row in shown.buttons for b in row] if shown and not shown.deleted else []
        callable_ = [b for b in keys if "callback_data" in b]
        key = next((b for b in callable_ if data in {b["callback_data"], b["text"]}), None)
        if shown is None or key is None:
            raise NotPossible("This button is gone.")
        callback_id = self._callbacks.open(message_id)
        self._updates.add(callback_query={
            "id": callback_id, "from": self._state.user(user_id or self._state.owner["id"]),
            "message": self._state.as_api(shown), "data": key["callback_data"],
            "chat_instance": "1",
        })  # fmt: skip
        return callback_id

    def react(self, message_id: int, emoji: str) -> None:
        """Reacts to a message."""
        owner = self._state.owner
        self._updates.add(message_reaction={
            "chat": self._state.chat(owner["id"]), "message_id": message_id, "user": owner,
            "date": int(time.time()), "old_reaction": [],
            "new_reaction": [{"type": "emoji", "emoji": emoji}],
        })  # fmt: skip


def _quote(text: str) -> dict[str, Any]:
    return {"quote": {"text": text[:1024], "position": 0, "is_manual": True}} if text else {}
