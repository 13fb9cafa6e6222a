"""HEARTBEAT.md compiled and linted, with line numbers. Pure.

The file is prose and blocks:

    zone: Europe/Berlin            keys above the first ## are defaults for all checks
    ## Invoices
    - every: weekdays at 9
    - when: file changed inbox/invoices.csv
    Tell me when an invoice is overdue.

A heading whose section has a key is a check; its keys stand first, the rest is the instruction.
Other sections are prose, and nothing else happens to them, but for what older files hold: see
`older`. A check with a problem does not run; all others do.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from core.errors import UserFacing
from heartbeat.cadence import Cron, Every
from heartbeat.checks import Check, Plan, Problem
from heartbeat.conditions import read_condition
from heartbeat.fields import (
    KEYS,
    Fields,
    read_budget,
    read_importance,
    read_permissions,
    read_quiet,
    read_with,
    read_zone,
)
from heartbeat.older import bullets, import_bullets, import_tasks, is_tasks, words_beside
from heartbeat.phrases import read_cadence
from heartbeat.sections import Line, Section, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES = 262_144
MOST_CHECKS = 100
_KEY = re.compile(r"(?:[-*]\s+)?(?P<key>[A-Za-z][A-Za-z_]{0,20}):(?:\s+(?P<value>.*))?$")
_DEFAULTS = frozenset({"quiet", "zone", "importance", "budget"})
_FIELDS = {"when": "condition", "every": "cadence", "with": "with_today"}
_READERS: dict[str, Callable[[str], object]] = {
    "quiet": read_quiet, "zone": read_zone, "importance": read_importance,
    "budget": read_budget, "condition": read_condition, "permissions": read_permissions,
    "with_today": read_with,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Key:
    line: int
    key: str
    value: str


def compile_plan(text: str, *, zone: str = "UTC") -> Plan:
    """Reads HEARTBEAT.md; never raises. `zone` counts where the file names none."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        problem = Problem(line=1, key="", text="The file is too long.", hint="At most 256 KB.")
        return Plan(problems=(problem,))
    problems: list[Problem] = []
    checks: list[Check] = []
    base: Fields = {"zone": zone}
    found = sections(text)
    beside = _beside(found)
    for section in found:
        if section.is_top:
            keys, body = _split(section)
            base.update(_read(keys, base, section, problems=problems, allowed=_DEFAULTS))
            section = replace(section, lines=tuple(body))
            checks.extend(_older(section, base, problems, beside=beside))
        else:
            checks.extend(_checks_of(section, base, problems, beside=beside))
    return Plan(checks=tuple(_distinct(checks, problems)), problems=tuple(_sorted(problems)))


def _beside(found: tuple[Section, ...]) -> str | None:
    """What stands in bullets beside a `tasks:` list; None when the file has no such list."""
    if not any(is_tasks(section) for section in found):
        return None
    plain = (s for s in found if not is_tasks(s) and not _split(s)[0])
    return "\n".join(words for section in plain for words in words_beside(section))


def _checks_of(
    section: Section, base: Fields, problems: list[Problem], *, beside: str | None
) -> Iterator[Check]:
    keys, body = _split(section)
    if not keys:
        yield from _older(section, base, problems, beside=beside)
        return
    before = len(problems)
    found = _read(keys, base, section, problems=problems, allowed=frozenset(KEYS))
    instructions = "\n".join(line.text for line in body).strip()
    if not instructions:
        hint = "Write below the keys what to look for and when to speak."
        problems.append(_problem(section, section.line, "", ("It has no instruction.", hint)))
    if len(problems) == before:
        fields: Fields = {**base, **found}
        yield Check(
            name=section.name, line=section.line, instructions=instructions, **_zoned(fields)
        )


def _zoned(fields: Fields) -> Fields:
    """The default cadence shows its times in the check's zone."""
    if "cadence" not in fields:
        default = Check(name="", line=0, instructions="").cadence
        if isinstance(default, Every):
            return {**fields, "cadence": Every(every=default.every, zone=fields["zone"])}
    return fields


