"""Writes a report with charts from a table.

report.py TABLE [--out FOLDER] [--group COLUMN] [--value COLUMN]
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from chart import bar_chart, line_chart  # noqa: E402 - lies beside this script
from picture import bars_svg, line_svg, png  # noqa: E402
from table import Table, date_of, excel_date, number_of, read_table  # noqa: E402

if TYPE_CHECKING:
    from datetime import date

BARS = 15
POINTS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """What a column holds; `numbers` and `dates` are as long as the table."""

    name: str
    texts: list[str]
    numbers: list[float | None]
    dates: list[date | None]

    @property
    def filled(self) -> int:
        """How many cells hold something."""
        return sum(bool(text) for text in self.texts)

    @property
    def kind(self) -> str:
        """date, number or text, by what most cells hold."""
        if not self.filled:
            return "empty"
        if sum(d is not None for d in self.dates) >= 0.8 * self.filled:
            return "date"
        count = sum(n is not None for n in self.numbers)
        return "number" if count >= 0.8 * self.filled else "text"


def columns_of(table: Table) -> list[Column]:
    """Every column with its cells read as numbers and dates."""
    return [_column(name, table.column(name)) for name in table.names]


def _column(name: str, texts: list[str]) -> Column:
    numbers = [number_of(text) for text in texts]
    dates = [date_of(text) for text in texts]
    if name.lower() in {"date", "day", "datum", "month"} and not any(dates):
        dates = [excel_date(n) if n and 20_000 < n < 80_000 else None for n in numbers]
    return Column(name=name, texts=texts, numbers=numbers, dates=dates)


def overview(columns: list[Column]) -> list[str]:
    """A table of all columns."""
    lines = ["| column | kind | filled | sum | mean | lowest | highest |", "|---" * 7 + "|"]
    for column in columns:
        found = [n for n in column.numbers if n is not None]
        figures = ["", "", "", ""]
        if column.kind == "number":
            figures = [
                figure(math.fsum(found)), figure(statistics.fmean(found)),
                figure(min(found)), figure(max(found)),
            ]  # fmt: skip
        name = column.name.replace("|", "/")
        lines.append(f"| {name} | {column.kind} | {column.filled} | {' | '.join(figures)} |")
    return lines


def figure(value: float) -> str:
    """A number with as many digits as it needs."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def groups(group: Column, value: Column) -> list[tuple[str, float]]:
    """The sum of a value for each text, largest first."""
    sums: dict[str, list[float]] = {}
    for text, number in zip(group.texts, value.numbers, strict=True):
        if number is not None:
            sums.setdefault(text or "(empty)", []).append(number)
    added = [(text, math.fsum(numbers)) for text, numbers in sums.items()]
    return sorted(added, key=lambda each: (-each[1], each[0]))


def by_day(day: Column, value: Column) -> list[tuple[str, float]]:
    """The sum of a value for each date, in order; by month if there are many days."""
    days = [d for d in day.dates if d is not None]
    length = 10 if len(set(days)) <= 62 else 7
    sums: dict[str, float] = {}
    for when, number in zip(day.dates, value.numbers, strict=True):
        if when is not None and number is not None:
            key = when.isoformat()[:length]
            sums[key] = sums.get(key, 0.0) + number
    return sorted(sums.items())[:POINTS]


def odd(table: Table, columns: list[Column]) -> list[str]:
    """What a reader should look at twice."""
    lines = []
    twice = len(table.rows) - len({tuple(row) for row in table.rows})
    if twice:
        lines.append(f"- {twice} rows stand there more than once.")
    for column in columns:
        if missing := len(column.texts) - column.filled:
            lines.append(f"- {column.name}: {missing} of {len(column.texts)} cells are empty.")
        if column.kind == "number":
            lines += outliers(column)
    return lines or ["- Nothing."]


def outliers(column: Column) -> list[str]:
    """Values far outside the middle half (Tukey's fences, three times as wide as the half)."""
    found = sorted(n for n in column.numbers if n is not None)
    bad = [t for t, n in zip(column.texts, column.numbers, strict=True) if t and n is None]
    lines = [f"- {column.name}: no number in {', '.join(map(repr, bad[:5]))}."] if bad else []
    if len(found) < 8:
        return lines
    low, _, high = statistics.quantiles(found, n=4)
    far = [n for n in found if n < low - 3 * (high - low) or n > high + 3 * (high - low)]
    if far and high > low:
        lines.append(f"- {column.name}: far from the rest: {', '.join(map(figure, far[:5]))}.")
    return lines


def choose(columns: list[Column], wanted: str | None, kind: str) -> Column | None:
    """The column that was named, or the most telling one of a kind."""
    if wanted is not None:
        found = [c for c in columns if c.name.casefold() == wanted.casefold()]
        if not found:
            names = ", ".join(c.name for c in columns)
            raise ValueError(f"there is no column {wanted!r}; there are {names}")
        return found[0]
    fitting = [c for c in columns if c.kind == kind]
    if kind == "text":
        fitting = [c for c in fitting if 1 < len(set(c.texts)) <= max(len(c.texts) // 2, 12)]
    if kind == "number":  # money and amounts rather than numbers of rows
        fitting.sort(key=lambda c: c.name.casefold() in {"id", "no", "nr", "year", "number", "#"})
    return fitting[0] if fitting else None


def write_report(path: Path, out: Path, group: str | None, value: str | None) -> list[Path]:
    """Writes the report and its charts; returns the files."""
    table = read_table(path)
    columns = columns_of(table)
    amount = choose(columns, value, "number")
    lines = [f"# {path.name}", "", f"{len(table.rows)} rows, {len(columns)} columns.", ""]
    lines += overview(columns)
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    name, day = choose(columns, group, "text"), choose(columns, None, "date")
    if amount is not None and name is not None:
        sums = groups(name, amount)
        title = f"{amount.name} by {name.name}"
        lines += ["", f"## {title}", "", *(f"- {n}: {figure(v)}" for n, v in sums[:BARS])]
        note = f"{len(sums)} groups, {figure(math.fsum(v for _, v in sums))} together"
        note += f"; the largest {BARS}" if len(sums) > BARS else ""
        bars = sums[:BARS]
        picture = png(bars_svg(title, note, bars)) or bar_chart(title, bars)
        files.append(_saved(out / "by-group.png", picture))
    if amount is not None and day is not None and len(points := by_day(day, amount)) > 1:
        title = f"{amount.name} over {day.name}"
        lines += ["", f"## {title}", "", *(f"- {n}: {figure(v)}" for n, v in points)]
        note = (
            f"{points[0][0]} to {points[-1][0]}, {figure(math.fsum(v for _, v in points))} in all"
        )
        picture = png(line_svg(title, note, points)) or line_chart(title, points)
        files.append(_saved(out / "over-time.png", picture))
    lines += ["", "## To look at twice", "", *odd(table, columns), ""]
    return [_saved(out / "report.md", "\n".join(lines).encode()), *files]


def _saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def main() -> int:
    """Writes the report and names its files; 1 if the table cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--out", type=Path, default=Path("report"))
    parser.add_argument("--group")
    parser.add_argument("--value")
    options = parser.parse_args()
    try:
        files = write_report(options.table, options.out, options.group, options.value)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{options.table} cannot be reported on: {error}\n")
        return 1
    sys.stdout.write("".join(f"{file}\n" for file in files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
