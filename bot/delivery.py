"""One message on its way: its payload, and the Bot API call that carries it. Pure.

A payload lives in the outbox as JSON, so its shape is part of the database: only add to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from bot.telegram_api import buttons

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.render import Piece

Button = tuple[str, str]  # label, callback data (64 bytes at most)
CAPTION_CAP = 1000


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    reply_to: int | None = None
    is_quiet: bool = False
    buttons: tuple[tuple[Button, ...], ...] = ()


class TextPayload(_Payload):
    """A text with entities. `choices` are the owner's possible answers behind the buttons."""

    text: str
    entities: tuple[dict[str, Any], ...] = ()
    choices: tuple[str, ...] = ()
    chosen: int | None = None


class FilePayload(_Payload):
    """A document: content from `path`, or given here as base64.

    `is_passing`: the file at `path` is only for this message, and goes once it was sent.
    """

    filename: str
    caption: str = ""
    path: str | None = None
    content: str | None = None
    is_passing: bool = False


class VoicePayload(_Payload):
    """A voice note: OGG with Opus in the file at `path`; `seconds` long."""

    path: str
    seconds: int = 0
    caption: str = ""


class AlbumPayload(_Payload):
    """Photos that stand together, each with its own caption."""

    photos: tuple[FilePayload, ...]


class DeletePayload(_Payload):
    """A message that must go from the chat: it holds a secret, or what was forgotten.

    `notice` is what the owner reads when Telegram refuses.
    """

    message_id: int
    notice: str = ""


Method = Literal["text", "edit", "file", "photo", "animation", "album", "voice", "delete"]
FILE_CALLS: dict[str, tuple[str, str]] = {
    "file": ("sendDocument", "document"), "photo": ("sendPhoto", "photo"),
    "animation": ("sendAnimation", "animation"),
}  # fmt: skip
NOTICE = "I had something to say that Telegram refused to show: {reason}"
NOT_DELETED = "I could not delete your message with a secret ({reason}). Please delete it yourself."


def text_payload(
    piece: Piece, *, reply_to: int | None = None, keys: Iterable[Iterable[Button]] = (),
    choices: tuple[str, ...] = (),
) -> TextPayload:  # fmt: skip
    """A rendered piece as a payload."""
    entities = tuple(
        {k: getattr(e, k) for k in ("type", "offset", "length", "url", "language") if getattr(e, k)
         or k == "offset"}
        for e in piece.entities
    )  # fmt: skip
    rows = tuple(tuple(row) for row in keys)
    return TextPayload(
        text=piece.text, entities=entities, reply_to=reply_to, buttons=rows, choices=choices
    )


def text_call(payload: TextPayload, chat_id: int) -> dict[str, Any]:
    """Fields of sendMessage."""
    return {
        **edit_call(payload, chat_id, None),
        "reply_parameters": _reply(payload.reply_to),
        "disable_notification": payload.is_quiet or None,
    }


def edit_call(payload: TextPayload, chat_id: int, message_id: int | None) -> dict[str, Any]:
    """Fields of editMessageText."""
    return {
        "chat_id": chat_id,
        "message_id": message_id,
        "text": payload.text,
        "entities": list(payload.entities) or None,
        "reply_markup": buttons(payload.buttons),
        "link_preview_options": {"is_disabled": True},
    }


def file_call(payload: FilePayload, chat_id: int) -> dict[str, Any]:
    """Fields of sendDocument, sendPhoto and sendAnimation, without the file."""
    return {
        "chat_id": chat_id,
        "caption": payload.caption[:CAPTION_CAP] or None,
        "reply_parameters": _reply(payload.reply_to),
        "reply_markup": buttons(payload.buttons),
    }


def voice_call(payload: VoicePayload, chat_id: int) -> dict[str, Any]:
    """Fields of sendVoice, without the voice note."""
    return {
        "chat_id": chat_id,
        "caption": payload.caption[:CAPTION_CAP] or None,
        "duration": payload.seconds or None,
        "reply_parameters": _reply(payload.reply_to),
        "reply_markup": buttons(payload.buttons),
    }


def album_call(payload: AlbumPayload, chat_id: int) -> dict[str, Any]:
    """Fields of sendMediaGroup, without the photos."""
    return {"chat_id": chat_id, "reply_parameters": _reply(payload.reply_to)}


def delete_call(payload: DeletePayload, chat_id: int) -> dict[str, Any]:
    """Fields of deleteMessage."""
    return {"chat_id": chat_id, "message_id": payload.message_id}


def _reply(message_id: int | None) -> dict[str, Any] | None:
    """A reply to a message that may have been deleted meanwhile must still arrive."""
    if message_id is None:
        return None
    return {"message_id": message_id, "allow_sending_without_reply": True}


Probe = Literal["arrived", "elsewhere"]


def read_probe(refusal: str | None) -> Probe:
    """What the answer to a probing edit says about the message with that id.

    A send whose answer was lost is looked for by editing the candidate to the very text that was
    sent: "not modified" means that it arrived. A success means so, too: only one send is ever under
    way, so the candidate can be no other message of ours. The owner's own messages can't be edited.
    """
    return "arrived" if refusal is None or "not modified" in refusal else "elsewhere"


PROBES = 6


def candidates(after_id: int, known: frozenset[int]) -> tuple[int, ...]:
    """Ids under which a send in doubt may have arrived: the first unknown ones above `after_id`."""
    found: list[int] = []
    candidate = after_id
    while len(found) < PROBES:
        candidate += 1
        if candidate not in known:
            found.append(candidate)
    return tuple(found)


Remedy = Literal["gone", "as_new", "plain", "as_file", "one_by_one", "give_up", "wait"]


def remedy(refusal: str, *, method: Method, has_entities: bool, is_blocked: bool) -> Remedy:
    """What to do about a message that Telegram refused."""
    text = refusal.lower()
    if is_blocked:
        return "wait"  # the owner may unblock the bot; nothing is dropped meanwhile
    if method == "voice":
        return "as_file"  # some owners let nobody send them voice notes
    if method == "delete" and "not found" in text:
        return "gone"
    if method == "edit":
        if "not modified" in text:
            return "gone"
        if "not found" in text or "can't be edited" in text:
            return "as_new"
    if method in {"photo", "animation"}:  # too large, too long, or nothing that it can show
        return "as_file"
    if method == "album":
        return "one_by_one"
    if has_entities and ("entit" in text or "can't parse" in text):
        return "plain"
    return "give_up"
