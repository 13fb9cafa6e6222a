"""Pictures of any kind, made small and without metadata."""

import base64
import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from coordinator.heavy.picture import EDGE, PIXELS_CAP, check_size, run
from core.errors import UserFacing


def saved(image: Image.Image, path: Path, kind: str, **options: Any) -> dict[str, Any]:
    image.save(path, kind, **options)
    return run({"raw": path.read_bytes()})


def opened(result: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(result["data"])))


@pytest.mark.parametrize(
    ("kind", "mode", "media_type"),
    [
        ("JPEG", "RGB", "image/jpeg"), ("JPEG", "L", "image/jpeg"), ("JPEG", "CMYK", "image/jpeg"),
        ("PNG", "RGBA", "image/png"), ("PNG", "P", "image/png"), ("PNG", "I;16", "image/png"),
        ("PNG", "1", "image/png"), ("WEBP", "RGBA", "image/png"), ("GIF", "P", "image/png"),
        ("BMP", "RGB", "image/png"), ("AVIF", "RGB", "image/jpeg"),
    ],
)  # fmt: skip
def test_common_pictures_are_read(kind: str, mode: str, media_type: str, tmp_path: Path) -> None:
    result = saved(Image.new(mode, (200, 100)), tmp_path / "a", kind)
    assert result["media_type"] == media_type
    assert (result["width"], result["height"], result["format"]) == (200, 100, kind.lower())
    assert opened(result).size == (200, 100)


def test_a_large_picture_becomes_small_and_keeps_its_shape(tmp_path: Path) -> None:
    result = saved(Image.new("RGB", (4000, 1000), "red"), tmp_path / "a", "JPEG")
    assert (result["width"], result["height"]) == (EDGE, EDGE // 4)


def test_a_small_picture_is_not_made_larger(tmp_path: Path) -> None:
    assert saved(Image.new("RGB", (3, 5)), tmp_path / "a", "PNG")["height"] == 5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_turns_the_picture_and_is_gone(kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned
    exif[0x010F] = "SECRET-CAMERA"
    exif.get_ifd(0x8825)[1] = "N"  # where
    options = {"comment": b"SECRET-COMMENT"} if kind == "JPEG" else {}
    result = saved(Image.new("RGB", (200, 100)), tmp_path / "a", kind, exif=exif, **options)
    assert (result["width"], result["height"]) == (100, 200)
    raw = base64.b64decode(result["data"])
    assert b"SECRET" not in raw
    assert not opened(result).getexif()


def test_text_in_a_png_is_gone(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_text("Author", "SECRET-NAME")
    result = saved(Image.new("RGB", (9, 9)), tmp_path / "a", "PNG", pnginfo=words)
    assert b"SECRET" not in base64.b64decode(result["data"])


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "green", "blue")]
    result = saved(frames[0], tmp_path / "a", "GIF", save_all=True, append_images=frames[1:])
    assert result["frames"] == 3
    assert opened(result).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_noise_with_transparency_becomes_a_jpeg_on_white(tmp_path: Path) -> None:
    noise = Image.effect_noise((1568, 1568), 200).convert("RGBA")
    noise.putalpha(0)
    result = saved(noise, tmp_path / "a", "PNG", compress_level=1)
    small = opened(result)
    if result["media_type"] == "image/jpeg":
        assert small.getpixel((5, 5)) == (255, 255, 255)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(UserFacing, match="60000 by 60000"):
        run({"raw": bomb(60_000, 60_000)})


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"<svg onload='x'/>", b"GIF89a",
            b"%!PS-Adobe-3.0 EPSF-3.0\n", bomb(100, 100)],
)  # fmt: skip
def test_what_is_no_picture_or_broken_is_told(raw: bytes) -> None:
    with pytest.raises(UserFacing):
        run({"raw": raw})


@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP"]))
def test_damage_anywhere_is_read_or_told(noise: bytes, kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "green").save(out, kind)
    raw = bytearray(out.getvalue())
    for at, value in enumerate(noise):
        raw[(at * 31 + value) % len(raw)] = value
    with suppress(UserFacing):
        assert run({"raw": bytes(raw)})["width"] >= 1


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [(1, 1, True), (PIXELS_CAP, 1, True), (PIXELS_CAP, 2, False), (0, 5, False)],
)
def test_the_bound_on_pixels(width: int, height: int, *, fits: bool) -> None:
    if fits:
        check_size(width, height)
        return
    with pytest.raises(UserFacing):
        check_size(width, height)
