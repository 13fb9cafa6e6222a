"""Where a message comes from and what it answers, as one line each.

Threat: see `bot.structured`. Names and quotes are words of others. Pure, and total.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.raw_values import line, part, whole, words

if TYPE_CHECKING:
    from bot.raw_values import Part


def origin_lines(message: Part) -> list[str]:
    """Who wrote it, when that is somebody else."""
    lines = []
    if message.get("forward_origin") is not None or message.get("forward_date") is not None:
        lines.append(line(f"forwarded from {_who(part(message.get('forward_origin')))}"))
    if message.get("via_bot") is not None:
        name = words(part(message.get("via_bot")).get("username"), 64)
        lines.append(line(f"sent through the inline bot @{name or 'unknown'}"))
    if message.get("sender_chat") is not None:
        title = words(part(message.get("sender_chat")).get("title"), 100)
        lines.append(line(f"sent in the name of {title or 'a chat'}"))
    return lines


def _who(origin: Part) -> str:
    """The origin of a forwarded message, as the Bot API's `MessageOrigin` tells it."""
    match origin.get("type"):
        case "user":
            who = _name(part(origin.get("sender_user"))) or "a person"
        case "hidden_user":
            who = words(origin.get("sender_user_name"), 100) or "a person who hides"
        case "chat":
            title = words(part(origin.get("sender_chat")).get("title"), 100)
            who = f"the group {title}" if title else "a group"
        case "channel":
            title = words(part(origin.get("chat")).get("title"), 100)
            who = f"the channel {title}" if title else "a channel"
        case _:
            who = "somebody"
    return f"{who}{_written(origin.get('date'))}"


def _name(user: Part) -> str:
    name = " ".join(filter(None, (words(user.get(k), 64) for k in ("first_name", "last_name"))))
    return f"{name} (a bot)" if name and user.get("is_bot") is True else name


def _written(date: object) -> str:
    seconds = whole(date, 4_000_000_000)
    if not seconds:
        return ""
    return f", written {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def answered_lines(message: Part) -> tuple[list[str], bool]:
    """The line about the message that this one answers, and whether that was somebody else's."""
    quote = words(part(message.get("quote")).get("text"), 300)
    if (outside := message.get("external_reply")) is not None:
        who = _who(part(part(outside).get("origin")))
        said = f": “{quote}”" if quote else ""
        return [line(f"quoting another chat, {who}{said}")], True
    before = message.get("reply_to_message")
    if not isinstance(before, dict):
        return [], False
    is_foreign = any(before.get(sign) is not None for sign in ("forward_origin", "via_bot"))
    author, begins = part(before.get("from")), _beginning(before)
    if not (author or quote or begins or is_foreign):
        return [], False  # nothing is known of it
    whose = "your message" if author.get("is_bot") is True else "their own message"
    if not author:
        whose = "an earlier message"
    if is_foreign:
        whose = "a message that they passed on"
    if quote:
        return [line(f"quoting {whose}: “{quote}”")], is_foreign
    return [line(f"replying to {whose}{begins}")], is_foreign


def _beginning(before: Part) -> str:
    said = words(before.get("text"), 120) or words(before.get("caption"), 120)
    if said:
        return f": “{said}”"
    name = words(part(before.get("document")).get("file_name"), 100)
    if name or before.get("photo"):
        return f" with the file {name}" if name else " with a photo"
    return ""
