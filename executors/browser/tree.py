"""A page as text: its accessibility tree with a reference for whatever can be acted on. Pure.

A reference belongs to one element of one document for as long as both live; it is never given to
another, so that a click meant for one button cannot land on a different one after a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Node = dict[str, Any]
NAME_CAP = 200
TEXT_CAP = 2_000
DEPTH_CAP = 12  # deeper lines are not indented further
LEVEL_CAP = 400  # a page that nests deeper is cut there
ACTIVE = frozenset((
    "button", "checkbox", "combobox", "link", "listbox", "menuitem", "menuitemcheckbox",
    "menuitemradio", "option", "radio", "searchbox", "slider", "spinbutton", "switch", "tab",
    "textbox", "treeitem", "table", "grid", "treegrid", "ColorWell", "Date", "DateTime",
    "InputTime", "MenuListOption", "PopUpButton", "DisclosureTriangle", "video",
))  # fmt: skip
PASSED = frozenset(
    ("generic", "none", "presentation", "RootWebArea", "InlineTextBox", "LineBreak", "rowgroup",
     "LayoutTableRow", "ListMarker", "GenericContainer", "Section")
)  # fmt: skip
WHOLE = frozenset(("Date", "DateTime", "InputTime", "ColorWell"))  # their parts are of no use
BLOCKS = frozenset(("paragraph", "listitem", "blockquote", "article", "term", "definition"))
WORDS = {"PopUpButton": "combobox", "MenuListOption": "option", "StaticText": "text"}
SHOWN = ("level", "checked", "pressed", "selected", "expanded", "disabled", "required", "readonly",
         "invalid", "url")  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An element: the session of its document, and its number there."""

    session: str
    node: int


@dataclass
class Refs:
    """The names of elements: e1, e2, and so on, never used twice."""

    _places: dict[str, Place] = field(default_factory=dict)
    _names: dict[Place, str] = field(default_factory=dict)
    _count: int = 0

    def name(self, place: Place) -> str:
        """The element's name, the same as before if it had one."""
        known = self._names.get(place)
        if known is None:
            self._count += 1
            known = self._names[place] = f"e{self._count}"
            self._places[known] = place
        return known

    def place(self, name: str) -> Place | None:
        """The element of that name, unless its document is gone."""
        return self._places.get(name)

    def forget(self, session: str) -> None:
        """The session's document is gone, and all its elements with it."""
        for name, place in list(self._places.items()):
            if place.session == session:
                del self._places[name], self._names[place]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """The tree of one document; `inner` gives the tree inside a frame's element."""

    nodes: Sequence[Node]
    session: str
    inner: Callable[[int], Frame | None]


def lines(frame: Frame, refs: Refs) -> list[str]:
    """The page line by line."""
    known = {str(node["nodeId"]): node for node in frame.nodes}
    roots = [node for node in frame.nodes if not node.get("parentId")]
    walk = _Walk(frame, refs, known)
    return _joined(line for root in roots for line in walk.below(root, 0, ""))


def _joined(found: Iterable[str]) -> list[str]:
    """Pieces of running text become one line; an empty one stands for a new paragraph."""
    made: list[str] = []
    may_join = False
    for line in found:
        is_text = bool(line) and not line.lstrip().startswith("- ")
        if is_text and may_join and len(made[-1]) < TEXT_CAP:
            made[-1] += f" {line.strip()}"
        elif line:
            made.append(line)
        may_join = is_text
    return made


def _value(node: Node, name: str) -> str:
    found = node.get(name)
    return _clean(found.get("value", ""), TEXT_CAP) if isinstance(found, dict) else ""


