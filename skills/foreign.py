"""Keys of other products that skills carry: read as far as they are of use. They grant nothing.

OpenClaw and its relatives put theirs below `metadata`, under the product's name. Shapes vary in the
wild, so whatever does not fit is left out instead of refused. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.hygiene import clean
from skills.types import Requires

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACES = ("agentai", "openclaw", "clawdbot", "moltbot", "nanobot")
FOREIGN_KEYS = {
    "version", "author", "tags", "category", "argument-hint", "model", "context", "agent", "hooks",
    "command-arg-mode", "command-description", "emoji", "always", "requires", "install", "os",
    "primaryEnv", "skillKey", "triggers", "slug", "title", "read_when", "keywords", "languages",
}  # fmt: skip
_ITEMS_CAP = 50
_WORD = re.compile(r"[^\s,]+(?:\([^)]*\))?")


def foreign_of(values: Mapping[str, object]) -> Mapping[str, object]:
    """The other product's keys, those at the top first."""
    metadata = _mapping(values.get("metadata"))
    spaces = [_mapping(metadata.get(name)) for name in NAMESPACES if metadata.get(name)]
    merged: dict[str, object] = {}
    for space in (values, *spaces):
        for key, value in space.items():
            merged.setdefault(key, value)
    return merged


def requires_of(foreign: Mapping[str, object]) -> Requires:
    """What the skill says it needs around it."""
    needs = _mapping(foreign.get("requires"))
    return Requires(
        bins=words_of(needs.get("bins")),
        any_bins=words_of(needs.get("anyBins")),
        env=words_of(needs.get("env")),
        os=words_of(foreign.get("os")),
    )


def words_of(value: object) -> tuple[str, ...]:
    """A list of texts, or the words of one text; visible, and not too many."""
    items = _WORD.findall(value[:5000]) if isinstance(value, str) else value
    if not isinstance(items, list):
        return ()
    texts = (item for item in items if isinstance(item, str))
    return tuple(line_of(item) for item in texts)[:_ITEMS_CAP]


def line_of(value: object, cap: int = 300) -> str:
    """A value as one visible line."""
    return clean(" ".join(str(value).split()), cap=cap) if isinstance(value, str | int) else ""


def flag_of(value: object, *, default: bool) -> bool:
    """A boolean, or the word for one."""
    if isinstance(value, str):
        return value.strip().lower() in {"true", "yes", "on"}
    return value if isinstance(value, bool) else default


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
