"""What a workspace is made of: states of files, changes, and what came of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.errors import Bug

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Kind = Literal["new", "changed", "deleted"]
Refused = tuple[tuple[str, str], ...]

THE_OWNER = 0  # in place of a task's number: what the owner did by a command
RECEIVED = -1  # what the owner sent; a plain /undo passes it by

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileState:
    """The content of a file: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One file that is new, changed or deleted; `before` or `after` is None where it is absent."""

    path: str
    before: FileState | None
    after: FileState | None

    def __post_init__(self) -> None:
        if self.before == self.after:
            raise Bug(f"no change of {self.path!r}")

    @property
    def kind(self) -> Kind:
        """What happens to the file."""
        if self.before is None:
            return "new"
        return "changed" if self.after is not None else "deleted"

    def inverse(self) -> Change:
        """The change that takes this one back."""
        return Change(path=self.path, before=self.after, after=self.before)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """All changes of a task, by path, and what was refused as (path made visible, reason)."""

    items: tuple[Change, ...] = ()
    refused: Refused = ()

    def digests(self) -> dict[str, str | None]:
        """SHA-256 of each path afterwards, None for a deletion: what an approval is bound to."""
        return {c.path: c.after.sha256 if c.after else None for c in self.items}

    def of(self, *kinds: Kind) -> Changes:
        """Only the changes of these kinds: new files need no approval, others do."""
        return Changes(items=tuple(c for c in self.items if c.kind in kinds), refused=self.refused)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file of the owner; the size is in bytes."""

    path: str
    size: int
    modified: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much a task may take in or hand back; what `without` matches is never copied in."""

    max_files: int = 2_000
    max_bytes: int = 200 * 1024 * 1024
    without: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """What a task was given; the base against which its changes are told."""

    base: Mapping[str, FileState]
    left_out: Refused = ()

    def to_json(self) -> str:
        """The base and what was left out, as text for the database."""
        base = {path: state_to_json(state) for path, state in self.base.items()}
        return json.dumps({"base": base, "left_out": self.left_out})

    @classmethod
    def from_json(cls, text: str) -> Copied:
        """Reads what `to_json` wrote; raises Bug for anything else."""
        try:
            found = json.loads(text)
            base = {str(path): _state(pair) for path, pair in found["base"].items()}
            left_out = tuple((str(path), str(why)) for path, why in found["left_out"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Bug("the base of a workspace cannot be read") from error
        return cls(base=base, left_out=left_out)


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoResult:
    """The commit that was taken back, by which new commit, and the files that changed for it."""

    commit_id: str
    undone: str
    task: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """What became of a commit that was cut off; `kept` lists files the owner changed meanwhile."""

    commit_id: str
    task: int
    outcome: Literal["finished", "taken back", "left"]
    kept: tuple[str, ...] = ()


def state_to_json(state: FileState | None) -> list[int | str] | None:
    """A state as a short list."""
    return None if state is None else [state.size, state.sha256]


def state_from_json(value: object) -> FileState | None:
    """Reads what `state_to_json` wrote; raises ValueError for anything else."""
    return None if value is None else _state(value)


def _state(value: object) -> FileState:
    match value:
        case [int(size), str(sha256)] if size >= 0 and _SHA256.fullmatch(sha256):
            return FileState(size=size, sha256=sha256)
    raise ValueError("not the state of a file")
