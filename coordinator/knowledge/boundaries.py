"""Places where a text may be cut, and how good each is. Pure.

A cut before a heading or a definition is best, then between paragraphs, lines, sentences, and
words. Whatever has none of them may be cut anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD, SENTENCE, LINE, PARAGRAPH, BLOCK, SECTION = 1, 2, 3, 4, 5, 6

_HEADING = re.compile(
    r"^(?:(?P<marks>\#{1,6})[ \t]+(?P<title>[^\n]{1,300}?)[ \t]*\#*"
    r"|(?P<signs>=(?:[ ]?=){0,5})[ ](?P<wiki>[^=\n]{1,200}?)[ ]=(?:[ ]?=){0,5})[ \t]*$",
    re.MULTILINE,
)
_FENCE = re.compile(r"^[ \t]{0,3}(```|~~~)[^\n]*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_LINE = re.compile(r"\n+")
_SENTENCE = re.compile(r"(?:[.!?…][\"'\u2019\u201d)\]]*\s+|[\u3002\uff01\uff1f])")
_WORD = re.compile(r"\s+")
# A definition at the left edge, or a method one step in: the first words of the languages that
# people keep. Decorators, attributes and doc comments belong to what they stand above.
_DEFINITION = re.compile(
    r"^(?P<indent>[ \t]{0,8})(?:(?:pub(?:\([^)\n]*\))?|export|default|public|private|protected"
    r"|static|final|abstract|async"
    r"|unsafe|extern|inline|virtual|override|open|data|sealed|internal)[ \t]+)*"
    r"(?:def|class|fn|func|function|fun|struct|enum|trait|impl|interface|type|mod|module|macro_rules!"
    r"|namespace|record|object|protocol|extension|package|procedure|sub|CREATE[ \t]+\w+)\b",
    re.MULTILINE,
)
_LEAD = re.compile(
    r"(?:^[ \t]*(?:@|#\[|///|//!|//|/\*\*?|\*|#(?!\#* )|--)[^\n]*\n)+\Z", re.MULTILINE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading: where it begins, its level from 1, its words."""

    at: int
    level: int
    title: str


def headings_of(text: str) -> list[Heading]:
    """The headings of a Markdown text, in order; none inside of fenced code."""
    fences = [match.start() for match in _FENCE.finditer(text)]
    found = []
    for match in _HEADING.finditer(text):
        if sum(1 for at in fences if at < match.start()) % 2 == 0:
            marks = match["marks"] or match["signs"].replace(" ", "")
            title = (match["title"] or match["wiki"]).strip()
            found.append(Heading(at=match.start(), level=len(marks), title=title))
    return found


def cuts_of(text: str, *, is_code: bool) -> dict[int, int]:
    """Each place where a cut is good, and how good; 0 and the end are not among them."""
    found: dict[int, int] = {}
    for at, strength in _all(text, is_code=is_code):
        if 0 < at < len(text):
            found[at] = max(strength, found.get(at, 0))
    return found


def _all(text: str, *, is_code: bool) -> Iterator[tuple[int, int]]:
    for pattern, strength in ((_PARAGRAPH, PARAGRAPH), (_LINE, LINE), (_WORD, WORD)):
        for match in pattern.finditer(text):
            yield match.end() - _indent_before(text, match.end()), strength
    if is_code:
        yield from _definitions(text)
        return
    for match in _SENTENCE.finditer(text):
        yield match.end(), SENTENCE
    for heading in headings_of(text):
        yield heading.at, SECTION


def _indent_before(text: str, at: int) -> int:
    """A cut goes before a line's indent, so that code keeps its shape."""
    begin = at
    while begin > 0 and text[begin - 1] in " \t":
        begin -= 1
    return at - begin if begin > 0 and text[begin - 1] == "\n" else 0


def _definitions(text: str) -> Iterator[tuple[int, int]]:
    for match in _DEFINITION.finditer(text):
        before = text[max(0, match.start() - 4000) : match.start()]
        lead = _LEAD.search(before)
        at = match.start() - (len(before) - lead.start() if lead else 0)
        yield at, BLOCK if match["indent"] else SECTION
