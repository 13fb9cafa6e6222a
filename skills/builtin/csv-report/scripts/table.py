"""Reads a table: CSV with any usual separator, or the first sheet of an .xlsx file."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pathlib import Path

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_NUMBER = re.compile(r"[-+]?\d[\d.,' \u00a0\u202f]*")
_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), (3, 2, 1)),
    (re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"), (1, 2, 3)),
)
_EXCEL_DAY_ZERO = date(1899, 12, 30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Named columns and rows of texts, each as long as the names."""

    names: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """The texts of one column."""
        at = self.names.index(name)
        return [row[at] for row in self.rows]


def read_table(path: Path) -> Table:
    """The table in a file; `ValueError` if there is none."""
    raw = path.read_bytes()
    try:
        rows = _sheet(raw) if raw.startswith(b"PK") else _separated(raw)
    except (zipfile.BadZipFile, ET.ParseError, csv.Error, KeyError, IndexError) as error:
        raise ValueError(f"the table is damaged ({error})") from error
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise ValueError("the file holds no rows below a line of names")
    width = max(len(row) for row in rows)
    full = [row + [""] * (width - len(row)) for row in rows]
    names = [name or f"column {at + 1}" for at, name in enumerate(full[0])]
    return Table(names=_distinct(names), rows=full[1:])


def _distinct(names: list[str]) -> list[str]:
    return [f"{n} ({at + 1})" if n in names[:at] else n for at, n in enumerate(names)]


def _separated(raw: bytes) -> list[list[str]]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    head = text.partition("\n")[0]
    csv.field_size_limit(max(len(text), 1))
    separator = max(",;\t|", key=head.count)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _sheet(raw: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        names = sorted(n for n in book.namelist() if n.startswith("xl/worksheets/sheet"))
        if not names:
            raise ValueError("the workbook holds no sheet")
        shared = _shared(book)
        root = ET.fromstring(book.read(names[0]))  # noqa: S314 - runs in the task's container
    rows = []
    for row in root.iter(f"{_NS}row"):
        cells: list[str] = []
        for cell in row.iter(f"{_NS}c"):
            at = _column(cell.get("r") or "") if cell.get("r") else len(cells)
            cells += [""] * (at - len(cells))
            cells.append(_cell(cell, shared))
        rows.append(cells)
    return rows


def _shared(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    root = ET.fromstring(book.read("xl/sharedStrings.xml"))  # noqa: S314 - as above
    return ["".join(t.text or "" for t in item.iter(f"{_NS}t")) for item in root.iter(f"{_NS}si")]


def _cell(cell: ET.Element, shared: list[str]) -> str:
    value = cell.findtext(f"{_NS}v") or ""
    if cell.get("t") == "s" and value:
        return shared[int(value)]
    if cell.get("t") == "inlineStr":
        return "".join(t.text or "" for t in cell.iter(f"{_NS}t"))
    return value


def _column(reference: str) -> int:
    """`C7` is column 2."""
    number = 0
    for letter in re.match(r"[A-Z]*", reference)[0]:  # type: ignore[index] # always matches
        number = number * 26 + ord(letter) - 64
    return max(number - 1, 0)


def number_of(text: str) -> float | None:
    """A number written in either way, with or without a currency sign or per cent."""
    bare = re.sub(r"[€$£%]|\b(?:EUR|USD|GBP|CHF)\b", "", text).strip()
    if not bare or not _NUMBER.fullmatch(bare):
        return None
    digits = re.sub(r"[' \u00a0\u202f]", "", bare)
    comma, dot = digits.rfind(","), digits.rfind(".")
    if comma > dot and (dot >= 0 or len(digits) - comma != 4):
        digits = digits.replace(".", "").replace(",", ".")
    if digits.count(".") > 1:
        digits = digits.replace(".", "")
    try:
        return float(digits.replace(",", ""))
    except ValueError:
        return None


def date_of(text: str) -> date | None:
    """A date in the usual spellings."""
    for pattern, (year, month, day) in _DATES:
        if found := pattern.match(text):
            try:
                return date(int(found[year]), int(found[month]), int(found[day]))
            except ValueError:
                return None
    return None


def excel_date(serial: float) -> date:
    """The day that a spreadsheet keeps as a number."""
    return _EXCEL_DAY_ZERO + timedelta(days=int(serial))
