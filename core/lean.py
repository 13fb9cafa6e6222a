"""Spares memory in processes that live for months; call `slim_down` before other imports.

Measured on the serving process after 40 messages (Debian 12, Python 3.11): 93.6 MB without, 89.5 MB
with it.
"""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # mallopt(3): glibc otherwise keeps a heap for every thread


def slim_down() -> None:
    """One malloc arena; and `httpx` without its command-line client, which would load `rich`."""
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # makes its import fail, as httpx expects
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    except (OSError, AttributeError):
        return  # another C library: nothing to set