def _clean(value: object, cap: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= cap else f"{text[:cap]}…"


class _Walk:
    def __init__(self, frame: Frame, refs: Refs, known: dict[str, Node]) -> None:
        self._frame = frame
        self._refs = refs
        self._known = known

    def below(self, node: Node, depth: int, above: str) -> Iterator[str]:
        """The lines of a node and all below it; `above` is a name that holds their text already.

        Not recursive: a page may nest deeper than Python's stack.
        """
        waiting: list[tuple[Node, int, int, str]] = [(node, depth, 0, above)]
        while waiting:
            current, indent, level, said = waiting.pop()
            line, inner_depth, inner_said = self._one(current, indent, said)
            if line or _value(current, "role") in BLOCKS:
                yield line
            if level < LEVEL_CAP and _value(current, "role") not in WHOLE:
                children = [
                    (c, inner_depth, level + 1, inner_said) for c in self._children(current)
                ]
                waiting += reversed(children)
                yield from self._framed(current, inner_depth)

    def _children(self, node: Node) -> Iterable[Node]:
        ids = (str(name) for name in node.get("childIds", ()))
        return [self._known[name] for name in ids if name in self._known]

    def _one(self, node: Node, depth: int, said: str) -> tuple[str, int, str]:
        role = _value(node, "role")
        name = _value(node, "name")
        if role == "StaticText":
            is_said = not name or name in said
            return ("" if is_said else f"{_indent(depth)}{name}", depth, said + name)
        if role == "InlineTextBox":
            return "", depth, said + "\0"
        is_silent = role == "MenuListPopup" or (role in PASSED and not _is_focusable(node))
        if node.get("ignored") or is_silent or not (name or role in ACTIVE or _is_focusable(node)):
            return "", depth, said
        return self._line(node, role, name, depth), depth + 1, name + _value(node, "value")

    def _line(self, node: Node, role: str, name: str, depth: int) -> str:
        parts = [f"{_indent(depth)}- {WORDS.get(role, role)}"]
        if name:
            parts.append(f'"{_clean(name, NAME_CAP)}"')
        if value := _value(node, "value"):
            parts.append(f'= "{_clean(value, NAME_CAP)}"')
        parts += _marks(node)
        number = node.get("backendDOMNodeId")
        if isinstance(number, int) and (role in ACTIVE or _is_focusable(node)):
            place = Place(session=self._frame.session, node=number)
            parts.append(f"[{self._refs.name(place)}]")
        return " ".join(parts)

    def _framed(self, node: Node, depth: int) -> Iterator[str]:
        number = node.get("backendDOMNodeId")
        if _value(node, "role") in {"Iframe", "IframePresentational"} and isinstance(number, int):
            inner = self._frame.inner(number)
            if inner is not None:
                yield from (f"{_indent(depth)}{line}" for line in lines(inner, self._refs))


def _indent(depth: int) -> str:
    return "  " * min(depth, DEPTH_CAP)


def _properties(node: Node) -> dict[str, Any]:
    found = node.get("properties", ())
    return {str(p.get("name")): p.get("value", {}).get("value") for p in found}


def _is_focusable(node: Node) -> bool:
    return bool(_properties(node).get("focusable")) and _value(node, "role") != "RootWebArea"


def _marks(node: Node) -> Iterator[str]:
    properties = _properties(node)
    for name in SHOWN:
        value = properties.get(name)
        if value is None or value is False or value in {"false", ""}:
            continue
        if value is True or value == "true":
            yield f"({name})"
        elif name == "url":
            yield f"({_clean(value, NAME_CAP)})"
        else:
            yield f"({name} {_clean(value, 40)})"


def page_text(found: Sequence[str], *, start: int, cap: int, find: str = "") -> str:
    """Lines from `start` on within `cap` characters; says how to see the rest."""
    kept = [(i, line) for i, line in enumerate(found) if find.lower() in line.lower()]
    shown: list[str] = []
    left = cap
    for index, line in kept:
        if index < start:
            continue
        left -= len(line) + 1
        if left < 0 and shown:
            more = sum(1 for i, _ in kept if i >= index)
            shown.append(f"… {more} more lines; read on with start={index}")
            break
        shown.append(line[:cap])
    return "\n".join(shown) or ("nothing there" if find or start else "The page is empty.")
