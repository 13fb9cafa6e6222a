"""Prints the digest of a web page: `python3 page_digest.py URL`. Runs inside a container.

What counts of HTML is the text that a reader sees, without scripts, styles and the white space
between words, so that a nonce or a counter in the markup is no news. Of everything else all bytes
count. One line is printed: `page: STATUS DIGEST`, or `page: failed REASON`. Standard library only.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import sys
import urllib.error
import urllib.request
from html.parser import HTMLParser

MOST_BYTES = 5_000_000
WITHIN_S = 30
REASON = re.compile(r"[a-z_]{1,40}")  # the gateway's codes; a server may send such a header, too
UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object"})
BREAKS = frozenset({"br", "p", "div", "li", "tr", "td", "th", "h1", "h2", "h3", "h4", "title"})


class Visible(HTMLParser):
    """Collects the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """What is inside an unseen element does not count."""
        del attrs
        if tag in UNSEEN:
            self._unseen.append(tag)
        elif tag in BREAKS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """An element without content."""
        del attrs
        if tag in BREAKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Back to what counts."""
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        elif tag in BREAKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._unseen:
            self.parts.append(data)


def visible_text(page: str) -> str:
    """The text of an HTML page as a reader sees it, with single spaces."""
    parser = Visible()
    parser.feed(page)
    parser.close()
    return " ".join("".join(parser.parts).split())


def digest(body: bytes, kind: str) -> str:
    """The digest of what `body` says; `kind` is its media type."""
    if kind.partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}:
        body = visible_text(body.decode("utf-8", "replace")).encode()
    return hashlib.sha256(body).hexdigest()


def fetch(url: str) -> str:
    """What is printed about the page at `url`."""
    request = urllib.request.Request(url, headers={"User-Agent": "AgentAI"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310 - the gateway decides
            body = answer.read(MOST_BYTES)
            return f"{answer.status} {digest(body, answer.headers.get('content-type', ''))}"
    except urllib.error.HTTPError as error:
        refused = error.headers.get("x-agentai-reason", "")
        is_ours = REASON.fullmatch(refused) is not None
        return f"refused {refused}" if is_ours else f"failed it answers with code {error.code}"
    except (http.client.HTTPException, ValueError):  # whose words may be the server's
        return "failed its answer cannot be read"
    except OSError as error:
        return f"failed {' '.join(str(error).split())[:200] or type(error).__name__}"


if __name__ == "__main__":
    print(f"page: {fetch(sys.argv[1])}")  # noqa: T201
