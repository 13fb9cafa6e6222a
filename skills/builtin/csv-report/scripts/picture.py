"""Draws charts as SVG that rsvg-convert turns into pictures; `chart` is for where it lacks."""

from __future__ import annotations

import math
import shutil
import subprocess
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Points = Sequence[tuple[str, float]]

WIDTH, ZOOM, WITHIN_S = 1000, 2, 60
INK, SOFT, GRID, BLUE, RED = "#1f2933", "#5f6c7b", "#e4e7eb", "#2f6fbe", "#c2483d"
FONT = "DejaVu Sans, Liberation Sans, Arial, sans-serif"
LABEL_CHARS, TITLE_CHARS, BAR, TOP = 26, 70, 36, 84


def png(svg: str) -> bytes | None:
    """The picture as a file; None where there is no program for it."""
    if shutil.which("rsvg-convert") is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ["rsvg-convert", "--format", "png", "--zoom", str(ZOOM)],  # noqa: S607 - the container's
            input=svg.encode(), capture_output=True, check=True, timeout=WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def bars_svg(title: str, note: str, bars: Points) -> str:
    """One bar a line, longest value as wide as there is room; negative ones red and to the left."""
    height = TOP + BAR * len(bars) + 24
    low, high = min(0.0, *(v for _, v in bars)), max(0.0, *(v for _, v in bars))
    left, room = 270, WIDTH - 270 - 120
    unit = room / ((high - low) or 1)
    zero = left - low * unit
    return _page(height, title, note, [
        *(_bar(at, bar, zero, unit) for at, bar in enumerate(bars)),
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP - 6}" y2="{height - 20}"'
        f' stroke="{SOFT}"/>',
    ])  # fmt: skip


def _bar(at: int, bar: tuple[str, float], zero: float, unit: float) -> str:
    label, value = bar
    y, length = TOP + BAR * at, max(abs(value) * unit, 1.0)
    x = zero if value >= 0 else zero - length
    end = zero + length if value >= 0 else zero
    return (
        _text(258, y + 20, _cut(label, LABEL_CHARS), anchor="end")
        + f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="{BAR - 10}" rx="3"'
        f' fill="{BLUE if value >= 0 else RED}"/>' + _text(end + 10, y + 19, told(value), SOFT)
    )


def line_svg(title: str, note: str, points: Points) -> str:
    """Values in the order given, on a scale of round numbers, with some of the names below."""
    left, top, width, height = 96, TOP, WIDTH - 96 - 64, 360
    ticks = scale(min(v for _, v in points), max(v for _, v in points))
    low, high = ticks[0], ticks[-1]

    def down(value: float) -> float:
        return top + (high - value) / ((high - low) or 1) * height

    gap = width / max(len(points) - 1, 1)
    spots = [(left + gap * at, down(value)) for at, (_, value) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    base = down(max(low, min(0.0, high)))
    area = f"{left},{base:.1f} {path} {spots[-1][0]:.1f},{base:.1f}"
    return _page(top + height + 60, title, note, [
        *(_rule(left, width, down(tick), tick) for tick in ticks),
        f'<polygon points="{area}" fill="{BLUE}" fill-opacity="0.10"/>',
        f'<polyline points="{path}" fill="none" stroke="{BLUE}" stroke-width="2.5"'
        ' stroke-linejoin="round"/>',
        *(_dot(x, y) for x, y in spots if len(spots) <= 62),
        *_names(points, spots, top + height + 28),
    ])  # fmt: skip


def _rule(left: int, width: int, y: float, value: float) -> str:
    line = f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="{GRID}"/>'
    return line + _text(left - 12, y + 5, told(value), SOFT, anchor="end")


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{BLUE}"/>'


def _names(points: Points, spots: list[tuple[float, float]], y: float) -> Iterator[str]:
    """At most eight names, evenly spread, first and last among them."""
    count = min(len(points), 8)
    wanted = {round(at * (len(points) - 1) / max(count - 1, 1)) for at in range(count)}
    for at in sorted(wanted):
        yield _text(spots[at][0], y, points[at][0], SOFT, anchor="middle")


def scale(low: float, high: float) -> list[float]:
    """Four to seven round numbers that hold both ends; with zero among them where it is near."""
    if low > 0 and low < 0.6 * high:
        low = 0.0
    span = max((high - low) or abs(high) or 1.0, 1e-300)  # a quarter of less may be no number
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [at * step for at in range(first, max(last, first + 1) + 1)]


def told(value: float) -> str:
    """A number for a label: 1,234 or 12.3M."""
    for unit, name in ((1e9, "G"), (1e6, "M")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{name}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _cut(text: str, cap: int) -> str:
    return text if len(text) <= cap else f"{text[: cap - 1]}…"


def _text(x: float, y: float, text: str, color: str = INK, *, anchor: str = "start") -> str:
    clean = "".join(char for char in text if char.isprintable())
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{color}">{escape(clean)}</text>'


def _page(height: int, title: str, note: str, parts: list[str]) -> str:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" font-size="15">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<g font-size="22" font-weight="bold">{_text(28, 38, _cut(title, TITLE_CHARS))}</g>',
        _text(28, 62, _cut(note, 110), SOFT), *parts, "</svg>",
    ])  # fmt: skip
