"""What is no text in a message, as one short line each: places, contacts, polls, origins, quotes.

Threat: somebody else wrote all of this. A name, an option of a poll or a vCard says "ignore your
rules", ends its own bracket, or begins a line of its own that passes for the owner's words. So
each becomes one line, in brackets it cannot close, with all that hides made visible; the beginnings
of these lines are known to `core.tasks.seen`, which never counts them as the owner's words.

Pure, and total: whatever Telegram or an attacker sends, a line or nothing comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.hygiene import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Part = Mapping[str, object]

LINE_CAP = 600
WORDS_CAP = 160
VCARD_CAP = 300
OPTIONS_CAP = 12
_NO_BRACKETS = str.maketrans("[]", "()")

# What says nothing that the owner would expect an answer to.
SERVICE = frozenset({
    "pinned_message", "message_auto_delete_timer_changed", "write_access_allowed", "boost_added",
    "chat_background_set", "proximity_alert_triggered", "forum_topic_created",
    "video_chat_scheduled", "video_chat_started", "video_chat_ended", "connected_website",
    "new_chat_title", "new_chat_photo", "delete_chat_photo", "group_chat_created",
    "migrate_to_chat_id", "migrate_from_chat_id", "new_chat_members", "left_chat_member",
    "video_chat_participants_invited", "direct_message_price_changed",
})  # fmt: skip

# What goes with a message of any kind.
_COMMON = frozenset({
    "message_id", "message_thread_id", "from", "sender_chat", "sender_boost_count", "date", "chat",
    "sender_business_bot", "business_connection_id", "forward_origin", "is_topic_message",
    "is_automatic_forward", "reply_to_message", "external_reply", "quote", "reply_to_story",
    "via_bot", "edit_date", "has_protected_content", "is_from_offline", "media_group_id",
    "author_signature", "paid_star_count", "text", "entities", "link_preview_options", "effect_id",
    "caption", "caption_entities", "show_caption_above_media", "has_media_spoiler", "reply_markup",
    "forward_date", "forward_from", "forward_from_chat", "forward_from_message_id",
    "forward_signature", "forward_sender_name", "is_paid_post", "direct_messages_topic",
    "reply_to_checklist_task_id", "suggested_post_info",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Structured:
    """The lines of one message.

    `context`: where it comes from and what it answers; `content`: what it holds. `has_foreign`:
    there are words in it that the owner did not write. `unknown`: a kind of content that has no
    line, in words; empty when there is none.
    """

    context: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    has_foreign: bool = False
    unknown: str = ""


def structured(message: Part, *, has_file: bool = False) -> Structured:
    """Reads a message as the Bot API sends it; `has_file`: its file is dealt with elsewhere."""
    origin = _origin(message)
    answered, is_foreign_quote = _answered(message)
    found = [(kind, line) for kind in _LINES if (line := _line_of(kind, message))]
    if any(kind == "venue" for kind, _ in found):  # it repeats the place
        found = [(kind, line) for kind, line in found if kind != "location"]
    content = tuple(line for _, line in found)
    is_plain = bool(content) or has_file or bool(message.get("text"))
    return Structured(
        context=(*origin, *answered), content=content,
        has_foreign=is_foreign_quote or any(kind in _FOREIGN for kind, _ in found),
        unknown="" if is_plain else _unknown(message),
    )  # fmt: skip


def _unknown(message: Part) -> str:
    """The first kind of content that we have no line for, in words."""
    kinds = [str(kind) for kind, value in message.items() if value not in (None, False)]
    if any(kind in SERVICE for kind in kinds):
        return ""
    left = sorted(kind for kind in kinds if kind not in _COMMON)
    return _words(left[0].replace("_", " "), 40) if left else "unknown"


# --- small readers; each takes anything ---


def _part(value: object) -> Part:
    return value if isinstance(value, dict) else {}


def _words(value: object, cap: int = WORDS_CAP) -> str:
    """A text in one line, without brackets and with nothing hidden; empty for anything else."""
    if not isinstance(value, str):
        return ""
    return clean(" ".join(value[: cap * 4].split()), cap=cap).translate(_NO_BRACKETS)


def _number(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def _whole(value: object, cap: int = 2**53) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value <= cap else None  # type: ignore[operator, return-value] # seen above


def _line(text: str) -> str:
    return f"[{text if len(text) <= LINE_CAP else text[:LINE_CAP] + '…'}]"


# --- content ---


def _point(place: Part) -> str:
    latitude = _number(place.get("latitude"), -90, 90)
    longitude = _number(place.get("longitude"), -180, 180)
    if latitude is None or longitude is None:
        return ""
    return f"{latitude:.6f}, {longitude:.6f}"


def _location(place: Part) -> str:
    point = _point(place)
    if not point:
        return ""
    parts = [f"{'live location' if is_live(place) else 'location'}: {point}"]
    if accuracy := _number(place.get("horizontal_accuracy"), 0.5, 10_000):
        parts.append(f"within {accuracy:.0f} m")
    if (heading := _whole(place.get("heading"), 360)) is not None:
        parts.append(f"heading {heading} degrees")
    if is_live(place):
        seconds = _whole(place.get("live_period"), 2**31) or 0
        parts.append(
            "shared until stopped" if seconds == 2**31 - 1 else f"shared for {seconds // 60} min"
        )
    return ", ".join(parts)


def is_live(place: object) -> bool:
    """Whether a location goes on to change."""
    return bool(_whole(_part(place).get("live_period"), 2**31))


def _venue(venue: Part) -> str:
    names = [_words(venue.get("title")), _words(venue.get("address"))]
    point = _point(_part(venue.get("location")))
    parts = [*filter(None, names), *([f"at {point}"] if point else [])]
    return f"venue: {', '.join(parts)}" if parts else ""


def _contact(contact: Part) -> str:
    name = " ".join(filter(None, (_words(contact.get(k)) for k in ("first_name", "last_name"))))
    phone = _words(contact.get("phone_number"), 40)
    if not name and not phone:
        return ""
    parts = [*filter(None, (name, phone))]
    if (user_id := _whole(contact.get("user_id"))) is not None:
        parts.append(f"Telegram id {user_id}")
    if vcard := _words(contact.get("vcard"), VCARD_CAP):
        parts.append(f"vCard: {vcard}")
    return f"contact: {', '.join(parts)}"


def _poll(poll: Part) -> str:
    question, listed = _words(poll.get("question")), poll.get("options")
    if not question:
        return ""
    options = [_part(option) for option in listed] if isinstance(listed, list) else []
    words = [_option(option) for option in options[:OPTIONS_CAP]]
    if len(options) > OPTIONS_CAP:
        words.append(f"{len(options) - OPTIONS_CAP} more")
    kind = "quiz" if poll.get("type") == "quiz" else "poll"
    state = "closed" if poll.get("is_closed") is True else "open"
    votes = _whole(poll.get("total_voter_count")) or 0
    return f"{kind}, {state}, {votes} voted: {question} Options: {'; '.join(words) or 'none'}"


def _option(option: Part) -> str:
    votes = _whole(option.get("voter_count")) or 0
    return f"“{_words(option.get('text'), 100)}” ({votes})"


def _dice(dice: Part) -> str:
    value = _whole(dice.get("value"), 64)
    return f"dice {_words(dice.get('emoji'), 8)}: {value}" if value else ""


def _sticker(sticker: Part) -> str:
    emoji, name = _words(sticker.get("emoji"), 16), _words(sticker.get("set_name"), 64)
    moves = sticker.get("is_animated") is True or sticker.get("is_video") is True
    parts = [*(["moving, not shown"] if moves else []), *([f"of the set {name}"] if name else [])]
    return f"sticker: {', '.join([emoji or 'without an emoji', *parts])}"


def _game(game: Part) -> str:
    return f"game: {_words(game.get('title')) or 'untitled'}"


def _checklist(checklist: Part) -> str:
    tasks = checklist.get("tasks")
    items = [_part(item) for item in tasks[:OPTIONS_CAP]] if isinstance(tasks, list) else []
    words = [
        f"{'done' if item.get('completion_date') else 'open'}: {_words(item.get('text'), 100)}"
        for item in items
    ]
    title = _words(checklist.get("title"))
    return f"checklist: {title}; {'; '.join(words)}" if title or words else ""


_LINES: dict[str, Callable[[Part], str]] = {
    "location": _location, "venue": _venue, "contact": _contact, "poll": _poll, "dice": _dice,
    "sticker": _sticker, "game": _game, "checklist": _checklist,
}  # fmt: skip
_FOREIGN = frozenset({"venue", "contact", "poll", "sticker", "game", "checklist"})


def _line_of(kind: str, message: Part) -> str:
    value = message.get(kind)
    text = _LINES[kind](value) if isinstance(value, dict) else ""
    return _line(text) if text else ""


# --- where it comes from ---


def _origin(message: Part) -> list[str]:
    lines = []
    if message.get("forward_origin") is not None or message.get("forward_date") is not None:
        lines.append(_line(f"forwarded from {_who(_part(message.get('forward_origin')))}"))
    if message.get("via_bot") is not None:
        name = _words(_part(message.get("via_bot")).get("username"), 64)
        lines.append(_line(f"sent through the inline bot @{name or 'unknown'}"))
    if message.get("sender_chat") is not None:
        title = _words(_part(message.get("sender_chat")).get("title"), 100)
        lines.append(_line(f"sent in the name of {title or 'a chat'}"))
    return lines


def _who(origin: Part) -> str:
    """The origin of a forwarded message, as the Bot API's `MessageOrigin` tells it."""
    match origin.get("type"):
        case "user":
            who = _name(_part(origin.get("sender_user"))) or "a person"
        case "hidden_user":
            who = _words(origin.get("sender_user_name"), 100) or "a person who hides"
        case "chat":
            title = _words(_part(origin.get("sender_chat")).get("title"), 100)
            who = f"the group {title}" if title else "a group"
        case "channel":
            title = _words(_part(origin.get("chat")).get("title"), 100)
            who = f"the channel {title}" if title else "a channel"
        case _:
            who = "somebody"
    return f"{who}{_written(origin.get('date'))}"


