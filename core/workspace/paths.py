"""Which paths a workspace knows: one spelling for each file, and nothing hidden in it.

Threat: a task names a file so that the owner approves another one than they read (reversed order,
invisible characters, two spellings of one letter), or so that it lands outside the folder.
"""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.hygiene import clean, is_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPTH_CAP = 20
NAME_CAP = 255
PATH_CAP = 1024
OWN = ".agentai"
RESERVED = "the name is kept for AgentAI"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def refusal(path: str) -> str | None:
    """Why a path cannot be one of a workspace, in words; None if it can."""
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return "the name leads out of the folder"
    if not is_plain(path) or any(unicodedata.category(char) in _HIDDEN for char in path):
        return "the name holds hidden characters"
    if unicodedata.normalize("NFC", path) != path:
        return "the name is not in the usual Unicode form (NFC)"
    if any(is_reserved(part) for part in parts):
        return RESERVED
    return _shape(path, parts)


def _shape(path: str, parts: list[str]) -> str | None:
    if any(part != part.strip() for part in parts):
        return "the name begins or ends with a space"
    if len(parts) > DEPTH_CAP:
        return f"it lies more than {DEPTH_CAP} folders deep"
    if max(len(part.encode()) for part in parts) > NAME_CAP or len(path.encode()) > PATH_CAP:
        return "the name is too long"
    return None


def is_reserved(name: str) -> bool:
    """Whether a name is AgentAI's own, also on disks that ignore case."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return folded == OWN or folded.startswith(f"{OWN}-")


def checked(path: str) -> str:
    """The path itself; raises UserFacing if it is refused."""
    if why := refusal(path):
        raise UserFacing(f"{shown(path)} is not a file of yours: {why}.")
    return path


def shown(path: str) -> str:
    """A path for a person: nothing hides in it, it has one line and 200 characters at most."""
    return clean(path.replace("\n", "⟨U+000A⟩"), cap=200)


def above(path: str) -> list[str]:
    """The folders that hold a path, outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def matches(path: str, globs: Sequence[str]) -> bool:
    """Whether any glob matches; `*` crosses folders, as in the grants of `core.policy`."""
    return any(fnmatchcase(path, glob) for glob in globs)
