"""What /files shows: folders, pages of files, one file, and the question before a deletion. Pure.

    f:o:HASH:2   a folder's page          f:s:HASH   one file's card
    f:g:HASH     send it                  f:d:HASH   ask whether to delete it
    f:x:0, f:x:1 delete, keep: what stands on the card is in its payload, not in the button

A hash stands for a path, since a button's data holds 64 bytes; one that fits no file is too old.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.approval_cards import shown
from bot.cards import Card, short
from bot.render import compose
from core.workspace import FileState
from core.workspace.diff import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.workspace import Entry

PAGE = 8
FOUND_CAP = 24
HASH_CHARS = 16
KEEP = "keep"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deletion:
    """What a card asks about: exactly this content under this name, until then (epoch seconds)."""

    path: str
    state: FileState
    until: float

    def to_text(self) -> str:
        """As it stands in the card's payload."""
        return json.dumps([self.path, self.state.size, self.state.sha256, self.until])


def read_deletion(text: str) -> Deletion | None:
    """Reads what `to_text` wrote; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match found:
        case [str(path), int(size), str(sha256), int() | float() as until]:
            return Deletion(path=path, state=FileState(size=size, sha256=sha256), until=until)
    return None


def name_hash(path: str) -> str:
    """What stands for a path in a button."""
    return hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()[:HASH_CHARS]


def folders_of(found: Sequence[Entry]) -> list[str]:
    """All folders that hold a file, by path; the top is the empty one."""
    folders = {""}
    for entry in found:
        parts = entry.path.split("/")[:-1]
        folders |= {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return sorted(folders)


def folder_card(found: Sequence[Entry], folder: str, page: int = 0) -> Card:
    """One page of a folder: its folders first, then its newest files."""
    if not found:
        return Card(piece=compose("You have no files yet. What you send me and what tasks leave in "
                                  "their folder `files` comes here."))  # fmt: skip
    prefix = f"{folder}/" if folder else ""
    inside = [entry for entry in found if entry.path.startswith(prefix)]
    below = sorted(
        {e.path[len(prefix) :].split("/")[0] for e in inside if "/" in e.path[len(prefix) :]}
    )
    files = sorted(
        (e for e in inside if "/" not in e.path[len(prefix) :]),
        key=lambda e: e.modified,
        reverse=True,
    )
    rows: list[str | Entry] = [*below, *files]
    page = min(max(page, 0), max(0, (len(rows) - 1) // PAGE))
    title = f"{shown(folder, 100)}: {len(inside)}" if folder else f"Your files: {len(found)}"
    parts: list[str | tuple[str, str]] = [("bold", title), "\n"]
    keys: list[tuple[tuple[str, str], ...]] = []
    for row in rows[page * PAGE : (page + 1) * PAGE]:
        if isinstance(row, str):
            count = sum(e.path.startswith(f"{prefix}{row}/") for e in inside)
            parts += ["\n", ("bold", f"{shown(row, 80)}/"), f" · {count}"]
            keys.append(((f"{short(shown(row, 60), 50)}/", f"f:o:{name_hash(prefix + row)}:0"),))
        else:
            parts += _facts(row)
            name = short(shown(row.path.rpartition("/")[2], 60), 50)
            keys.append(((name, f"f:s:{name_hash(row.path)}"),))
    keys += _turning(folder, page, count=len(rows))
    parts.append("\n\n/files find WORDS, /files get NAME, /files delete NAME")
    return Card(piece=compose(*parts), keys=tuple(keys))


def _turning(folder: str, page: int, *, count: int) -> list[tuple[tuple[str, str], ...]]:
    """The row that leads to other pages and upwards."""
    row = []
    if folder:
        row.append(("Up", f"f:o:{name_hash(folder.rpartition('/')[0])}:0"))
    if page > 0:
        row.append(("Back", f"f:o:{name_hash(folder)}:{page - 1}"))
    if (page + 1) * PAGE < count:
        row.append(("More", f"f:o:{name_hash(folder)}:{page + 1}"))
    return [tuple(row)] if row else []


def found_card(found: Sequence[Entry], words: str) -> Card:
    """The files whose paths hold all words, newest first."""
    wanted = words.casefold().split()
    hits = [e for e in found if all(word in e.path.casefold() for word in wanted)]
    if not hits:
        return Card(piece=compose(f"No file's name holds {shown(words)}."))
    newest = sorted(hits, key=lambda entry: entry.modified, reverse=True)
    parts: list[str | tuple[str, str]] = [("bold", f"Found: {len(hits)}"), "\n"]
    for entry in newest[:FOUND_CAP]:
        parts += _facts(entry)
    if len(hits) > FOUND_CAP:
        parts.append(f"\n… and {len(hits) - FOUND_CAP} more. More words find fewer.")
    keys = tuple(
        ((short(shown(e.path, 60), 50), f"f:s:{name_hash(e.path)}"),) for e in newest[:PAGE]
    )
    return Card(piece=compose(*parts), keys=keys)


def _facts(entry: Entry) -> list[str | tuple[str, str]]:
    facts = f" · {size_text(entry.size)} · {entry.modified:%d %b %H:%M}"
    return ["\n", ("code", shown(entry.path, 120)), facts]


def file_card(entry: Entry) -> Card:
    """One file, and what can be done with it."""
    mark = name_hash(entry.path)
    up = name_hash(entry.path.rpartition("/")[0])
    keys = ((("Send", f"f:g:{mark}"), ("Delete", f"f:d:{mark}")), (("Back", f"f:o:{up}:0"),))
    return Card(piece=compose(*_facts(entry)[1:]), keys=keys)


def deletion_card(wanted: Deletion) -> Card:
    """The question: what exactly would go."""
    facts = f"\n{wanted.state.size:,} bytes\nSHA-256 {wanted.state.sha256}"
    piece = compose(
        ("bold", "Delete this file?"), "\n", ("code", shown(wanted.path)), facts,
        "\n\nAsked once, for 15 minutes. /undo brings it back afterwards.",
    )  # fmt: skip
    return Card(piece=piece, keys=((("Delete it", "f:x:0"), ("Keep it", "f:x:1")),))
