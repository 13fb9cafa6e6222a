"""What Telegram refuses, in Telegram's own words. Pure.

Source: the Bot API's documentation of each method, and the descriptions that its server sends.
"""

from __future__ import annotations

from typing import Any

TEXT_CAP = 4096
CAPTION_CAP = 1024
ENTITIES_CAP = 100
DATA_CAP = 64
FILE_CAP = 20 * 1024 * 1024

ENTITY_TYPES = frozenset({
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold",
    "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote",
    "code", "pre", "text_link", "text_mention", "custom_emoji",
})  # fmt: skip


class ApiError(Exception):
    """A refusal: HTTP status and description; `retry_after` in seconds for 429."""

    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after


def bad(description: str) -> ApiError:
    """A refusal with status 400."""
    return ApiError(400, f"Bad Request: {description}")


def utf16_len(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_text(text: object, *, is_caption: bool = False) -> str:
    """The text as Telegram keeps it: trimmed, not empty (unless a caption), not too long."""
    kept = text.strip() if isinstance(text, str) else ""
    if not kept and not is_caption:
        raise bad("message text is empty")
    if is_caption and utf16_len(kept) > CAPTION_CAP:
        raise bad("message caption is too long")
    if utf16_len(kept) > TEXT_CAP:
        raise bad("message is too long")
    return kept


def check_entities(text: str, entities: object) -> list[dict[str, Any]]:
    """The entities that Telegram keeps of those given; more than a hundred are dropped silently."""
    if entities in (None, []):
        return []
    if not isinstance(entities, list):
        raise bad("can't parse entities: expected an Array of MessageEntity")
    raw = text.encode("utf-16-le", "surrogatepass")
    return [_check_entity(raw, entity) for entity in entities][:ENTITIES_CAP]


def _check_entity(raw: bytes, entity: object) -> dict[str, Any]:
    if not isinstance(entity, dict) or entity.get("type") not in ENTITY_TYPES:
        raise bad("can't parse entities: unsupported entity type")
    offset, length = entity.get("offset"), entity.get("length")
    if type(offset) is not int or type(length) is not int or offset < 0 or length <= 0:
        raise bad("can't parse entities: entity has invalid offset or length")
    if (offset + length) * 2 > len(raw):
        raise bad("can't parse entities: entity ends after the end of the text")
    try:
        raw[: offset * 2].decode("utf-16-le")
        raw[offset * 2 : (offset + length) * 2].decode("utf-16-le")
    except UnicodeDecodeError:
        raise bad("can't parse entities: entity begins or ends inside a symbol") from None
    if entity["type"] == "text_link" and not isinstance(entity.get("url"), str):
        raise bad("can't parse entities: text_link without url")
    return entity


def check_markup(markup: object) -> list[list[dict[str, Any]]]:
    """Rows of inline buttons; an absent keyboard is no rows."""
    if markup in (None, {}, ""):
        return []
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad("object expected as reply markup")
    return [[_check_button(button) for button in row] for row in rows]


def _check_button(button: object) -> dict[str, Any]:
    if (
        not isinstance(button, dict)
        or not isinstance(button.get("text"), str)
        or not button["text"]
    ):
        raise bad('field "text" must be of type String')
    data, url = button.get("callback_data"), button.get("url")
    if data is not None and (not isinstance(data, str) or not 0 < len(data.encode()) <= DATA_CAP):
        raise bad("BUTTON_DATA_INVALID")
    if data is None and url is None:
        raise bad("text buttons are unallowed in the inline keyboard")
    return button


def command_entities(text: str) -> list[dict[str, Any]]:
    """What the client of the person marks by itself: a command at the beginning."""
    if not text.startswith("/") or len(text.split()[0]) < 2:
        return []
    return [{"type": "bot_command", "offset": 0, "length": utf16_len(text.split()[0])}]


def cut_paste(text: str) -> list[str]:
    """A long paste as the messages that a client sends instead."""
    parts: list[str] = []
    while utf16_len(text) > TEXT_CAP:
        end = TEXT_CAP
        while utf16_len(text[:end]) > TEXT_CAP:
            end -= 1
        parts.append(text[:end])
        text = text[end:]
    return [part for part in (*parts, text) if part.strip()]
