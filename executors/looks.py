"""Pictures of what a task's browser shows, on their way to the owner.

Threat: the container draws and writes what it likes. A picture is shown beside an approval and
never decides anything; every caption says where it comes from, and what the container says about
itself stands in quotation marks. A page that asks for a hundred things at once would bury the cards
in pictures: one picture stands for all that is asked within a moment. What is handed on is a JPEG
of bounded size, and nothing here opens it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import secrets
import time
from typing import TYPE_CHECKING

from core.hygiene import clean
from core.spawn import insist

if TYPE_CHECKING:
    from pathlib import Path

    from core.bus import Bus
    from executors.protocol import Looked
    from executors.slots import Line

log = logging.getLogger(__name__)

JPEG = b"\xff\xd8\xff"
ADDRESS_CAP = 300
EVENT = "look"
ASKING = "What the page looks like now, as its container shows it. Decide by the card."
WANTED = "What the page looks like now. Its container drew this picture."
SILENT = "There is no picture: the browser does not answer."
NOTHING = "There is no picture. Its container says: “{why}”."
UNKEPT = "There is no picture: it could not be stored. The disk may be full."
PAUSE_S = 3.0


class Looks:
    """The looks into one task's browser."""

    def __init__(self, bus: Bus, line: Line, *, no: int, folder: Path) -> None:
        self._bus = bus
        self._line = line
        self._no = no
        self._folder = folder
        self._one = asyncio.Lock()
        self._last: tuple[float, Looked | None] | None = None

    async def take(self) -> Looked | None:
        """What the browser shows now; None when it does not answer."""
        return await self._line.look()

    async def beside_card(self) -> Looked | None:
        """What the browser shows while a card is made; a picture goes first, unless one just did.

        Several at once share one look, so the page waits no longer for many cards than for one.
        """
        async with self._one:
            if self._last is not None and time.monotonic() - self._last[0] < PAUSE_S:
                return self._last[1]
            found = await self.take()
            await self.send(found, ASKING)
            self._last = (time.monotonic(), found)
            return found

    async def send(self, found: Looked | None, caption: str) -> None:
        """Hands a picture on to the owner's chat, or says why there is none."""
        picture = picture_of(found)
        if found is None or picture is None:
            trouble = clean(found.trouble, cap=100) if found is not None else ""
            await self._tell(
                "", NOTHING.format(why=" ".join(trouble.split())) if trouble else SILENT
            )
            return
        path = self._folder / f"look-{secrets.token_hex(6)}.jpg"
        try:
            await asyncio.to_thread(_write, path, picture)
        except OSError as error:  # a full disk must not cut the request that is asked about
            log.warning("a picture could not be kept: %s", error)
            await self._tell("", UNKEPT)
            return
        await self._tell(str(path), f"{caption}\n{address_of(found)}")

    async def _tell(self, path: str, caption: str) -> None:
        fields = {"kind": EVENT, "no": str(self._no), "path": path, "caption": caption}
        await insist(lambda: self._bus.publish("events", **fields))

    async def show(self) -> None:
        """The owner wants to see it now."""
        await self.send(await self.take(), WANTED)


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
    """The page's address in the container's word, fit to be shown.

    An address has no spaces and no line ends; what follows one would look like a field of ours.
    """
    return "%20".join(clean(found.address, cap=ADDRESS_CAP).split()) or "no address"
