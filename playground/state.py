"""What the stand-in remembers: people, messages, files, commands. No I/O.

One counter gives message ids to all private chats of the bot, in both directions, as Telegram does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from playground.validation import bad


@dataclass(kw_only=True, slots=True)
class StoredFile:
    """A file that somebody sent."""

    file_id: str
    name: str
    mime: str
    content: bytes

    def as_document(self) -> dict[str, Any]:
        """The Bot API's `Document`."""
        return {
            "file_id": self.file_id, "file_unique_id": f"u{self.file_id}", "file_name": self.name,
            "mime_type": self.mime, "file_size": len(self.content),
        }  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Shown:
    """A message as it stands now; `text` is the caption when it carries a file."""

    id: int
    chat_id: int
    sender_id: int
    date: int
    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    buttons: list[list[dict[str, Any]]] = field(default_factory=list)
    reply_to: int | None = None
    document: str | None = None
    photo: str | None = None
    voice: str | None = None
    audio: str | None = None
    video_note: str | None = None
    seconds: int = 0
    is_forwarded: bool = False
    album: str | None = None
    animation: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)  # further fields of the Bot API's message
    is_bot: bool = False
    edits: int = 0
    edited_at: int = 0
    deleted: bool = False

    def looks(self) -> tuple[object, ...]:
        """What an edit compares."""
        return self.text, self.entities, self.buttons

    @property
    def sound(self) -> tuple[str, str] | None:
        """Which kind of sound it carries, and the file's id."""
        kinds = (("voice", self.voice), ("audio", self.audio), ("video_note", self.video_note))
        return next(((kind, file) for kind, file in kinds if file), None)


