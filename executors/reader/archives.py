"""Office files and e-books are zip archives: what they would unpack to is known beforehand.

Threat: a small file that unpacks to gigabytes, or into more entries than memory can list.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from executors.reader.reasons import BOMB, BROKEN, ENCRYPTED, CannotRead

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 400 * 1024 * 1024
MOST_ENTRIES = 20_000
MOST_RATIO = 200  # where it matters: of an entry beyond `FREE_BYTES`
FREE_BYTES = 20 * 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an encrypted .docx is one of these


def check_archive(path: Path) -> None:
    """Raises `CannotRead` for what must not be opened."""
    with path.open("rb") as file:
        if file.read(8) == OLE:
            raise CannotRead(ENCRYPTED)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise CannotRead(BROKEN) from error
    if any(entry.flag_bits & 1 for entry in entries):
        raise CannotRead(ENCRYPTED)
    total = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    if len(entries) > MOST_ENTRIES or total > MOST_BYTES:
        raise CannotRead(BOMB)
    if total > FREE_BYTES and total / packed > MOST_RATIO:
        raise CannotRead(BOMB)
