"""Prints a document (PDF, DOCX, ODT, HTML, any text) as plain text: text.py FILE."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

SIZE_CAP = 30 * 1024 * 1024
WITHIN_S = 120
_TAG = re.compile(r"(?is)<(script|style)\b.*?</\1>|<[^>]{1,500}>")
_BLOCK = re.compile(r"(?i)</?(?:p|div|li|tr|h[1-6]|br)\b[^>]{0,200}>")
_PARTS = {".docx": "word/document.xml", ".odt": "content.xml"}
_LINES = {".csv", ".tsv"}


def text_of(path: Path) -> str:
    """The document's text, paragraphs apart. `ValueError` if it cannot be read."""
    ending = path.suffix.lower()
    if path.stat().st_size > SIZE_CAP:
        raise ValueError(f"{path} is larger than {SIZE_CAP // 1024 // 1024} MB")
    if ending == ".pdf":
        return _pdf(path)
    if ending in _PARTS:
        return _office(path, _PARTS[ending])
    raw = path.read_bytes()
    if b"\0" in raw[:4096]:
        raise ValueError(f"{path} is no text, and its format is not known here")
    text = raw.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    if ending in {".html", ".htm"}:
        text = html.unescape(_TAG.sub("", _BLOCK.sub("\n\n", text)))
    return text


def _pdf(path: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ["pdftotext", "-enc", "UTF-8", "--", str(path), "-"],  # noqa: S607 - the container's
            capture_output=True, check=False, timeout=WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0 or not text.strip():
        raise ValueError(f"{path} holds no text; it may be damaged, locked, or scanned")
    return text.replace("\f", "\n\n")


def _office(path: Path, part: str) -> str:
    """Each paragraph of the document's main part on a line, with an empty one between."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(part).file_size > 4 * SIZE_CAP:
                raise ValueError(f"{path} unpacks to too much")
            root = ElementTree.fromstring(archive.read(part))  # noqa: S314 - in the container
    except (KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise ValueError(f"{path} is damaged, or not what its name says") from error
    names = {"p", "h"}
    blocks = (node for node in root.iter() if node.tag.rpartition("}")[2] in names)
    lines = ("".join(block.itertext()).strip() for block in blocks)
    return "\n\n".join(line for line in lines if line)


def paragraphs(path: Path) -> list[str]:
    """The paragraphs of a document, each on one line."""
    text = text_of(path)
    is_table = path.suffix.lower() in _LINES
    parts = text.split("\n") if is_table else re.split(r"\n\s*\n", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def main() -> int:
    """Prints the text; 1 if there is none to be had."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        text = text_of(Path(sys.argv[1]))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
