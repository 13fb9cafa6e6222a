"""Shows a change to a person, whole, with nothing hidden.

Threat: a file made so that the approval shows something else than what is written (reversed text,
invisible characters, a line end that is no line end), or so that comparing takes hours. The bytes
are compared, `hygiene.visible` is applied to what is shown, and costly comparisons become plain
"these lines go, those come". What is approved must be there to be read: nothing is cut unless the
caller says so, and what is too large altogether is told by its size and digest.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from itertools import islice
from typing import TYPE_CHECKING

from core.hygiene import clean, visible
from core.workspace.paths import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.workspace.types import Change, Changes, FileState

TEXT_CAP = 200 * 1024  # bytes of a content
SHOWN_CAP = 1024 * 1024  # characters: two such contents, and marks for what hides in them
CONTEXT = 3
_WORK_CAP = 20_000
_Codes = list[tuple[str, int, int, int, int]]


def summary(changes: Changes) -> str:
    """One line, as `2 new, 1 changed, 1 deleted`."""
    counts = Counter(change.kind for change in changes.items)
    said = [f"{counts[kind]} {kind}" for kind in ("new", "changed", "deleted") if counts[kind]]
    said += [f"{len(changes.refused)} refused"] if changes.refused else []
    return ", ".join(said) or "no changes"


def readable(
    change: Change, before: bytes | None, after: bytes | None, *, lines: int | None = None,
    width: int | None = None,
) -> str:  # fmt: skip
    """The change in words or as a unified diff, of `lines` lines of `width` characters at most.

    `before` and `after` are the contents; None where there is none or it is too large to show.
    """
    name = shown(change.path)
    if change.after is None:
        return f"{name} will be deleted ({_size(change.before)})"
    old = _text(before) if change.before else ""
    new = _text(after)
    if old is None or new is None:
        return f"{name}: {_sizes(change)}, sha256 {change.after.sha256[:12]}…"
    if not change.before:
        head = f"{name} is new ({_size(change.after)}, sha256 {change.after.sha256[:12]}…)"
    else:
        head = f"{name}: {_sizes(change)}, sha256 {change.after.sha256[:12]}…"
    found = "\n".join([head, *_cut(_diff(*_lines(old, new), width), lines)])
    return found if len(found) <= SHOWN_CAP else f"{head}, too long to show"


def size_text(size: int) -> str:
    """A size for people: `812 bytes`, `12 KB`, `3.4 MB`."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size} bytes"
    if size < 1024 * 1024:
        return f"{-(-size // 1024)} KB"
    return f"{size / 1024 / 1024:.1f} MB"


def _size(state: FileState | None) -> str:
    return size_text(state.size) if state else "nothing"


def _sizes(change: Change) -> str:
    return f"{_size(change.before)} → {_size(change.after)}"


def _text(content: bytes | None) -> str | None:
    if content is None or len(content) > TEXT_CAP or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines to compare; the carriage returns stay unless both texts end all lines with one."""
    if all(text.count("\r\n") == text.count("\n") for text in (old, new)):
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    return _split(old), _split(new)


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}\n"]  # no newline at the end; told apart in `_line`


def _diff(old: Sequence[str], new: Sequence[str], width: int | None) -> Iterator[str]:
    for group in _grouped(_opcodes(old, new)):
        first, last = group[0], group[-1]
        yield f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@"
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from (_line(" ", line, width) for line in old[old_from:old_to])
                continue
            yield from (_line("-", line, width) for line in old[old_from:old_to])
            yield from (_line("+", line, width) for line in new[new_from:new_to])


def _span(start: int, end: int) -> str:
    return f"{start + (end > start)},{end - start}"


def _line(sign: str, line: str, width: int | None) -> str:
    if line.endswith("\n"):
        return f"{_line(sign, line[:-1], width)} ⟨no newline at the end⟩"
    return sign + (visible(line) if width is None else clean(line, cap=width))


def _opcodes(old: Sequence[str], new: Sequence[str]) -> _Codes:
    """What stays, goes and comes; the common head and tail are left to no algorithm."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    room = shorter - head
    tail = next((i for i in range(room) if old[-1 - i] != new[-1 - i]), room)
    old_end, new_end = len(old) - tail, len(new) - tail
    middle = [
        (tag, a + head, b + head, c + head, d + head)
        for tag, a, b, c, d in _compared(old[head:old_end], new[head:new_end])
    ]
    codes = [("equal", 0, head, 0, head), *middle]
    codes.append(("equal", old_end, len(old), new_end, len(new)))
    return [code for code in codes if code[2] > code[1] or code[4] > code[3]]


def _compared(old: Sequence[str], new: Sequence[str]) -> _Codes:
    counts = Counter(new)
    work = len(old) + len(new) + sum(counts[line] for line in old)
    if work > _WORK_CAP or not old or not new:
        return [("replace", 0, len(old), 0, len(new))]
    return [*SequenceMatcher(None, old, new, autojunk=False).get_opcodes()]


def _grouped(codes: _Codes) -> Iterator[_Codes]:
    """Groups of changes with `CONTEXT` lines around them."""
    group: _Codes = []
    for index, (tag, a, b, c, d) in enumerate(codes):
        if tag != "equal":
            group.append((tag, a, b, c, d))
            continue
        is_last = index == len(codes) - 1
        if index and b - a > 2 * CONTEXT and not is_last:
            group.append((tag, a, a + CONTEXT, c, c + CONTEXT))
            yield group
            group = [(tag, b - CONTEXT, b, d - CONTEXT, d)]
            continue
        start = 0 if index else max(b - a - CONTEXT, 0)
        end = min(b - a, CONTEXT) if is_last and index else b - a
        group.append((tag, a + start, a + end, c + start, c + end))
    if any(code[0] != "equal" for code in group):
        yield group


def _cut(lines: Iterator[str], cap: int | None) -> Iterator[str]:
    yield from islice(lines, cap)
    if rest := sum(1 for _ in lines):
        yield f"… {rest} more lines" if rest > 1 else "… 1 more line"
