"""Documents of every kind that can be read, honest and hostile, made on the spot."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption  # type: ignore[import-untyped] # no types
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped] # no types

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def pdf(pages: Iterable[Sequence[str]], *, password: str = "") -> bytes:
    """A PDF; the first line of each page is set large, as a heading is."""
    out = io.BytesIO()
    locked = StandardEncryption(password, strength=128) if password else None
    canvas = Canvas(out, pagesize=A4, encrypt=locked)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.setFont("Helvetica-Bold" if number == 0 else "Helvetica", 18 - 8 * (number > 0))
            canvas.drawString(60, 780 - 14 * number - 10 * (number > 0), line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def docx(heading: str, text: str) -> bytes:
    """A Word document of one heading and one paragraph."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = (
        f'{_XML}<w:document xmlns:w="{word}"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/>'
        f"</w:pPr><w:r><w:t>{heading}</w:t></w:r></w:p><w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
        "</w:body></w:document>"
    )
    return _office(
        "word/document.xml", "wordprocessingml.document.main", {"word/document.xml": body}
    )


def pptx(slides: Sequence[tuple[str, str]]) -> bytes:
    """Slides of a title and a text each."""
    main = "http://schemas.openxmlformats.org/presentationml/2006/main"
    draw = "http://schemas.openxmlformats.org/drawingml/2006/main"
    parts: dict[str, str] = {}
    listed = related = ""
    for number, (title, text) in enumerate(slides, start=1):
        shapes = "".join(
            f'<p:sp><p:nvSpPr><p:cNvPr id="{n}" name="{n}"/><p:cNvSpPr/><p:nvPr>'
            f'<p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r>'
            f"<a:t>{said}</a:t></a:r></a:p></p:txBody></p:sp>"
            for n, (kind, said) in enumerate((("title", title), ("body", text)), start=2)
        )
        parts[f"ppt/slides/slide{number}.xml"] = (
            f'{_XML}<p:sld xmlns:p="{main}" xmlns:a="{draw}"><p:cSld><p:spTree><p:nvGrpSpPr>'
            '<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
            f"{shapes}</p:spTree></p:cSld></p:sld>"
        )
        listed += f'<p:sldId id="{255 + number}" r:id="rId{number}"/>'
        related += _relation(number, "slide", f"slides/slide{number}.xml")
    parts["ppt/presentation.xml"] = (
        f'{_XML}<p:presentation xmlns:p="{main}" xmlns:r="{_OFFICE}"><p:sldIdLst>{listed}'
        "</p:sldIdLst></p:presentation>"
    )
    parts["ppt/_rels/presentation.xml.rels"] = _relations(related)
    return _office("ppt/presentation.xml", "presentationml.presentation.main", parts)


def xlsx(rows: Sequence[Sequence[str]], *, sheet: str = "Sheet") -> bytes:
    """One sheet of text."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    lines = "".join(
        f'<row r="{r}">'
        + "".join(
            f'<c r="{chr(65 + c)}{r}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for c, cell in enumerate(row)
        )
        + "</row>"
        for r, row in enumerate(rows, start=1)
    )
    parts = {
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{main}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            _relation(1, "worksheet", "worksheets/sheet1.xml")
        ),
        "xl/worksheets/sheet1.xml": f'{_XML}<worksheet xmlns="{main}"><sheetData>{lines}'
        "</sheetData></worksheet>",
    }
    return _office("xl/workbook.xml", "spreadsheetml.sheet.main", parts)


def epub(title: str, chapters: Sequence[tuple[str, str]]) -> bytes:
    """A book of chapters with a heading and a text each."""
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(chapters))
    )
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'{_XML}<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "book.opf": f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'unique-identifier="i"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="i">1</dc:identifier><dc:title>{title}</dc:title>'
        f"<dc:language>en</dc:language></metadata><manifest>{items}</manifest>"
        f"<spine>{order}</spine></package>",
    }
    for n, (heading, text) in enumerate(chapters):
        parts[f"c{n}.xhtml"] = (
            f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{heading}</title></head>'
            f"<body><h1>{heading}</h1><p>{text}</p></body></html>"
        )
    return _zipped(parts)


def html(heading: str, text: str) -> bytes:
    """A web page with an article and what stands around it."""
    return (
        f"<!doctype html><html><head><title>{heading}</title></head><body><nav>Home Login</nav>"
        f"<article><h1>{heading}</h1><p>{text}</p></article><footer>Imprint</footer></body></html>"
    ).encode()


def bomb() -> bytes:
    """A Word document that unpacks to far more than it should."""
    return _zipped({"word/document.xml": "a" * 30_000_000})


def _office(main: str, kind: str, parts: dict[str, str]) -> bytes:
    types = (
        f'{_XML}<Types xmlns="{_TYPES}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{main}" '
        f'ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/></Types>'
    )
    root = _relations(_relation(1, "officeDocument", main))
    return _zipped({"[Content_Types].xml": types, "_rels/.rels": root, **parts})


def _relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _relations(entries: str) -> str:
    return f'{_XML}<Relationships xmlns="{_RELS}">{entries}</Relationships>'


def _zipped(parts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()
