"""Values out of what Telegram sends, whatever is there: each reader takes anything.

Threat: somebody else wrote all of this, and it is to stand in a line of ours. So a text becomes one
line, without the brackets that would end ours, with all that hides made visible. Pure, and total.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from core.hygiene import clean

Part: TypeAlias = Mapping[str, object]

LINE_CAP = 600
WORDS_CAP = 160
_NO_BRACKETS = str.maketrans("[]", "()")


def part(value: object) -> Part:
    """An object; empty for anything else."""
    return value if isinstance(value, dict) else {}


def words(value: object, cap: int = WORDS_CAP) -> str:
    """A text in one line, without brackets and with nothing hidden; empty for anything else."""
    if not isinstance(value, str):
        return ""
    return clean(" ".join(value[: cap * 4].split()), cap=cap).translate(_NO_BRACKETS)


def number(value: object, low: float, high: float) -> float | None:
    """A number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def whole(value: object, cap: int = 2**53) -> int | None:
    """A whole number from 0 to `cap`."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value <= cap else None  # type: ignore[operator, return-value] # seen above


def line(text: str) -> str:
    """A line of ours around words that were made safe before."""
    return f"[{text if len(text) <= LINE_CAP else text[:LINE_CAP] + '…'}]"