def _split(section: Section) -> tuple[list[_Key], list[Line]]:
    """The keys at the start of a section, and the lines after them."""
    keys: list[_Key] = []
    lines = list(section.lines)
    while lines:
        key = _key_of(lines[0])
        if key is not None and (_is_meant(key.key) or _has_known(lines[1:])):
            lines.pop(0)
            if key.key == "permissions" and not key.value:
                key = _Key(line=key.line, key=key.key, value=_indented(lines))
            keys.append(key)
        elif lines[0].text.strip():
            break
        else:
            lines.pop(0)
    return keys, lines


def _key_of(line: Line) -> _Key | None:
    """The key that a line seems to set; None when it is text."""
    found = _KEY.match(line.text.strip())
    if found is None or line.is_code:
        return None
    value = (found["value"] or "").strip().strip("`").strip()
    return _Key(line=line.number, key=found["key"].lower(), value=value)


def _is_meant(key: str) -> bool:
    return key in KEYS or bool(difflib.get_close_matches(key, KEYS, n=1, cutoff=0.7))


def _has_known(lines: list[Line]) -> bool:
    """Whether a known key follows before any text: then what stands above it is a key as well."""
    for line in lines:
        key = _key_of(line)
        if key is not None and key.key in KEYS:
            return True
        if key is None and line.text.strip():
            return False
    return False


def _indented(lines: list[Line]) -> str:
    block: list[str] = []
    while lines and (lines[0].text.startswith("  ") or (block and not lines[0].text.strip())):
        block.append(lines.pop(0).text)
    return "\n".join(block)


def _read(
    keys: list[_Key], base: Fields, section: Section, *, problems: list[Problem],
    allowed: frozenset[str],
) -> Fields:  # fmt: skip
    """What the keys say; what is wrong goes to `problems`."""
    found: dict[str, object] = {}
    # The zone comes first: the cadence counts on its clock.
    for key in sorted(keys, key=lambda k: k.key != "zone"):
        name = _FIELDS.get(key.key, key.key)
        try:
            _refuse(key.key, allowed, is_there=name in found)
            zone = str(found.get("zone", base["zone"]))
            is_cadence = name == "cadence"
            found[name] = _cadence(key.value, zone) if is_cadence else _READERS[name](key.value)
        except UserFacing as error:
            problems.append(_problem(section, key.line, key.key, (error.text, error.hint)))
    return cast("Fields", found)


def _cadence(value: str, zone: str) -> Cron | Every:
    """`every: 2 hours` and `every: Monday at 9` both read well, so both are read."""
    try:
        return read_cadence(value, zone)
    except UserFacing as error:
        try:
            return read_cadence(f"every {value}", zone)
        except UserFacing:
            raise error from None


def _refuse(key: str, allowed: frozenset[str], *, is_there: bool) -> None:
    if is_there:
        raise UserFacing("It stands here twice.", "Keep one of the two.")
    if key in allowed:
        return
    if key in KEYS:
        raise UserFacing("That belongs into a check.", "Put it below a ## heading.")
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.7)
    hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(sorted(allowed))}."
    raise UserFacing("There is no such key.", hint)


def _older(
    section: Section, base: Fields, problems: list[Problem], *, beside: str | None
) -> Iterator[Check]:
    """Checks of a section as people wrote them before there were keys."""
    if is_tasks(section):
        yield from import_tasks(section, base, problems, beside=beside or "")
    elif beside is None and bullets(section):
        yield from import_bullets(section, base)


def _distinct(checks: list[Check], problems: list[Problem]) -> Iterator[Check]:
    seen: set[str] = set()
    for check in checks:
        text, hint = "", ""
        if check.name.lower() in seen:
            text, hint = "Another check has this name.", "Give each its own."
        elif len(seen) >= MOST_CHECKS:
            text, hint = f"There are more than {MOST_CHECKS} checks.", "Join some of them."
        if text:
            problems.append(
                Problem(line=check.line, key="", text=text, hint=hint, check=check.name)
            )
            continue
        seen.add(check.name.lower())
        yield check


def _problem(section: Section, line: int, key: str, said: tuple[str, str]) -> Problem:
    return Problem(line=line, key=key, text=said[0], hint=said[1], check=section.name)


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: p.line)
