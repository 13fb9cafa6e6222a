"""Reads the YAML between the `---` lines into a small tree that knows its lines. Pure.

Threat: YAML from a stranger. A few bytes of aliases unfold into gigabytes, tags construct objects,
two equal keys let the reader see one and the program the other, a deep nest ends the process. So
nothing is constructed: parser events become texts, numbers, lists and mappings here; anchors,
aliases, tags and repeated keys are refused; size, depth and the number of nodes are bounded.

Plain scalars follow YAML 1.2's core schema: `no` and `on` are texts, not booleans.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.policy.action import Json

SIZE_CAP = 256 * 1024
NODES_CAP = 5_000
DEPTH_CAP = 24
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*")
_INT = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,15}|[0-9]{1,15}(?:\.[0-9]{0,15})?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, Json] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
Key = str | int


class Fault(Exception):  # noqa: N818 - becomes a Problem of the file
    """What is wrong with a frontmatter, in which line, and how to mend it."""

    def __init__(self, line: int, wrong: str, mend: str) -> None:
        super().__init__(wrong)
        self.line = line
        self.wrong = wrong
        self.mend = mend


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """A file taken apart; `line` is the number of the YAML's first line."""

    yaml: str
    line: int
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontmatter:
    """The top mapping as plain values, and the line of every key and item by its path."""

    values: dict[str, Json]
    lines: Mapping[tuple[Key, ...], int]

    def line_of(self, path: tuple[Key, ...]) -> int:
        """The line of the nearest thing on the path that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def split(text: str) -> Parts:
    """Takes the frontmatter off; tolerates a mark of byte order, CR LF and a fence around all."""
    _check_text(text)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    fence = _FENCE.fullmatch(lines[first].strip())
    if fence and first + 1 < len(lines) and lines[first + 1].rstrip() == "---":
        first += 1
        lines = _unfenced(lines, fence[1])
    if lines[first].rstrip() != "---":
        mend = "Begin the file with a line of three dashes, then name: and description:."
        raise Fault(first + 1, "the frontmatter is missing", mend)
    return _parts(lines, first)


def _check_text(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Fault(1, "the text is not valid Unicode", "Save the file as UTF-8.") from None
    if size > SIZE_CAP:
        mend = "Move long material into files beside it."
        raise Fault(1, f"the file is larger than {SIZE_CAP // 1024} KB", mend)


def _unfenced(lines: list[str], fence: str) -> list[str]:
    """Without the last line that closes the fence, if there is one."""
    last = next((at for at in range(len(lines) - 1, 0, -1) if lines[at].strip()), 0)
    return lines[:last] if lines[last].strip() == fence else lines


def _parts(lines: list[str], first: int) -> Parts:
    for at in range(first + 1, len(lines)):
        if lines[at].rstrip() == "---":
            return Parts(
                yaml="\n".join(lines[first + 1 : at]) + "\n",
                line=first + 2,
                body="\n".join(lines[at + 1 :]).strip("\n"),
            )
    mend = "Add a line of three dashes below the last key."
    raise Fault(first + 1, "the frontmatter does not end", mend)


def read(parts: Parts) -> Frontmatter:
    """The frontmatter as values; raises Fault, and nothing else."""
    reader = _Reader(parts)
    value = reader.document()
    if not isinstance(value, dict):
        mend = "Write keys and values: name: my-skill."
        raise Fault(parts.line, "the frontmatter is no mapping", mend)
    return Frontmatter(values=value, lines=reader.lines)


class _Reader:
    """One pass over the parser's events."""

    def __init__(self, parts: Parts) -> None:
        self.lines: dict[tuple[Key, ...], int] = {(): parts.line}
        self._offset = parts.line
        self._events = _events(parts)
        self._count = 0

    def document(self) -> Json:
        """The only document of the stream."""
        value: Json = {}
        seen = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                seen += 1
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, ())
        if seen > 1:
            raise Fault(self._offset, "it holds more than one document", "Keep one.")
        return value

    def _node(self, event: yaml.Event, path: tuple[Key, ...]) -> Json:
        self._check(event, path)
        self.lines.setdefault(path, self._line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _resolved(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._mapping(path)

    def _list(self, path: tuple[Key, ...]) -> Json:
        items: list[Json] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: tuple[Key, ...]) -> Json:
        found: dict[str, Json] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, found)
            self.lines[(*path, key)] = self._line(event)
            found[key] = self._node(next(self._events), (*path, key))
        return found

    def _key(self, event: yaml.Event, known: dict[str, Json]) -> str:
        self._check(event, ())
        if not isinstance(event, yaml.ScalarEvent):
            raise Fault(self._line(event), "a key is no plain word", "Write key: value.")
        if event.value in known:
            wrong = f"the key {event.value[:60]} stands there twice"
            raise Fault(self._line(event), wrong, "Keep one of them.")
        return str(event.value)

    def _check(self, event: yaml.Event, path: tuple[Key, ...]) -> None:
        self._count += 1
        line = self._line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Fault(line, "it uses an anchor or an alias", "Write the value out, or quote it.")
        if getattr(event, "tag", None):
            raise Fault(line, "it uses a tag", "Leave out the word that begins with !.")
        if self._count > NODES_CAP or len(path) > DEPTH_CAP:
            raise Fault(line, "the frontmatter is too large or too deep", "Make it smaller.")

    def _line(self, event: yaml.Event) -> int:
        mark = event.start_mark
        return self._offset + (int(mark.line) if mark is not None else 0)


def _events(parts: Parts) -> Iterator[yaml.Event]:
    """The parser's events; its errors as faults."""
    try:
        yield from yaml.parse(parts.yaml, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        wrong = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "")
        line = parts.line + (int(mark.line) if mark is not None else 0)
        raise Fault(
            line, f"this is no YAML: {wrong or 'it cannot be read'}", _mend(wrong)
        ) from None


def _mend(wrong: str) -> str:
    if "mapping values" in wrong:
        return "Put the text in quotes: it holds a colon."
    if "tab" in wrong or "\\t" in wrong or "any token" in wrong:
        return "Indent with spaces, never with tabs, and quote texts that begin with a sign."
    if "not allowed" in wrong or "control characters" in wrong:
        return "Remove the invisible characters."
    return "Check the indentation, the quotes and the brackets."


def _resolved(event: yaml.ScalarEvent) -> Json:
    text = str(event.value)
    if event.style not in {None, ""} or not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    number = float(text) if _FLOAT.fullmatch(text) else math.nan
    return number if math.isfinite(number) else text
