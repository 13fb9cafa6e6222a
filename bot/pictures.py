"""Which files are pictures, and which of them Telegram shows as photos. Pure but for `shape_of`.

Source: the Bot API's `sendPhoto`: at most 10 MB, width and height at most 10,000 together, and at
most 20 times as wide as high or the other way round. What does not fit goes as a file, whole.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"})
PHOTO_BYTES = 10 * 1024 * 1024
PHOTO_EDGES = 10_000
PHOTO_RATIO = 20
ALBUM_CAP = 10
ALBUM_BYTES = 40 * 1024 * 1024  # the Bot API takes 50 MB in one request
HEAD_BYTES = 256 * 1024

Shown = Literal["photo", "animation", "file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What the first bytes of a file tell: its format and size in pixels, and its bytes."""

    format: Literal["png", "jpeg", "webp", "gif", "other"]
    width: int = 0
    height: int = 0
    size: int = 0


def is_picture(name: str, mime: str | None) -> bool:
    """Whether a file that was sent may be shown to a model; only its names are looked at."""
    if mime is not None and mime.startswith("image/"):
        return mime.partition("/")[2] in {"png", "jpeg", "jpg", "webp", "gif", "bmp", "avif"}
    return mime in {None, "application/octet-stream"} and PurePath(name).suffix.lower() in ENDINGS


def how_shown(shape: Shape) -> Shown:
    """How a picture goes to the owner."""
    if shape.format == "other" or not 0 < shape.size <= PHOTO_BYTES:
        return "file"
    if shape.format == "gif":
        return "animation"
    if min(shape.width, shape.height) < 1 or shape.width + shape.height > PHOTO_EDGES:
        return "file"
    longer, shorter = max(shape.width, shape.height), min(shape.width, shape.height)
    return "photo" if longer <= PHOTO_RATIO * shorter else "file"


def albums(sizes: Iterable[int]) -> list[list[int]]:
    """Groups photos, given by their sizes in bytes, into albums; a group of one is a photo."""
    groups: list[list[int]] = []
    room = 0
    for index, size in enumerate(sizes):
        if not groups or len(groups[-1]) == ALBUM_CAP or size > room:
            groups.append([])
            room = ALBUM_BYTES
        groups[-1].append(index)
        room -= size
    return groups


def shape_of(path: Path) -> Shape:
    """Looks at a file; one that cannot be read, or is no picture, is `other`. Blocks."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return read_shape(head, path.stat().st_size)
    except OSError:
        return Shape(format="other")


def read_shape(head: bytes, size: int) -> Shape:
    """The format and the size in pixels from the beginning of a file."""
    try:
        match head:
            case _ if head.startswith(b"\x89PNG\r\n\x1a\n"):
                width, height = struct.unpack(">II", head[16:24])
                return Shape(format="png", width=width, height=height, size=size)
            case _ if head.startswith((b"GIF87a", b"GIF89a")):
                width, height = struct.unpack("<HH", head[6:10])
                return Shape(format="gif", width=width, height=height, size=size)
            case _ if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
                width, height = _webp(head)
                return Shape(format="webp", width=width, height=height, size=size)
            case _ if head.startswith(b"\xff\xd8\xff"):
                width, height = _jpeg(head)
                return Shape(format="jpeg", width=width, height=height, size=size)
    except (struct.error, IndexError):
        pass  # cut off in the middle of its header
    return Shape(format="other", size=size)


def _webp(head: bytes) -> tuple[int, int]:
    """Source: RFC 9649, the three kinds of a first chunk."""
    match head[12:16]:
        case b"VP8X":
            return (
                1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
            )  # fmt: skip
        case b"VP8L":
            (bits,) = struct.unpack("<I", head[21:25])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            width, height = struct.unpack("<HH", head[26:30])
            return width & 0x3FFF, height & 0x3FFF


def _jpeg(head: bytes) -> tuple[int, int]:
    """Walks the segments to the frame header (ITU T.81, B.2.2); 0 by 0 when it is not found."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        (length,) = struct.unpack(">H", head[at + 2 : at + 4])
        at += 2 + length
    return 0, 0
