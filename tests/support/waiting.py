"""Waiting for another process: look again and again, until a deadline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def until(look: Callable[[], T], *, within_s: float = 10.0, what: str = "it") -> T:
    """Returns the first true answer of `look`; fails the test when none comes in time."""
    deadline = time.monotonic() + within_s
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {within_s} s")
        time.sleep(0.02)
    return answer
