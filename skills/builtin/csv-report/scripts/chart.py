"""Draws simple charts as PNG with nothing but the standard library."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Color = tuple[int, int, int]
WHITE, INK, BLUE, GRID = (255, 255, 255), (40, 40, 50), (47, 111, 190), (225, 228, 232)
WIDTH, ROW, MARGIN, SCALE = 900, 34, 20, 3
# Three by five dots a letter: five rows of three bits, each as one octal digit.
_FONT = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11153", "K": "55655", "L": "44447",
    "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25573", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216",
    "4": "55711", "5": "74616", "6": "34757", "7": "71222", "8": "75757", "9": "75716",
    ".": "00002", ",": "00024", ":": "02020", "-": "00700", "+": "02720", "/": "11244",
    "(": "24442", ")": "21112", "%": "51245", "_": "00007", "'": "22000", "&": "25253",
    "#": "57575", "=": "07070", "?": "61202", "!": "22202",
}  # fmt: skip


class Canvas:
    """Pixels in rows, three bytes each."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows = [bytearray(WHITE * width) for _ in range(height)]

    def box(self, x: int, y: int, size: tuple[int, int], color: Color) -> None:
        """A filled rectangle, cut at the edges."""
        left, right = max(x, 0), min(x + size[0], self.width)
        for row in self._rows[max(y, 0) : max(y + size[1], 0)]:
            row[3 * left : 3 * right] = bytes(color) * max(right - left, 0)

    def line(self, start: tuple[int, int], end: tuple[int, int], color: Color) -> None:
        """A line three pixels thick."""
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x = start[0] + (end[0] - start[0]) * step // steps
            y = start[1] + (end[1] - start[1]) * step // steps
            self.box(x - 1, y - 1, (3, 3), color)

    def text(self, x: int, y: int, text: str) -> None:
        """Capital letters; what the font lacks is a question mark."""
        for char in plain(text):
            for down, digit in enumerate(_FONT.get(char, "00000" if char == " " else _FONT["?"])):
                for across in range(3):
                    if int(digit) >> (2 - across) & 1:
                        at = (x + across * SCALE, y + down * SCALE)
                        self.box(*at, (SCALE, SCALE), INK)
            x += 4 * SCALE

    def png(self) -> bytes:
        """The picture as a file."""
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        raw = b"".join(b"\0" + bytes(row) for row in self._rows)
        return (
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", header)
            + _chunk(b"IDAT", zlib.compress(raw, 9))
            + _chunk(b"IEND", b"")
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def plain(text: str) -> str:
    """Capitals without accents."""
    folded = unicodedata.normalize("NFKD", text.upper())
    return "".join(char for char in folded if not unicodedata.combining(char))


def bar_chart(title: str, bars: Sequence[tuple[str, float]]) -> bytes:
    """One bar a line, longest value as wide as there is room; negative ones to the left."""
    canvas = Canvas(WIDTH, MARGIN * 3 + ROW * (len(bars) + 1))
    canvas.text(MARGIN, MARGIN, title[:70])
    low, high = min(0.0, *(v for _, v in bars)), max(0.0, *(v for _, v in bars))
    left, room = 260, WIDTH - 260 - 170
    unit = room / ((high - low) or 1)
    zero = left + round(-low * unit)
    for at, (label, value) in enumerate(bars):
        y = MARGIN * 2 + ROW * (at + 1) - 10
        length = round(abs(value) * unit)
        canvas.text(MARGIN, y + 4, label[:19])
        canvas.box(zero if value >= 0 else zero - length, y, (max(length, 1), ROW - 10), BLUE)
        canvas.text(left + room + 10, y + 4, short(value))
    return canvas.png()


def line_chart(title: str, points: Sequence[tuple[str, float]]) -> bytes:
    """Values in the order given, with the first and the last name below."""
    canvas = Canvas(WIDTH, 420)
    canvas.text(MARGIN, MARGIN, title[:70])
    low, high = min(v for _, v in points), max(v for _, v in points)
    left, top, width, height = 150, 60, WIDTH - 180, 290
    for step in range(5):
        y = top + height * step // 4
        canvas.box(left, y, (width, 2), GRID)
        canvas.text(MARGIN, y - 7, short(high - (high - low) * step / 4))
    gap = max(len(points) - 1, 1)
    spots = [
        (left + width * at // gap, top + round((high - value) / ((high - low) or 1) * height))
        for at, (_, value) in enumerate(points)
    ]
    for start, end in zip(spots, spots[1:] or spots, strict=False):
        canvas.line(start, end, BLUE)
    canvas.text(left, 375, points[0][0])
    last = points[-1][0]
    canvas.text(left + width - len(last) * 4 * SCALE, 375, last)
    return canvas.png()


def short(value: float) -> str:
    """A number in few signs: 12.3M, 4.5k, 0.25."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= unit:
            return f"{value / (1e3 if name == 'k' else unit):.4g}{name}"
    return f"{value:.5g}"
