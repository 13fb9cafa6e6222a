"""Spares memory in processes that live for months; call `slim_down` before other imports.

Libraries load whole others for the sake of parts that nobody here uses. Each says in its own code
that it works without them, so they are told that these are not there: `httpx` its command-line
client (which would load `rich`), `openai` its second web client (aiohttp and six more, 8 MB),
`telegram` the decryption of passports (`cryptography`, 7 MB; we load that when we seal or open).

Measured on the serving process, idle with a model (Debian 12, Python 3.11): 89 MB without the last
two, 78 MB with them.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_M_ARENA_MAX = -8  # mallopt(3): glibc otherwise keeps a heap for every thread
NEVER_USED = ("httpx._main", "openai._vendor.httpx_aiohttp")


def slim_down() -> None:
    """One malloc arena; and what no process of ours uses cannot be imported."""
    for name in NEVER_USED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # what an import then meets
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    except (OSError, AttributeError):
        return  # another C library: nothing to set


def settle() -> None:
    """What was made so far stays for good: the collector need not look at it again.

    Looking at all of the serving process takes 70 ms, in which nobody is answered.
    """
    gc.freeze()


@contextmanager
def without(name: str) -> Iterator[None]:
    """Inside, whoever imports `name` finds it missing, unless it is loaded already.

    For imports at the top of a module only: nothing else may run meanwhile.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # what an import then meets
    try:
        yield
    finally:
        del sys.modules[name]