def _name(user: Part) -> str:
    name = " ".join(filter(None, (_words(user.get(k), 64) for k in ("first_name", "last_name"))))
    return f"{name} (a bot)" if name and user.get("is_bot") is True else name


def _written(date: object) -> str:
    seconds = _whole(date, 4_000_000_000)
    if not seconds:
        return ""
    return f", written {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


# --- what it answers ---


def _answered(message: Part) -> tuple[list[str], bool]:
    """The line about the message that this one answers, and whether that was somebody else's."""
    quote = _words(_part(message.get("quote")).get("text"), 300)
    if (outside := message.get("external_reply")) is not None:
        who = _who(_part(_part(outside).get("origin")))
        said = f": “{quote}”" if quote else ""
        return [_line(f"quoting another chat, {who}{said}")], True
    before = message.get("reply_to_message")
    if not isinstance(before, dict):
        return [], False
    is_foreign = any(before.get(sign) is not None for sign in ("forward_origin", "via_bot"))
    author, begins = _part(before.get("from")), _beginning(before)
    if not (author or quote or begins or is_foreign):
        return [], False  # nothing is known of it
    whose = "your message" if author.get("is_bot") is True else "their own message"
    if not author:
        whose = "an earlier message"
    if is_foreign:
        whose = "a message that they passed on"
    if quote:
        return [_line(f"quoting {whose}: “{quote}”")], is_foreign
    return [_line(f"replying to {whose}{begins}")], is_foreign


def _beginning(before: Part) -> str:
    said = _words(before.get("text"), 120) or _words(before.get("caption"), 120)
    if said:
        return f": “{said}”"
    name = _words(_part(before.get("document")).get("file_name"), 100)
    if name or before.get("photo"):
        return f" with the file {name}" if name else " with a photo"
    return ""
