"""A Markdown file as sections with line numbers, as far as HEARTBEAT.md needs it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME_CAP = 60
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line. `is_code`: it stands between fences; the fences themselves are left out."""

    number: int
    text: str
    is_code: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and the lines below it; the part before the first heading has no name.

    `is_top`: that part, and what stands below a `#` heading, which is the file's title.
    """

    name: str
    line: int
    lines: tuple[Line, ...]
    is_top: bool = False


def sections(text: str) -> tuple[Section, ...]:
    """All sections in order, the nameless one first. Comments in <!-- --> are blanked out."""
    found: list[tuple[str, int, bool, list[Line]]] = [("", 1, True, [])]
    fence = ""
    for number, raw in enumerate(_without_comments(text).split("\n"), 1):
        line = raw.rstrip("\r")
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
            continue
        heading = None if fence else _HEADING.match(line)
        if heading:
            found.append((_plain(heading[2]), number, heading[1] == "#", []))
        else:
            found[-1][3].append(Line(number=number, text=line, is_code=bool(fence)))
    return tuple(
        Section(name=name, line=line, lines=tuple(lines), is_top=is_top)
        for name, line, is_top, lines in found
    )


def _without_comments(text: str) -> str:
    """Comments become empty lines, so that the numbers stay."""
    return re.sub(r"<!--.*?(?:-->|\Z)", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[*_`]", "", name).split())[:NAME_CAP] or "Unnamed"
