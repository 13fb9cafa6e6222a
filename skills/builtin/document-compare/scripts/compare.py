"""Compares two documents by paragraphs and words: compare.py OLD NEW [--words]."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from text import paragraphs  # noqa: E402 - lies beside this script

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r"\s+|\w+(?:[.,]\d+)*|[^\w\s]")
Change = tuple[list[str], list[str]]


def changes(old: list[str], new: list[str]) -> list[Change]:
    """Runs of paragraphs that are not the same, old beside new."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [(old[a:b], new[c:d]) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def marked(old: str, new: str) -> str:
    """Both texts in one, with words that went and words that came marked."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    out: list[str] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            out += before[a:b]
            continue
        gone, came = "".join(before[a:b]), "".join(after[c:d])
        out += [f"[-{gone}-]"] * bool(gone) + [f"{{+{came}+}}"] * bool(came)
    return "".join(out)


def told(change: Change, *, only_words: bool) -> Iterator[str]:
    """One change in lines: paired paragraphs word by word, the rest as gone or new."""
    old, new = change
    for before, after in zip(old, new, strict=False):
        text = marked(before, after)
        yield " … ".join(re.findall(r"\[-.*?-\]|\{\+.*?\+\}", text)) if only_words else text
    yield from (f"[-{text}-]" for text in old[len(new) :])
    yield from (f"{{+{text}+}}" for text in new[len(old) :])


def main() -> int:
    """Prints the comparison; 0 if the texts are the same, 1 if not, 2 if one cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--words", action="store_true")
    options = parser.parse_args()
    try:
        old, new = paragraphs(options.old), paragraphs(options.new)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    found = changes(old, new)
    alike = difflib.SequenceMatcher(None, old, new, autojunk=False).ratio()
    lines = [line for change in found for line in told(change, only_words=options.words)]
    head = f"Paragraphs: {len(old)} before, {len(new)} after; changed places: {len(found)}; "
    sys.stdout.write(f"{head}alike: {alike:.0%}\n\n" + "".join(f"{line}\n\n" for line in lines))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
