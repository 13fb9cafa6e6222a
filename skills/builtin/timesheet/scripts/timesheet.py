"""Adds up hours from notes: timesheet.py NOTES… [--from DAY] [--to DAY] [--out FOLDER]."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_EUROPEAN = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})")
_CLOCK = r"(\d{1,2})(?:[:.h](\d{2}))?"
_SPAN = re.compile(rf"{_CLOCK}\s*(?:-|\u2013|to|bis)\s*{_CLOCK}(?:\s*(?:h|uhr))?\b", re.IGNORECASE)
_HOURS = re.compile(
    r"(\d{1,2})\s*h\s*(\d{1,2})(?:\s*m(?:in)?)?\b|(\d{1,2}(?:[.,]\d{1,2})?)\s*h(?:ours?|rs?)?\b"
    r"|(\d{1,3})\s*min\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^[\s>*#|-]+")
_PROJECT = re.compile(r"([^:]{1,60}):\s*(.*)")
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One piece of work; `start` is in minutes after midnight, -1 if only a length is known."""

    day: date
    minutes: int
    start: int
    project: str
    text: str
    line: int


@dataclass(kw_only=True, slots=True)
class Sheet:
    """What the notes hold, and the lines that were not understood."""

    entries: list[Entry]
    unclear: list[str]


def day_of(text: str) -> tuple[date | None, str]:
    """A day at the start of a line, and the rest."""
    for pattern, order in ((_ISO, (1, 2, 3)), (_EUROPEAN, (3, 2, 1))):
        if found := pattern.search(text[:30]):
            try:
                day = date(*(int(found[at]) for at in order))
            except ValueError:
                return None, text
            return day, text[found.end() :].strip(" :,-|")
    return None, text


def time_of(text: str) -> tuple[int, int, str] | None:
    """Start, minutes and the rest of a line; None if it names no time."""
    found = _SPAN.search(text)
    if found and (found.start() == 0 or found[2] or found[4]):
        start = int(found[1]) * 60 + int(found[2] or 0)
        end = int(found[3]) * 60 + int(found[4] or 0)
        if start >= DAY_MINUTES or end > DAY_MINUTES or start == end:
            return None
        return start, (end - start) % DAY_MINUTES, _rest(text, found)
    if found := _HOURS.search(text):
        if found[1]:
            minutes = int(found[1]) * 60 + int(found[2])
        else:
            minutes = round(float(found[3].replace(",", ".")) * 60) if found[3] else int(found[4])
        return (-1, minutes, _rest(text, found)) if 0 < minutes <= DAY_MINUTES else None
    return None


def _rest(text: str, found: re.Match[str]) -> str:
    rest = f"{text[: found.start()]} {text[found.end() :]}".replace("( )", "")
    return rest.strip(" ,;|-")


def read_notes(lines: Iterable[str]) -> Sheet:
    """Every line with a time becomes an entry of the day above it."""
    sheet, day = Sheet(entries=[], unclear=[]), None
    for number, line in enumerate(lines, 1):
        text = _LEAD.sub("", line).strip()
        found, rest = day_of(text)
        day = found or day
        if not rest or (found is None and not re.search(r"\d", rest)):
            continue
        time = time_of(rest)
        if time is None or day is None:
            sheet.unclear.append(f"line {number}: {text[:100]}")
            continue
        match = _PROJECT.fullmatch(time[2])
        project, work = (match[1].strip(), match[2]) if match else ("", time[2])
        entry = Entry(
            day=day,
            minutes=time[1],
            start=time[0],
            project=project or "(none)",
            text=work,
            line=number,
        )
        sheet.entries.append(entry)
    return sheet


def overlaps(entries: list[Entry]) -> list[str]:
    """Times that were noted twice."""
    timed = sorted((e for e in entries if e.start >= 0), key=lambda e: (e.day, e.start))
    return [
        f"{b.day}: line {a.line} and line {b.line} overlap"
        for a, b in pairwise(timed)
        if a.day == b.day and a.start + a.minutes > b.start
    ]


def totals(entries: list[Entry], key: Callable[[Entry], str]) -> list[tuple[str, float]]:
    """Hours for each value of the key, in its order."""
    minutes: dict[str, int] = defaultdict(int)
    for entry in entries:
        minutes[key(entry)] += entry.minutes
    return [(name, minutes[name] / 60) for name in sorted(minutes)]


def markdown(entries: list[Entry]) -> str:
    """The sheet for people."""
    text = f"# Timesheet\n\nTotal: {sum(e.minutes for e in entries) / 60:.2f} h\n"
    for title, key in (("project", _project), ("day", _day)):
        text += f"\n| {title} | hours |\n|---|---|\n"
        text += "".join(f"| {name} | {hours:.2f} |\n" for name, hours in totals(entries, key))
    return text


def _project(entry: Entry) -> str:
    return entry.project


def _day(entry: Entry) -> str:
    return entry.day.isoformat()


def write_csv(path: Path, entries: list[Entry]) -> None:
    """The sheet for a spreadsheet; no cell can be taken for a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", "start", "hours", "project", "work"])
        for e in entries:
            start = f"{e.start // 60:02}:{e.start % 60:02}" if e.start >= 0 else ""
            safe = [f"'{t}" if t[:1] in set("=+-@\t") else t for t in (e.project, e.text)]
            writer.writerow([e.day.isoformat(), start, f"{e.minutes / 60:.2f}", *safe])


def main() -> int:
    """Writes the sheet and prints the totals; 1 if notes cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notes", type=Path, nargs="+")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date.min)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date.max)
    parser.add_argument("--out", type=Path, default=Path("timesheet"))
    options = parser.parse_args()
    try:
        texts = [path.read_text(encoding="utf-8-sig", errors="replace") for path in options.notes]
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sheet = read_notes("\n".join(texts).splitlines())
    entries = [e for e in sheet.entries if options.first <= e.day <= options.last]
    entries.sort(key=lambda e: (e.day, e.start, e.line))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "timesheet.md").write_text(markdown(entries), encoding="utf-8")
    write_csv(options.out / "timesheet.csv", entries)
    notes = [
        *(f"overlap: {o}" for o in overlaps(entries)),
        *(f"unclear: {u}" for u in sheet.unclear),
    ]
    sys.stdout.write(markdown(entries) + "".join(f"\n{note}" for note in notes) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
