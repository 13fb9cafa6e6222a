"""PDF, office files, e-books and web pages as Markdown, page by page where there are pages.

kreuzberg does it; pypdf reads what it cannot of a PDF, trafilatura takes the article out of a web
page. None of them may fetch anything: there is no network here, and their caches are off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from executors.reader.plain import decoded, pieces
from executors.reader.reasons import BROKEN, ENCRYPTED, EOF, NO_TEXT, CannotRead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Line = dict[str, Any]  # what is written: page, headings, text, and which library read it (by)

_TITLE = re.compile(r"^(#{1,6})[ \t]+(.{2,200}?)[ \t]*$", re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?\n(?=#|\S)", re.DOTALL)


def read_paper(path: Path, ending: str) -> Iterator[Line]:
    """The pages of a document."""
    if ending == "pdf":
        yield from _pdf(path)
    elif ending in {"html", "htm", "xhtml"}:
        yield from _web(path)
    else:
        yield from _other(path, ending)


def _extract(path: Path) -> Any:  # noqa: ANN401 - the library's own result
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False, output_format="markdown", disable_ocr=True,
        enable_quality_processing=False, pages=kreuzberg.PageConfig(extract_pages=True),
    )  # fmt: skip
    try:
        return kreuzberg.extract_file_sync(str(path), config=config)
    except kreuzberg.KreuzbergError as error:
        raise _reason(str(error)) from error


def _reason(said: str) -> CannotRead:
    low = said.lower()
    if "password" in low or "encrypt" in low:
        return CannotRead(ENCRYPTED)
    return CannotRead(BROKEN)


# --- PDF ---


def _pdf(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise CannotRead(BROKEN)
    found, titles, by = [], {}, "kreuzberg"
    try:
        result = _extract(path)
        titles = _titles(result.content)
        found = [(int(p["page_number"]), str(p["content"])) for p in result.pages or ()]
    except CannotRead as error:
        if str(error) == ENCRYPTED:
            raise
    if not any(text.strip() for _, text in found):
        found, titles, by = _by_pypdf(path), {}, "pypdf"
    if not any(text.strip() for _, text in found):
        raise CannotRead(NO_TEXT)
    for number, text in found:
        if text.strip():
            yield from _lines(with_titles(text, titles), page=number, by=by)


def _by_pypdf(path: Path) -> list[tuple[int, str]]:
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        document = pypdf.PdfReader(path)
        if document.is_encrypted and not document.decrypt(""):
            raise CannotRead(ENCRYPTED)
        return [(n, page.extract_text()) for n, page in enumerate(document.pages, start=1)]
    except PyPdfError as error:
        raise CannotRead(EOF if "EOF" in str(error) else BROKEN) from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise CannotRead(BROKEN) from error  # what a hostile file makes of a parser


def _titles(markdown: str) -> dict[str, str]:
    """Headings that the whole document has, by their words: the pages by themselves lost them."""
    return {match[2].strip(): match[1] for match in _TITLE.finditer(markdown)}


def with_titles(text: str, titles: dict[str, str]) -> str:
    """The page's text with its headings marked again. Line ends become plain."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    marked = (
        f"\n{titles[line.strip()]} {line.strip()}\n" if line.strip() in titles else line
        for line in lines
    )  # fmt: skip
    return "\n".join(marked).strip("\n")


# --- the others ---


def _web(path: Path) -> Iterator[Line]:
    import trafilatura

    text = decoded(path.read_bytes())
    article = trafilatura.extract(
        text, output_format="markdown", include_tables=True, include_formatting=True,
        include_comments=False, favor_recall=True,
    )  # fmt: skip
    whole = _FRONT.sub("", _extract(path).content)
    # An article that is a small part of the page was not what the page is about; of a very short
    # page only the words are taken, and its headings are lost.
    is_all = bool(article) and len(article) * 3 >= len(whole)
    if is_all and (_TITLE.search(article) or not _TITLE.search(whole)):
        yield from _lines(article, by="trafilatura")
    else:
        yield from _lines(whole)


def _other(path: Path, ending: str) -> Iterator[Line]:
    result = _extract(path)
    if ending == "pptx":
        yield from _slides(result.content)
    else:
        yield from _lines(result.content)


def _slides(markdown: str) -> Iterator[Line]:
    """A slide is a page; each begins with its title."""
    parts = re.split(r"^(?=## )", markdown, flags=re.MULTILINE)
    for number, part in enumerate((p for p in parts if p.strip()), start=1):
        yield from _lines(part, page=number)


def _lines(text: str, *, page: int | None = None, by: str = "kreuzberg") -> Iterator[Line]:
    for piece in pieces(text.replace("\x00", "\ufffd")):
        yield {"page": page, "headings": [], "text": piece, "by": by}
