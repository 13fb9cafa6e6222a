"""Pictures of what a task's browser shows, on their way to the owner.

Threat: the container draws what it likes. A picture is shown beside an approval and never decides
anything; every caption says where it comes from. What is handed on is a JPEG of bounded size, and
nothing here opens it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from typing import TYPE_CHECKING

from core.hygiene import clean
from core.spawn import insist

if TYPE_CHECKING:
    from pathlib import Path

    from core.bus import Bus
    from executors.protocol import Looked
    from executors.slots import Line

JPEG = b"\xff\xd8\xff"
ADDRESS_CAP = 300
EVENT = "look"
ASKING = "What the page looks like now, as its container shows it. Decide by the card."
NOTHING = "There is no picture: {why}."


class Looks:
    """The looks into one task's browser."""

    def __init__(self, bus: Bus, line: Line, *, no: int, folder: Path) -> None:
        self._bus = bus
        self._line = line
        self._no = no
        self._folder = folder

    async def take(self) -> Looked | None:
        """What the browser shows now; None when it does not answer."""
        return await self._line.look()

    async def send(self, found: Looked | None, caption: str) -> None:
        """Hands a picture on to the owner's chat, or says why there is none."""
        picture = picture_of(found)
        if picture is None or found is None:
            why = clean(found.trouble, cap=100) if found and found.trouble else "it does not answer"
            await self._tell("", NOTHING.format(why=why))
            return
        path = self._folder / f"look-{secrets.token_hex(6)}.jpg"
        await asyncio.to_thread(_write, path, picture)
        await self._tell(str(path), f"{caption}\n{address_of(found)}")

    async def _tell(self, path: str, caption: str) -> None:
        fields = {"kind": EVENT, "no": str(self._no), "path": path, "caption": caption}
        await insist(lambda: self._bus.publish("events", **fields))

    async def show(self) -> None:
        """The owner wants to see it now."""
        await self.send(await self.take(), "What the page looks like now.")


def _write(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)


def picture_of(found: Looked | None) -> bytes | None:
    """The picture's bytes; None when there is none, or what came is no JPEG."""
    if found is None or not found.picture:
        return None
    try:
        picture = base64.b64decode(found.picture, validate=True)
    except (binascii.Error, ValueError):
        return None
    return picture if picture.startswith(JPEG) else None


def address_of(found: Looked) -> str:
    """The page's address in the container's word, fit to be shown."""
    return clean(found.address, cap=ADDRESS_CAP) or "no address"
