"""HEARTBEAT.md files as people have them already: checklists and `tasks:` lists. Pure.

- Each bullet (`- [ ] check mail`, `- look at the calendar`) is a check, as often as its heading
  says (`## Daily`), else every 30 minutes. A bullet that is ticked (`- [x]`) is off; one that only
  says how to answer (`reply HEARTBEAT_OK`) is none, as answers are typed here.
- `tasks:` is a YAML list of `name`, `interval` (or `schedule`, `every`, `cron`) and `prompt`. Each
  item is read by itself, so that a broken one does not hide the others. Bullets beside such a list
  are words for each of its items, not checks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import UserFacing
from heartbeat.cadence import Every
from heartbeat.checks import DEFAULT_EVERY, Check, Problem
from heartbeat.phrases import read_cadence
from heartbeat.sections import NAME_CAP, Line, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heartbeat.cadence import Cadence
    from heartbeat.fields import Fields

_BULLET = re.compile(r"\s{0,3}(?:[-*+]|\d{1,3}[.)])\s+(?:\[(?P<tick>[ xX])\]\s+)?(?P<text>\S.*)")
_TASKS = re.compile(r"tasks:\s*$")
_PROMPTS = ("prompt", "instructions", "description", "task", "message", "text")
_CADENCES = ("interval", "every", "schedule", "cron", "cadence")
SENTINEL = "HEARTBEAT_OK"
HINT = "An item has a name, an interval such as 30m, and a prompt."


def is_tasks(section: Section) -> bool:
    """Whether the section holds a `tasks:` list."""
    return any(_TASKS.match(line.text) for line in section.lines)


def bullets(section: Section) -> tuple[Line, ...]:
    """The bullets of a section, at its left edge."""
    return tuple(n for n in section.lines if not n.is_code and _BULLET.match(n.text))


def import_bullets(section: Section, base: Fields) -> Iterator[Check]:
    """A check for each bullet; lines indented below it belong to it."""
    fields: Fields = {"cadence": _cadence_of(section, base["zone"]), **base}
    for line, text in _open(section):
        whole = "\n".join([text, *_below(section, line.number)])
        yield Check(name=_name(text), line=line.number, instructions=whole, **fields)


def words_beside(section: Section) -> list[str]:
    """What the bullets of a section say, for the items of a list elsewhere in the file."""
    return ["\n".join([text, *_below(section, n.number)]) for n, text in _open(section)]


def _open(section: Section) -> Iterator[tuple[Line, str]]:
    """Bullets that are neither ticked nor about the form of an answer."""
    for line in bullets(section):
        found = _BULLET.match(line.text)
        if found and (found["tick"] or " ") == " " and SENTINEL not in found["text"]:
            yield line, found["text"].strip()


def _cadence_of(section: Section, zone: str) -> Cadence:
    try:
        return read_cadence(re.sub(r"\(.*?\)", "", section.name).strip(), zone)
    except UserFacing:
        return Every(every=DEFAULT_EVERY, zone=zone)


def _below(section: Section, number: int) -> Iterator[str]:
    for line in section.lines:
        if line.number <= number:
            continue
        if not line.text.startswith(("  ", "\t")) or _BULLET.match(line.text):
            return
        yield line.text.strip()


def _name(text: str) -> str:
    words = re.sub(r"[*_`]", "", text).strip().rstrip(".!:")
    return words if len(words) <= NAME_CAP else words[: NAME_CAP - 1].rstrip() + "…"


def import_tasks(
    section: Section, base: Fields, problems: list[Problem], *, beside: str = ""
) -> Iterator[Check]:
    """A check for each item of the list; `beside` is said to each of them."""
    for number, text in _items(section):
        try:
            check = _read_item(number, text, base)
            said = f"{check.instructions}\n\n{beside}".strip()
            yield replace(check, instructions=said)
        except UserFacing as error:
            problems.append(Problem(line=number, key="tasks", text=error.text, hint=error.hint))


def _items(section: Section) -> Iterator[tuple[int, str]]:
    """Each item's first line number and its YAML."""
    start = next(n for n, line in enumerate(section.lines) if _TASKS.match(line.text))
    item: list[Line] = []
    edge: int | None = None
    for line in section.lines[start + 1 :]:
        depth = len(line.text) - len(line.text.lstrip())
        if line.text.strip() and depth == 0 and not line.text.startswith("-"):
            break
        is_first = line.text.lstrip().startswith("- ") and (edge is None or depth <= edge)
        if is_first and item:
            yield item[0].number, "\n".join(n.text for n in item)
            item = []
        if is_first:
            edge = depth
        if item or is_first:
            item.append(line)
    if item:
        yield item[0].number, "\n".join(n.text for n in item)


def _read_item(number: int, text: str, base: Fields) -> Check:
    found = _item_values(text)
    prompt = next((found[key] for key in _PROMPTS if found.get(key)), "")
    name = found.get("name") or found.get("id") or _name(prompt.split("\n")[0])
    if not prompt or not name:
        raise UserFacing("This item has no prompt.", HINT)
    cadence = next((found[key] for key in _CADENCES if found.get(key)), "")
    fields: Fields = {"cadence": Every(every=DEFAULT_EVERY, zone=base["zone"]), **base}
    if cadence:
        fields["cadence"] = read_cadence(cadence, base["zone"])
    return Check(name=_name(name), line=number, instructions=prompt.strip(), **fields)


def _item_values(text: str) -> dict[str, str]:
    import yaml  # noqa: PLC0415, RUF100 - only files with such a list pay for it

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserFacing("This item is no YAML.", HINT) from error
    item = found[0] if isinstance(found, list) and found else None
    if isinstance(item, str):
        return {"prompt": item}
    if not isinstance(item, dict):
        raise UserFacing("This item is no list entry with keys.", HINT)
    return {str(k): str(v) for k, v in item.items() if isinstance(v, str | int | float)}
