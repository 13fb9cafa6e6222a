"""Job `picture`: any picture as a small one that a model can see, without its metadata.

    {"path": FILE} → {"data": base64, "media_type", "width", "height", "format", "frames"}

Threat: a picture from a stranger. Only common formats are tried; its size in pixels is read from
the header and refused before anything is decoded; the process has bounded memory and a cage. What
a decoder raises about broken bytes (also what no documentation names) is a broken picture. EXIF
(which may hold the place where it was taken) turns the picture and is then left out, with all other
metadata.
"""

from __future__ import annotations

import base64
import io
import struct
from typing import TYPE_CHECKING, Any

from core.errors import UserFacing

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_CAP = 80_000_000
EDGE = 1568
PNG_CAP = 1_500_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
# Seen from decoders that were given mutated files, and their relatives.
BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, LookupError, RuntimeError, TypeError,
    AttributeError, ArithmeticError, MemoryError, struct.error,
)  # fmt: skip


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Opens, checks, turns, shrinks and writes it anew. Of an animation the first picture."""
    raw = payload["raw"]
    try:
        return _made(raw)
    except BROKEN as error:
        raise UserFacing("The picture is broken.", "Send it again, or as JPEG.") from error


def _made(raw: bytes) -> dict[str, Any]:
    with _open(raw) as image:
        check_size(image.width, image.height)
        kind, frames = str(image.format), getattr(image, "n_frames", 1)
        small = _shrunk(image)
    data, media_type = _written(small, is_drawn=kind in {"PNG", "GIF", "WEBP", "BMP"})
    return {
        "data": base64.b64encode(data).decode(), "media_type": media_type,
        "width": small.width, "height": small.height, "format": kind.lower(), "frames": frames,
    }  # fmt: skip


def check_size(width: int, height: int) -> None:
    """Refuses what would fill the memory when decoded."""
    if width * height > PIXELS_CAP or width < 1 or height < 1:
        raise UserFacing(
            f"The picture is too large: {width} by {height} pixels.",
            f"Send one below {PIXELS_CAP // 1_000_000} megapixels.",
        )


def _open(raw: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # our own bound is checked right after, before decoding
    try:
        return Image.open(io.BytesIO(raw), formats=FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserFacing(
            "This is no picture that can be read.", "JPEG, PNG, WebP, GIF, BMP and AVIF work."
        ) from error


def _shrunk(image: Image) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        image.draft("RGB", (EDGE, EDGE))  # JPEG only: decodes at a fraction of the size
        turned = ImageOps.exif_transpose(image)
        has_alpha = turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info
        small = turned.convert("RGBA" if has_alpha else "RGB")
        small.thumbnail((EDGE, EDGE), Pillow.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        raise UserFacing("The picture is broken.", "Send it again, or as JPEG.") from error
    small.info.clear()
    return small


def _written(image: Image, *, is_drawn: bool) -> tuple[bytes, str]:
    """Drawings and screenshots as PNG when that stays small, everything else as JPEG."""
    from PIL import Image as Pillow

    if is_drawn:
        out = io.BytesIO()
        image.save(out, "PNG", optimize=image.width * image.height < 500_000)
        if out.tell() <= PNG_CAP:
            return out.getvalue(), "image/png"
    if image.mode == "RGBA":
        white = Pillow.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue(), "image/jpeg"
