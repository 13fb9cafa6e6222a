"""Prints a web page or a saved file as plain text: page.py ADDRESS_OR_FILE [--links]."""

from __future__ import annotations

import argparse
import re
import sys
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

SIZE_CAP = 5 * 1024 * 1024
TIMEOUT_S = 30
_SKIPPED = {"script", "style", "noscript", "template", "svg", "nav", "footer", "form", "iframe"}
_BLOCKS = {
    "p", "div", "br", "li", "ul", "ol", "tr", "table", "section", "article", "header", "main",
    "blockquote", "pre", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "title",
}  # fmt: skip
_CHARSET = re.compile(rb"charset=[\"']?([A-Za-z0-9_-]{2,20})")


class Page(HTMLParser):
    """Collects the title, the readable lines and the links of a page."""

    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.links: dict[str, str] = {}
        self._address = address
        self._pieces: list[str] = []
        self._skipping: list[str] = []
        self._link: str | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins a block, a link or something that is left out."""
        if tag in _SKIPPED:
            self._skipping.append(tag)
        if tag in _BLOCKS:
            self._pieces.append("\n")
        if tag == "li":
            self._pieces.append("- ")
        if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            self._pieces.append("#" * int(tag[1]) + " ")
        self._in_title = self._in_title or tag == "title"
        if tag == "a" and (target := dict(attrs).get("href")):
            self._link = urljoin(self._address, target)

    def handle_endtag(self, tag: str) -> None:
        """Ends it."""
        if tag in self._skipping:
            while self._skipping.pop() != tag:
                pass
        if tag in _BLOCKS:
            self._pieces.append("\n")
        if tag == "title":
            self._in_title = False
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        """Keeps what a reader would see."""
        if self._in_title:
            self.title += data
        elif not self._skipping:
            self._pieces.append(data)
            if self._link and data.strip() and self._link.startswith("http"):
                self.links.setdefault(self._link, " ".join(data.split()))

    @property
    def text(self) -> str:
        """The readable lines, without empty ones in a row."""
        lines = (" ".join(line.split()) for line in "".join(self._pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def read_source(source: str) -> tuple[bytes, str]:
    """The bytes of a page or a file, and where it really came from."""
    if not source.startswith(("http://", "https://")):
        return Path(source).read_bytes()[:SIZE_CAP], source
    request = urllib.request.Request(source, headers={"User-Agent": "AgentAI"})  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http only
        return answer.read(SIZE_CAP), answer.url


def decode(raw: bytes) -> str:
    """Text in the page's own encoding, or UTF-8."""
    found = _CHARSET.search(raw[:4096])
    try:
        return raw.decode(found[1].decode() if found else "utf-8", "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def main() -> int:
    """Prints one page; 1 if it cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--links", action="store_true")
    options = parser.parse_args()
    try:
        raw, address = read_source(options.source)
    except (OSError, ValueError, urllib.error.URLError) as error:
        sys.stderr.write(f"{options.source} cannot be read: {error}\n")
        return 1
    page = Page(address)
    page.feed(decode(raw))
    links = "".join(f"\n- {text}: {link}" for link, text in list(page.links.items())[:200])
    tail = f"\n\nLinks:{links}" if options.links and links else ""
    sys.stdout.write(f"Title: {' '.join(page.title.split())}\nFrom: {address}\n\n")
    sys.stdout.write(f"{page.text}{tail}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
