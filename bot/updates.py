"""What the owner sent, as typed values; `bot.wire` reads them from Telegram's JSON. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who and where; the gate looks at nothing else."""

    user_id: int
    chat_id: int
    is_private: bool
    is_bot: bool


FileKind = Literal[
    "document", "photo", "sticker", "video", "video_note", "animation", "audio", "voice"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A file in a message. `size` is bytes, `seconds` its length; 0 when Telegram does not say."""

    file_id: str
    name: str
    mime: str | None
    size: int
    kind: FileKind = "document"
    seconds: int = 0

    @property
    def is_speech(self) -> bool:
        """Whether it is something to listen to."""
        return self.kind in {"voice", "video_note", "audio"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message, new or edited; `text` is the caption when it carries a file.

    `is_forwarded`: somebody else wrote it, also when it was sent through an inline bot. `context`
    and `content` are lines of ours about it (see `bot.structured`); `unknown` names what it holds
    instead of anything that we can read. `is_live`: a place that goes on to change. `is_spoken`:
    the text is what a recogniser heard; nobody typed it.
    """

    update_id: int
    sender: Sender
    message_id: int
    text: str
    reply_to: int | None
    album: str | None
    file: SentFile | None
    is_edit: bool
    is_forwarded: bool = False
    context: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    has_foreign: bool = False
    is_live: bool = False
    unknown: str = ""
    is_spoken: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """All lines of ours about it."""
        return (*self.context, *self.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A pressed button."""

    update_id: int
    sender: Sender
    callback_id: str
    data: str
    message_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """Anything the bot has no use for, such as reactions and channel posts."""

    update_id: int


Update = Message | Press | Other


def split_command(text: str) -> tuple[str, str] | None:
    """Splits a command such as `/run ls -l` into name and rest; None when it is none."""
    if not text.startswith("/") or text[1:2].isspace():
        return None
    head, rest = [*text[1:].split(maxsplit=1), "", ""][:2]
    name = head.partition("@")[0].lower()
    return (name, rest.strip()) if name.isidentifier() and name.isascii() else None
