"""What Telegram refuses, in Telegram's own words. Pure.

Source: the Bot API's documentation of each method, and the descriptions that its server sends.
"""

from __future__ import annotations

import re
from typing import Any

TEXT_CAP = 4096
CAPTION_CAP = 1024
ENTITIES_CAP = 100
DATA_CAP = 64
FILE_CAP = 20 * 1024 * 1024  # of what a bot may download
PHOTO_CAP = 10 * 1024 * 1024
UPLOAD_CAP = 50 * 1024 * 1024  # of what a bot may send
COMMANDS_CAP = 100
DESCRIPTION_CAP = 256
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
BEGINS_WITH_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{1,32})?(?![A-Za-z0-9_@/])")
LINKS = ("http://", "https://", "tg://")
OTHER_KEYBOARDS = frozenset({"keyboard", "remove_keyboard", "force_reply"})

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


def check_formatted(
    text: object, entities: object, *, is_caption: bool = False
) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities as Telegram keeps them.

    Entities count in the text as it was sent; trimming moves and shortens them with the text.
    """
    kept = check_text(text, is_caption=is_caption)
    sent = text if isinstance(text, str) else ""
    cut = utf16_len(sent[: len(sent) - len(sent.lstrip())])
    return kept, trim_entities(check_entities(sent, entities), cut, utf16_len(kept))


def trim_entities(entities: list[dict[str, Any]], cut: int, length: int) -> list[dict[str, Any]]:
    """The entities of a text that lost `cut` units in front and kept `length` (UTF-16)."""
    kept = []
    for entity in entities:
        start = max(entity["offset"] - cut, 0)
        end = min(entity["offset"] + entity["length"] - cut, length)
        if start < end:
            kept.append({**entity, "offset": start, "length": end - start})
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
    if not isinstance(entity, dict) or str(entity.get("type")) not in ENTITY_TYPES:
        raise bad("can't parse entities: unsupported entity type")
    offset, length = entity.get("offset"), entity.get("length")
    if type(offset) is not int or type(length) is not int or offset < 0 or length <= 0:
        raise bad("can't parse entities: entity has invalid offset or length")
    if (offset + length) * 2 > len(raw):
        raise bad("can't parse entities: entity ends after the end of the text")
    if _splits_symbol(raw, offset) or _splits_symbol(raw, offset + length):
        raise bad("can't parse entities: entity begins or ends inside a symbol")
    if entity["type"] == "text_link" and not isinstance(entity.get("url"), str):
        raise bad("can't parse entities: text_link without url")
    return entity


def _splits_symbol(raw: bytes, unit: int) -> bool:
    """Whether the second half of a surrogate pair stands at this unit of UTF-16-LE text."""
    return (
        0 < unit * 2 < len(raw)
        and raw[unit * 2 + 1] & 0xFC == 0xDC
        and raw[unit * 2 - 1] & 0xFC == 0xD8
    )


def check_markup(markup: object, *, is_edit: bool = False) -> list[list[dict[str, Any]]]:
    """Rows of inline buttons; an absent keyboard is no rows.

    The other kinds of keyboard are accepted with a new message and not shown.
    """
    if markup in (None, {}, ""):
        return []
    if not isinstance(markup, dict):
        raise bad("object expected as reply markup")
    if "inline_keyboard" not in markup and markup.keys() & OTHER_KEYBOARDS:
        if is_edit:
            raise bad("inline keyboard expected")
        return []
    rows = markup.get("inline_keyboard")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad("object expected as reply markup")
    return [[_check_button(button) for button in row] for row in rows if row]


def _check_button(button: object) -> dict[str, Any]:
    text = button.get("text") if isinstance(button, dict) else None
    if not isinstance(button, dict) or not isinstance(text, str) or not text:
        raise bad('field "text" must be of type String')
    data, url = button.get("callback_data"), button.get("url")
    if data is not None and (not isinstance(data, str) or not 0 < len(data.encode()) <= DATA_CAP):
        raise bad("BUTTON_DATA_INVALID")
    if url is not None and (not isinstance(url, str) or not url.startswith(LINKS)):
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    if data is None and url is None:
        raise bad("text buttons are unallowed in the inline keyboard")
    return button


def check_commands(commands: object) -> list[dict[str, str]]:
    """The bot's menu: names of 1 to 32 small letters, digits and underscores, with a description.

    Source: the Bot API's `BotCommand` and `setMyCommands`.
    """
    if not isinstance(commands, list):
        raise bad("can't parse commands: expected an Array of BotCommand")
    if len(commands) > COMMANDS_CAP:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    return [_check_command(command) for command in commands]


def _check_command(command: object) -> dict[str, str]:
    if not isinstance(command, dict):
        raise bad("can't parse BotCommand: expected an Object")
    name, what = command.get("command"), command.get("description")
    if not isinstance(name, str) or not COMMAND.fullmatch(name.removeprefix("/")):
        raise bad("BOT_COMMAND_INVALID")
    if not isinstance(what, str) or not 0 < len(what.strip()) <= DESCRIPTION_CAP:
        raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name.removeprefix("/"), "description": what.strip()}


def check_unicode(value: object) -> None:
    """Refuses half symbols (lone surrogates) anywhere in a parameter."""
    if isinstance(value, str):
        if any("\ud800" <= symbol <= "\udfff" for symbol in value):
            raise bad("strings must be encoded in UTF-8")
    elif isinstance(value, dict):
        for name, part in value.items():
            check_unicode(name)
            check_unicode(part)
    elif isinstance(value, list):
        for part in value:
            check_unicode(part)


def command_entities(text: str) -> list[dict[str, Any]]:
    """What the client of the person marks by itself: a command at the beginning."""
    found = BEGINS_WITH_COMMAND.match(text)
    if found is None:
        return []
    return [{"type": "bot_command", "offset": 0, "length": utf16_len(found[0])}]


def cut_paste(text: str) -> list[str]:
    """A long paste as the messages that a client sends instead."""
    raw = text.encode("utf-16-le", "surrogatepass")
    parts: list[str] = []
    start, total = 0, len(raw) // 2
    while start < total:
        end = min(start + TEXT_CAP, total)
        end -= _splits_symbol(raw, end)
        parts.append(raw[start * 2 : end * 2].decode("utf-16-le", "surrogatepass"))
        start = end
    return [part for part in parts if part.strip()]


def looks_like_image(content: bytes) -> bool:
    """Whether the first bytes are those of a JPEG, PNG, GIF or WebP picture."""
    begins = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
    return content.startswith(begins) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")
