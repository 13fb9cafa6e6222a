"""Reports and charts from tables."""

from __future__ import annotations

import importlib.util
import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.skills.builtin.script import BUILTIN, run

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

SALES = """Date;Region;Amount
01.03.2026;North;1.200,50
02.03.2026;South;300
02.03.2026;North;-50,5
03.03.2026;Zürich;€ 75
03.03.2026;Zürich;€ 75
04.03.2026;;
"""


def pixels(raw: bytes) -> tuple[int, int, bytes]:
    """Width, height and bytes of a PNG of ours; every checksum is checked."""
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, size = 8, b"", (0, 0)
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        kind, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        assert struct.unpack(">I", raw[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + body
        )
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    return size[0], size[1], zlib.decompress(data)


def test_a_table_becomes_a_report_with_two_charts(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    files = run("csv-report/report.py", "sales.csv", cwd=tmp_path).split()
    assert files == ["report/report.md", "report/by-group.png", "report/over-time.png"]
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| Amount | number | 5 | 1,600 | 320 | -50.5 | 1,200.5 |" in text
    assert "- North: 1,150" in text
    assert "- Zürich: 150" in text
    assert "- 2026-03-02: 249.5" in text
    assert "- 1 rows stand there more than once." in text
    assert "- Region: 1 of 6 cells are empty." in text
    for name in ("by-group", "over-time"):
        width, height, data = pixels((tmp_path / "report" / f"{name}.png").read_bytes())
        assert len(data) == height * (3 * width + 1)
        assert bytes((47, 111, 190)) in data  # something is drawn
        assert bytes((40, 40, 50)) in data  # and written


def test_columns_can_be_chosen_and_wrong_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,kind,other,x\n1,a,p,5\n2,b,p,6\n3,a,q,7\n")
    run("csv-report/report.py", "t.csv", "--group", "OTHER", "--value", "x", cwd=tmp_path)
    assert "- p: 11" in (tmp_path / "report" / "report.md").read_text()
    told = run("csv-report/report.py", "t.csv", "--group", "nope", cwd=tmp_path, code=1)
    assert "there are id, kind, other, x" in told


def workbook() -> bytes:
    ns = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rows = (
        '<row><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row><c r="A2" t="inlineStr"><is><t>a</t></is></c><c r="C2"><v>2.5</v></c></row>'
        '<row><c r="A3" t="inlineStr"><is><t>b</t></is></c><c r="C3"><v>4</v></c></row>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr(
            "xl/sharedStrings.xml", f"<sst {ns}><si><t>Kind</t></si><si><t>Sum</t></si></sst>"
        )
        book.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {ns}><sheetData>{rows}</sheetData></worksheet>"
        )
    return out.getvalue()


def test_a_workbook_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(workbook())
    run("csv-report/report.py", "t.xlsx", cwd=tmp_path)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| Sum | number | 2 | 6.5 |" in text
    assert "- b: 4" in text


@pytest.mark.parametrize(
    "raw", [b"", b"a,b\n", b"PK\3\4broken", b"\0\0\0", b"\xff\xfe", b"name\n" + b"x" * 200_000]
)
def test_no_file_is_too_odd(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(raw)
    code = 0 if raw.startswith(b"name") else 1
    assert "Traceback" not in run("csv-report/report.py", "t.csv", cwd=tmp_path, code=code)


def picture() -> ModuleType:
    """The script that draws, which needs the container's program only for its last step."""
    path = BUILTIN / "csv-report" / "scripts" / "picture.py"
    spec = importlib.util.spec_from_file_location("csv_report_picture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(st.tuples(st.text(max_size=40), NUMBERS), min_size=1, max_size=20))
def test_any_chart_is_well_formed(points: list[tuple[str, float]]) -> None:
    draw = picture()
    for svg in (draw.bars_svg("a < b", "n & m", points), draw.line_svg("t", "n", points)):
        root = ElementTree.fromstring(svg)
        assert '="nan"' not in svg
        assert root.attrib["width"] == "1000"


@given(NUMBERS, NUMBERS)
@example(0.0, 5e-324)
def test_a_scale_holds_both_ends_with_few_round_numbers(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = picture().scale(low, high)
    slack = 1e-9 * max(abs(low), abs(high))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 8
