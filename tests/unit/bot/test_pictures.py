"""Which files are pictures, and how they go to the owner."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.pictures import (
    ALBUM_BYTES,
    ALBUM_CAP,
    PHOTO_BYTES,
    Shape,
    albums,
    how_shown,
    is_picture,
    read_shape,
    shape_of,
)

if TYPE_CHECKING:
    from pathlib import Path


def picture(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (37, 21), "red").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("GIF", {}), ("WEBP", {}),
     ("WEBP", {"lossless": True}), ("WEBP", {"exif": b"Exif\0\0MM"})],
)  # fmt: skip
def test_the_size_in_pixels_is_read_from_the_header(kind: str, options: dict[str, object]) -> None:
    found = read_shape(picture(kind, **options), 100)
    assert (found.format, found.width, found.height) == (kind.lower(), 37, 21)


BEGINNINGS = (
    b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFFxxxxWEBPVP8X",
    b"RIFFxxxxWEBPVP8L", b"RIFFxxxxWEBPVP8 ",
)  # fmt: skip


@given(st.binary(max_size=64), st.sampled_from(BEGINNINGS))
def test_a_broken_header_is_no_error(rest: bytes, begin: bytes) -> None:
    found = read_shape(begin + rest, 9)
    assert found.size == 9
    assert how_shown(found) in {"photo", "animation", "file"}


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        (Shape(format="png", width=800, height=600, size=9), "photo"),
        (Shape(format="gif", width=800, height=600, size=9), "animation"),
        (Shape(format="other", size=9), "file"),
        (Shape(format="png", width=800, height=600, size=PHOTO_BYTES), "photo"),
        (Shape(format="png", width=800, height=600, size=PHOTO_BYTES + 1), "file"),
        (Shape(format="jpeg", width=5000, height=5000, size=9), "photo"),
        (Shape(format="jpeg", width=5000, height=5001, size=9), "file"),
        (Shape(format="png", width=2000, height=100, size=9), "photo"),
        (Shape(format="png", width=2001, height=100, size=9), "file"),
        (Shape(format="jpeg", width=0, height=0, size=9), "file"),
        (Shape(format="webp", width=9, height=9, size=0), "file"),
    ],
)
def test_what_telegram_does_not_show_goes_as_a_file(shape: Shape, shown: str) -> None:
    assert how_shown(shape) == shown


@given(st.lists(st.integers(0, PHOTO_BYTES), max_size=40))
def test_albums_hold_all_photos_in_order_within_their_bounds(sizes: list[int]) -> None:
    groups = albums(sizes)
    assert [index for group in groups for index in group] == list(range(len(sizes)))
    assert all(0 < len(group) <= ALBUM_CAP for group in groups)
    assert all(sum(sizes[index] for index in group) <= ALBUM_BYTES for group in groups)


@pytest.mark.parametrize(
    ("name", "mime", "expected"),
    [
        ("photo-1.jpg", "image/jpeg", True), ("x.PNG", None, True), ("x.heic", "image/heic", False),
        ("x.png", "text/html", False), ("x.svg", "image/svg+xml", False),
        ("x.webp", "application/octet-stream", True), ("report.pdf", None, False),
    ],
)  # fmt: skip
def test_pictures_are_told_by_their_names(name: str, mime: str | None, expected: bool) -> None:
    assert is_picture(name, mime) is expected


def test_a_file_that_is_gone_is_no_picture(tmp_path: Path) -> None:
    assert shape_of(tmp_path / "gone.png").format == "other"
