"""Says what changed on a web page since the last look.

watch.py ADDRESS_OR_FILE FOLDER [--figures] [--match WORD]
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

SIZE_CAP = 5 * 1024 * 1024
LINES_CAP = 5_000
SHOWN = 40
TIMEOUT_S = 30
_HIDDEN = re.compile(r"(?is)<(script|style|noscript|template|svg)\b.*?</\1\s*>|<!--.*?-->")
_BREAK = re.compile(r"(?i)</?(?:p|div|br|li|tr|td|th|h[1-6]|section|article|title|option)\b[^>]*>")
_TAG = re.compile(r"<[^>]*>")
_FIGURES = re.compile(r"\d+(?:[.,:/]\d+)*")


def fetch(source: str) -> str:
    """The text of a page or a saved file."""
    if not source.startswith(("http://", "https://")):
        return Path(source).read_bytes()[:SIZE_CAP].decode(errors="replace")
    request = urllib.request.Request(source, headers={"User-Agent": "AgentAI"})  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http only
        raw: bytes = answer.read(SIZE_CAP)
    return raw.decode(errors="replace")


def lines_of(page: str, word: str = "") -> list[str]:
    """The visible lines of a page, each once."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", _HIDDEN.sub("", page))))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    kept = (line for line in lines if line and word.casefold() in line.casefold())
    return list(dict.fromkeys(kept))[:LINES_CAP]


def difference(old: list[str], new: list[str], *, figures: bool) -> tuple[list[str], list[str]]:
    """Lines that came and lines that went; without `figures`, numbers do not count."""

    def key(line: str) -> str:
        return line if figures else _FIGURES.sub("#", line)

    before, after = {key(line) for line in old}, {key(line) for line in new}
    added = [line for line in new if key(line) not in before]
    return added, [line for line in old if key(line) not in after]


def state_file(folder: Path, source: str) -> Path:
    """Where the last look at a page is kept."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", source.partition("://")[2] or source)[:60].strip("-.")
    return folder / f"{name}-{digest}.json"


def look(source: str, folder: Path, word: str, *, figures: bool) -> dict[str, object]:
    """Compares with the last look and keeps this one."""
    lines = lines_of(fetch(source), word)
    file = state_file(folder, source)
    is_first = not file.exists()
    old = lines if is_first else json.loads(file.read_text(encoding="utf-8"))["lines"]
    added, removed = difference(old, lines, figures=figures)
    if is_first or added or removed:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"source": source, "lines": lines}, ensure_ascii=False, indent=0)
        file.write_text(text + "\n", encoding="utf-8")
    return {
        "first": is_first, "changed": bool(added or removed), "added": added[:SHOWN],
        "removed": removed[:SHOWN],
    }  # fmt: skip


def main() -> int:
    """Prints the answer as JSON; 1 if the page cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--match", default="")
    options = parser.parse_args()
    try:
        found = look(options.source, options.folder, options.match, figures=options.figures)
    except (OSError, ValueError, KeyError, urllib.error.URLError) as error:
        sys.stderr.write(f"{options.source} cannot be read: {error}\n")
        return 1
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
