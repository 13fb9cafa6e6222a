"""What a message holds that is no text, as one line a kind: places, contacts, polls and others.

Threat: see `bot.structured`. The owner did not write what is `FOREIGN`, even when they sent it.
Pure, and total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.raw_values import line, number, part, whole, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.raw_values import Part

VCARD_CAP = 300
OPTIONS_CAP = 12


def _point(place: Part) -> str:
    latitude = number(place.get("latitude"), -90, 90)
    longitude = number(place.get("longitude"), -180, 180)
    if latitude is None or longitude is None:
        return ""
    return f"{latitude:.6f}, {longitude:.6f}"


def _location(place: Part) -> str:
    point = _point(place)
    if not point:
        return ""
    parts = [f"{'live location' if is_live(place) else 'location'}: {point}"]
    if accuracy := number(place.get("horizontal_accuracy"), 0.5, 10_000):
        parts.append(f"within {accuracy:.0f} m")
    if (heading := whole(place.get("heading"), 360)) is not None:
        parts.append(f"heading {heading} degrees")
    if is_live(place):
        seconds = whole(place.get("live_period"), 2**31) or 0
        parts.append(
            "shared until stopped" if seconds == 2**31 - 1 else f"shared for {seconds // 60} min"
        )
    return ", ".join(parts)


def is_live(place: object) -> bool:
    """Whether a location goes on to change."""
    return bool(whole(part(place).get("live_period"), 2**31))


def _venue(venue: Part) -> str:
    names = [words(venue.get("title")), words(venue.get("address"))]
    point = _point(part(venue.get("location")))
    parts = [*filter(None, names), *([f"at {point}"] if point else [])]
    return f"venue: {', '.join(parts)}" if parts else ""


def _contact(contact: Part) -> str:
    name = " ".join(filter(None, (words(contact.get(k)) for k in ("first_name", "last_name"))))
    phone = words(contact.get("phone_number"), 40)
    if not name and not phone:
        return ""
    parts = [*filter(None, (name, phone))]
    if (user_id := whole(contact.get("user_id"))) is not None:
        parts.append(f"Telegram id {user_id}")
    if vcard := words(contact.get("vcard"), VCARD_CAP):
        parts.append(f"vCard: {vcard}")
    return f"contact: {', '.join(parts)}"


def _poll(poll: Part) -> str:
    question, listed = words(poll.get("question")), poll.get("options")
    if not question:
        return ""
    options = [part(option) for option in listed] if isinstance(listed, list) else []
    told = [_option(option) for option in options[:OPTIONS_CAP]]
    if len(options) > OPTIONS_CAP:
        told.append(f"{len(options) - OPTIONS_CAP} more")
    kind = "quiz" if poll.get("type") == "quiz" else "poll"
    state = "closed" if poll.get("is_closed") is True else "open"
    votes = whole(poll.get("total_voter_count")) or 0
    return f"{kind}, {state}, {votes} voted: {question} Options: {'; '.join(told) or 'none'}"


def _option(option: Part) -> str:
    votes = whole(option.get("voter_count")) or 0
    return f"“{words(option.get('text'), 100)}” ({votes})"


def _dice(dice: Part) -> str:
    value = whole(dice.get("value"), 64)
    return f"dice {words(dice.get('emoji'), 8)}: {value}" if value else ""


def _sticker(sticker: Part) -> str:
    emoji, name = words(sticker.get("emoji"), 16), words(sticker.get("set_name"), 64)
    moves = sticker.get("is_animated") is True or sticker.get("is_video") is True
    parts = [*(["moving, not shown"] if moves else []), *([f"of the set {name}"] if name else [])]
    return f"sticker: {', '.join([emoji or 'without an emoji', *parts])}"


def _game(game: Part) -> str:
    return f"game: {words(game.get('title')) or 'untitled'}"


def _checklist(checklist: Part) -> str:
    tasks = checklist.get("tasks")
    items = [part(item) for item in tasks[:OPTIONS_CAP]] if isinstance(tasks, list) else []
    told = [
        f"{'done' if item.get('completion_date') else 'open'}: {words(item.get('text'), 100)}"
        for item in items
    ]
    title = words(checklist.get("title"))
    return f"checklist: {title}; {'; '.join(told)}" if title or told else ""


_LINES: dict[str, Callable[[Part], str]] = {
    "location": _location, "venue": _venue, "contact": _contact, "poll": _poll, "dice": _dice,
    "sticker": _sticker, "game": _game, "checklist": _checklist,
}  # fmt: skip
FOREIGN = frozenset({"venue", "contact", "poll", "sticker", "game", "checklist"})


def content_lines(message: Part) -> dict[str, str]:
    """A line for each kind of content that the message holds, by kind."""
    lines = {kind: text for kind in _LINES if (text := _line_of(kind, message))}
    if "venue" in lines:  # it repeats the place
        lines.pop("location", None)
    return lines


def _line_of(kind: str, message: Part) -> str:
    value = message.get(kind)
    text = _LINES[kind](value) if isinstance(value, dict) else ""
    return line(text) if text else ""
