"""Whether this machine can speak by itself, without loading the library that does.

The heavy process loads it (`coordinator.heavy.speak_here`) and is the judge; this is a cheap look
at the loader's own list, for a card that says what to install.
"""

from __future__ import annotations

import os
from pathlib import Path

LOADER_LIST = Path("/etc/ld.so.cache")
LIBRARY = "libflite.so.1"
INSTALL = (
    "This machine has no voice yet. On the server (Debian, Ubuntu): apt-get install libflite1. "
    "Until then every answer is text."
)


def has_voice(listed: Path = LOADER_LIST, *, more: str | None = None) -> bool:
    """False only when the library surely is not there.

    `more` lists folders that are searched besides, by default those of LD_LIBRARY_PATH.
    """
    folders = os.environ.get("LD_LIBRARY_PATH", "") if more is None else more
    if any((Path(folder) / LIBRARY).exists() for folder in folders.split(":") if folder):
        return True
    try:
        return LIBRARY.encode() in listed.read_bytes()
    except OSError:
        return True  # another kind of loader: only trying it can tell