class State:
    """All chats of one bot."""

    def __init__(self, *, bot_id: int, username: str, name: str, owner: dict[str, Any]) -> None:
        self.bot_id = bot_id
        self.bot = {"id": bot_id, "is_bot": True, "first_name": name, "username": username}
        self.owner = owner
        self.chats: set[int] = {owner["id"]}
        self.messages: dict[int, Shown] = {}
        self.files: dict[str, StoredFile] = {}
        self.commands: list[dict[str, str]] = []
        self.profile: dict[str, str] = {}  # name, description, short_description
        self.pictures: list[str] = []  # file ids, newest first
        self.next_message_id = 1
        self.next_file = 1

    def add(self, chat_id: int, sender_id: int, **parts: Any) -> Shown:  # noqa: ANN401 - fields of Shown
        """A new message."""
        shown = Shown(
            id=self.next_message_id, chat_id=chat_id, sender_id=sender_id, date=int(time.time()),
            is_bot=sender_id == self.bot_id, **parts,
        )  # fmt: skip
        self.next_message_id += 1
        self.keep(shown)
        return shown

    def keep(self, shown: Shown) -> None:
        """Takes a message in."""
        self.messages[shown.id] = shown
        self.chats.add(shown.chat_id)

    def store(self, name: str, mime: str, content: bytes) -> StoredFile:
        """Keeps a file under a new id."""
        file = StoredFile(
            file_id=f"file{self.next_file:06d}", name=name, mime=mime, content=content
        )
        self.next_file += 1
        self.files[file.file_id] = file
        return file

    def find(self, chat_id: int, message_id: object) -> Shown | None:
        """A message that stands in the chat."""
        if type(message_id) is not int:
            return None
        shown = self.messages.get(message_id)
        return shown if shown and shown.chat_id == chat_id and not shown.deleted else None

    def editable(self, chat_id: int, message_id: object) -> Shown:
        """The bot's own message, or Telegram's refusal."""
        shown = self.find(chat_id, message_id)
        if shown is None:
            raise bad("message to edit not found")
        if not shown.is_bot:
            raise bad("message can't be edited")
        return shown

    def user(self, user_id: int) -> dict[str, Any]:
        """A person as Telegram describes them."""
        if user_id == self.owner["id"]:
            return self.owner
        return {"id": user_id, "is_bot": False, "first_name": f"User {user_id}"}

    def chat(self, chat_id: int) -> dict[str, Any]:
        """A chat as Telegram describes it: negative ids are groups."""
        if chat_id < 0:
            return {"id": chat_id, "type": "group", "title": "Group"}
        return {"id": chat_id, "type": "private", "first_name": self.user(chat_id)["first_name"]}

    def as_api(self, shown: Shown, *, with_reply: bool = True) -> dict[str, Any]:
        """The Bot API's `Message`."""
        sender = self.bot if shown.is_bot else self.user(shown.sender_id)
        message: dict[str, Any] = {
            "message_id": shown.id, "date": shown.date, "chat": self.chat(shown.chat_id),
            "from": sender,
        }  # fmt: skip
        has_file = shown.document or shown.photo or shown.sound or shown.animation
        if shown.text:
            message["caption" if has_file else "text"] = shown.text
        if shown.entities:
            message["caption_entities" if has_file else "entities"] = shown.entities
        if shown.document:
            message["document"] = self.files[shown.document].as_document()
        if shown.photo:
            size = len(self.files[shown.photo].content)
            photo = {"file_id": shown.photo, "file_unique_id": f"u{shown.photo}", "file_size": size}
            message["photo"] = [{**photo, "width": 100, "height": 100}]
        if shown.sound is not None:
            kind, file_id = shown.sound
            message[kind] = self._as_sound(kind, self.files[file_id], shown.seconds)
        if shown.is_forwarded:
            message["forward_origin"] = {
                "type": "hidden_user", "sender_user_name": "Somebody", "date": shown.date,
            }  # fmt: skip
        if shown.animation:
            moving = self.files[shown.animation].as_document()
            message["document"] = moving
            message["animation"] = {**moving, "width": 100, "height": 100, "duration": 1}
        if shown.album:
            message["media_group_id"] = shown.album
        if shown.buttons:
            message["reply_markup"] = {"inline_keyboard": shown.buttons}
        if shown.edits:
            message["edit_date"] = shown.edited_at or shown.date
        message |= shown.extra
        if with_reply and (reply := self.find(shown.chat_id, shown.reply_to)):
            message["reply_to_message"] = self.as_api(reply, with_reply=False)
        return message

    @staticmethod
    def _as_sound(kind: str, file: StoredFile, seconds: int) -> dict[str, Any]:
        """The Bot API's `Voice`, `Audio` or `VideoNote`."""
        found = {**file.as_document(), "duration": seconds}
        if kind == "audio":
            return found
        del found["file_name"]
        if kind == "video_note":
            del found["mime_type"]
            found["length"] = 240
        return found

    def as_page(self, shown: Shown) -> dict[str, Any]:
        """The message for the chat page."""
        file = self.files.get(shown.document or shown.animation or "")
        document = file and {
            "file_id": file.file_id,
            "name": file.name,
            "size": len(file.content),
            "mime": file.mime,
        }
        buttons = [[_as_key(button) for button in row] for row in shown.buttons]
        return {
            "id": shown.id, "from": "bot" if shown.is_bot else "me", "date": shown.date,
            "text": shown.text, "entities": shown.entities, "buttons": buttons,
            "reply_to": shown.reply_to, "document": document,
            "photo": {"file_id": shown.photo} if shown.photo else None, "extra": shown.extra,
            "sound": self._sound_on_page(shown),
            "edited": bool(shown.edits) and not shown.is_bot, "deleted": shown.deleted,
        }  # fmt: skip

    def _sound_on_page(self, shown: Shown) -> dict[str, Any] | None:
        if shown.sound is None:
            return None
        kind, file_id = shown.sound
        name = self.files[file_id].name
        return {"kind": kind, "file_id": file_id, "name": name, "seconds": shown.seconds}


def _as_key(button: dict[str, Any]) -> dict[str, str]:
    if button.get("url"):
        return {"text": button["text"], "url": button["url"]}
    return {"text": button["text"], "data": button.get("callback_data", "")}
