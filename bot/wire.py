"""Telegram's JSON read into the values of `bot.updates`. Pure.

Everything here comes from outside: a malformed update raises `MalformedUpdate` with one line saying
what is wrong, and kinds that the bot does not know become `Other`. Field names follow the Bot API.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.content_lines import is_live
from bot.structured import structured
from bot.updates import Message, Other, Press, Sender, SentFile
from core.db import storable
from core.errors import AgentAIError

if TYPE_CHECKING:
    from bot.updates import FileKind, Update

NAME_BYTES = 100
Id = Annotated[int, Field(gt=-(2**53), lt=2**53)]


class MalformedUpdate(AgentAIError):  # noqa: N818 - named for what it is
    """An update that is not what the Bot API promises."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _User(_Part):
    id: Id
    is_bot: bool = False
    first_name: str = ""


class _Chat(_Part):
    id: Id
    type: str


class _File(_Part):
    file_id: str
    file_name: str | None = None
    mime_type: str | None = None
    file_size: Annotated[int, Field(ge=0)] = 0
    duration: Annotated[int, Field(ge=0)] = 0


class _Ref(_Part):
    model_config = ConfigDict(extra="allow", frozen=True)

    message_id: Id


class _Message(_Part):
    model_config = ConfigDict(extra="allow", frozen=True)  # `bot.structured` reads the rest

    message_id: Id
    chat: _Chat
    from_: Annotated[_User | None, Field(alias="from")] = None
    text: str | None = None
    caption: str | None = None
    media_group_id: str | None = None
    reply_to_message: _Ref | None = None
    forward_origin: dict[str, Any] | None = None
    forward_date: int | None = None
    via_bot: dict[str, Any] | None = None
    document: _File | None = None
    photo: list[_File] | None = None
    voice: _File | None = None
    audio: _File | None = None
    video: _File | None = None
    video_note: _File | None = None
    animation: _File | None = None


class _Callback(_Part):
    id: str
    from_: Annotated[_User, Field(alias="from")]
    data: str | None = None
    message: _Message | None = None


class _Update(_Part):
    update_id: Id
    message: _Message | None = None
    edited_message: _Message | None = None
    callback_query: _Callback | None = None


def read_update(payload: str) -> Update:
    """One update from its JSON text."""
    try:
        raw = _Update.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "update"
        raise MalformedUpdate(f"{where}: {first['msg']}") from None
    if raw.callback_query is not None:
        return _press(raw.update_id, raw.callback_query)
    message = raw.message or raw.edited_message
    if message is None or message.from_ is None:
        return Other(update_id=raw.update_id)
    return _message(raw.update_id, message, message.from_, is_edit=raw.message is None)


def _message(update_id: int, message: _Message, user: _User, *, is_edit: bool) -> Message:
    reply, file = message.reply_to_message, _file(message)
    raw = message.model_dump(by_alias=True, exclude_none=True, warnings=False)
    said = structured(raw, has_file=file is not None)
    return Message(
        update_id=update_id,
        sender=_sender(user, message.chat),
        message_id=message.message_id,
        text=(message.text or message.caption or "").strip(),
        reply_to=reply.message_id if reply else None,
        album=message.media_group_id,
        file=file,
        is_edit=is_edit,
        is_forwarded=_is_foreign(message),
        context=said.context,
        content=said.content,
        has_foreign=said.has_foreign,
        is_live=is_live(raw.get("location")),
        unknown="" if message.caption else said.unknown,
    )


def _is_foreign(message: _Message) -> bool:
    """Whether the sender did not write it: forwarded, made by an inline bot, or by a channel."""
    signs = (
        message.forward_origin, message.forward_date, message.via_bot,
        (message.model_extra or {}).get("sender_chat"),
    )  # fmt: skip
    return any(sign is not None for sign in signs)


def _press(update_id: int, callback: _Callback) -> Press | Other:
    if callback.message is None:
        return Other(update_id=update_id)
    return Press(
        update_id=update_id,
        sender=_sender(callback.from_, callback.message.chat),
        callback_id=callback.id,
        data=callback.data or "",
        message_id=callback.message.message_id,
    )


def _sender(user: _User, chat: _Chat) -> Sender:
    return Sender(
        user_id=user.id, chat_id=chat.id, is_private=chat.type == "private", is_bot=user.is_bot
    )


_KINDS: tuple[tuple[FileKind, str], ...] = (
    ("document", "file.bin"),
    ("video", "video.mp4"),
    ("audio", "audio.mp3"),
    ("voice", "voice.ogg"),
    ("video_note", "video-note.mp4"),
    ("animation", "animation.mp4"),
)


def _file(message: _Message) -> SentFile | None:
    if message.photo:
        best = max(message.photo, key=lambda size: size.file_size)
        name = f"photo-{message.message_id}.jpg"
        return SentFile(
            file_id=best.file_id, name=name, mime="image/jpeg", size=best.file_size, kind="photo"
        )
    for kind, default in _KINDS:
        sent: _File | None = getattr(message, kind)
        if sent is not None:
            return SentFile(
                file_id=sent.file_id, name=safe_name(sent.file_name or default),
                mime=sent.mime_type, size=sent.file_size, kind=kind,
                seconds=sent.duration,
            )  # fmt: skip
    return _still_sticker(message)


def _still_sticker(message: _Message) -> SentFile | None:
    """A sticker that is a picture; of the others only their emoji is told."""
    raw = (message.model_extra or {}).get("sticker")
    if not isinstance(raw, dict) or raw.get("is_animated") or raw.get("is_video"):
        return None
    try:
        sticker = _File.model_validate(raw)
    except ValidationError:
        return None
    return SentFile(
        file_id=sticker.file_id, name=f"sticker-{message.message_id}.webp", mime="image/webp",
        size=sticker.file_size, kind="sticker",
    )  # fmt: skip


def safe_name(name: str) -> str:
    """A file name without folders, control characters or leading dots; at most 100 UTF-8 bytes.

    File systems count bytes, and our own endings come on top.
    """
    kept = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name)
    kept = kept.strip().lstrip(".") or "file"
    stem, dot, ending = kept.rpartition(".")
    if not dot or not stem or len(ending.encode()) > 10:
        return _cut(kept, NAME_BYTES)
    return f"{_cut(stem, NAME_BYTES - 1 - len(ending.encode()))}.{ending}"


def _cut(text: str, size: int) -> str:
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def update_ids(raw: list[object]) -> list[tuple[int, str]]:
    """The ids and JSON texts of a getUpdates answer; entries without a usable id are left out."""
    found = []
    for entry in raw:
        update_id = entry.get("update_id") if isinstance(entry, dict) else None
        if (
            isinstance(update_id, int)
            and not isinstance(update_id, bool)
            and abs(update_id) < 2**62
        ):
            found.append((update_id, storable(json.dumps(entry, ensure_ascii=False))))
    return found
