"""Finds decisions, actions and questions in notes: actions.py NOTES [--date DAY] [--json]."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_BOX = re.compile(r"^\s*(?:[-*+]\s*)?\[( |x|X)\]\s*(.+)")
_MARK = re.compile(
    r"^\s*(?:[-*+#>]+\s*)*\**(actions?(?: items?)?|todo|task|ai|decisions?|decided|agreed"
    r"|questions?|open)\**\s*[:\u2013-]\s*\**\s*(.*)",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^\s*(?:#{1,6}\s+|\*\*)(.+?)\**:?\s*$")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d{1,2}[.)])\s+(.+)")
_NAME = r"[^\W\d_][\w'\u2019-]{1,30}(?:\s[A-Z][\w'\u2019-]{1,30})?"
_WHO = (
    re.compile(r"@([\w.-]{2,40})"),
    re.compile(rf"^({_NAME})\s*(?:to|will|should|must)\b\s*"),
    re.compile(rf"^({_NAME}):\s+"),
    re.compile(rf"\((?:owner:\s*)?({_NAME})\)\s*$"),
)
_UNTIL = re.compile(
    r"\b(?:by|until|due|before|on)\s+(?:the\s+)?(\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4}|today|tomorrow"
    rf"|next week|end of (?:the )?(?:week|month)|(?:next\s+)?(?:{'|'.join(_DAYS)}))\b",
    re.IGNORECASE,
)
_KINDS = {"d": "decision", "q": "question", "o": "question"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing that the notes hold; `until` is an ISO date or empty."""

    kind: str
    text: str
    who: str
    until: str
    is_done: bool
    line: int


def find_items(text: str, day: date) -> list[Item]:
    """Everything that is marked, or stands in a list under a heading that says so."""
    items, section = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if box := _BOX.match(line):
            items.append(item("action", box[2], day, number, is_done=box[1] != " "))
        elif mark := _MARK.match(line):
            section = kind_of(mark[1]) if not mark[2] else ""
            if mark[2]:
                items.append(item(kind_of(mark[1]), mark[2], day, number))
        elif heading := _HEADING.match(line):
            section = heading_kind(heading[1])
        elif section and (bullet := _BULLET.match(line)):
            items.append(item(section, bullet[1], day, number))
    return items


def kind_of(word: str) -> str:
    """What a mark stands for."""
    lowered = word.lower()
    return "decision" if lowered.startswith("agreed") else _KINDS.get(lowered[0], "action")


def heading_kind(heading: str) -> str:
    """What a list under a heading holds, or nothing in particular."""
    found = re.match(r"(?i)(action|to.?do|task|next step|decision|agreed|question|open)", heading)
    return kind_of(found[1]) if found else ""


def item(kind: str, text: str, day: date, line: int, *, is_done: bool = False) -> Item:
    """One line with its name and date taken out of the words."""
    text = text.strip().strip("*").strip()
    who = ""
    if kind == "action":
        for pattern in _WHO:
            if found := pattern.search(text):
                who = found[1]
                text = (text[: found.start()] + text[found.end() :]).strip()
                break
    until = until_of(text, day)
    return Item(kind=kind, text=text, who=who, until=until, is_done=is_done, line=line)


def until_of(text: str, day: date) -> str:
    """The date that a line names, counted from the day of the meeting."""
    found = _UNTIL.search(text)
    if not found:
        return ""
    word = found[1].lower()
    try:
        if word[0].isdigit():
            parts = [int(part) for part in re.split(r"[-.]", word)]
            return date(*(parts if parts[0] > 31 else reversed(parts))).isoformat()
    except ValueError:
        return ""
    return in_words(word, day).isoformat()


def in_words(word: str, day: date) -> date:
    """`friday` is the next one after the day; `next friday` the one of the week after."""
    if word == "today":
        return day
    if word == "tomorrow":
        return day + timedelta(days=1)
    if "month" in word:
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    if word == "next week":
        return day + timedelta(days=7 - day.weekday() + 4)
    if "week" in word:
        return day + timedelta(days=(4 - day.weekday()) % 7)
    ahead = (_DAYS.index(word.split()[-1]) - day.weekday()) % 7 or 7
    if word.startswith("next") and ahead + day.weekday() < 7:
        ahead += 7
    return day + timedelta(days=ahead)


def markdown(items: list[Item]) -> str:
    """Decisions, a table of actions, questions."""
    text = ""
    for kind, title in (("decision", "Decisions"), ("question", "Open questions")):
        if lines := [f"- {i.text}" for i in items if i.kind == kind]:
            text += f"## {title}\n\n" + "\n".join(lines) + "\n\n"
    actions = [i for i in items if i.kind == "action" and not i.is_done]
    actions.sort(key=lambda i: (i.until or "9999", i.line))
    text += "## Actions\n\n| who | what | until |\n|---|---|---|\n"
    for i in actions:
        what = i.text.replace("|", "/")
        text += f"| {i.who or 'nobody yet'} | {what} | {i.until or 'no date'} |\n"
    done = sum(i.is_done for i in items)
    return text + (f"\nDone already: {done}\n" if done else "")


def main() -> int:
    """Prints what the notes hold; 1 if they cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notes", type=Path)
    parser.add_argument("--date", type=date.fromisoformat, required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        text = options.notes.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    items = find_items(text, options.date)
    data = json.dumps([asdict(i) for i in items], ensure_ascii=False, indent=1)
    sys.stdout.write(data + "\n" if options.json else markdown(items))
    return 0


if __name__ == "__main__":
    sys.exit(main())
