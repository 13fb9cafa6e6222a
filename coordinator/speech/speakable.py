"""What of an answer is said aloud: prose, in whole sentences, within a bound. Pure.

Code, tables, pictures and raw addresses are for the eyes; the whole text stands beside the voice
note, so whatever is left out is not lost.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

READ_CAP = 20_000  # characters of Markdown that are looked at
CODE_CAP = 24  # a longer piece of inline code is not read out
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough")
_SILENT = frozenset({"fence", "code_block", "html_block", "hr"})
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_WIDE = "\u3002\uff01\uff1f"  # the full stop, exclamation and question mark of Chinese and Japanese
_SENTENCE = re.compile(
    rf".+?(?:[.!?\u2026:;]+[\"'\u201d\u2019)\]]*(?=\s|$)|[{_WIDE}]|$)", re.DOTALL
)
_ENDS = (".", "!", "?", "…", ":", ";", ",", *_WIDE)
_PLAIN_CODE = re.compile(r"[\w .,+-]+")


def speakable(markdown: str, cap: int) -> str:
    """The words to say, at most `cap` characters; empty when nothing in it is for the ears."""
    lines = [line for line in map(_tidy, _blocks(_PARSER.parse(markdown[:READ_CAP]))) if line]
    text = " ".join(line if line.endswith(_ENDS) else f"{line}." for line in lines)
    return shortened(text, cap)


def shortened(text: str, cap: int) -> str:
    """The first sentences that fit; of a first one that is too long, the first words that fit."""
    if len(text) <= cap:
        return text
    kept = ""
    for sentence in sentences(text):
        longer = f"{kept} {sentence}".strip()
        if len(longer) > cap:
            break
        kept = longer
    if kept:
        return kept
    room = text[: max(cap - 1, 0)]
    head = room.rpartition(" ")[0] or room
    return f"{head.rstrip(' ,;:')}…"[:cap]


def sentences(text: str) -> list[str]:
    """`text` cut behind its sentences; nothing but white space is lost."""
    found = (match.group().strip() for match in _SENTENCE.finditer(text))
    return [sentence for sentence in found if sentence]


def is_english_enough(text: str) -> bool:
    """Whether a voice that knows English only could read it: hardly a letter beyond a to z."""
    letters = [c for c in text if c.isalpha()]
    foreign = sum(not c.isascii() for c in letters)
    return bool(letters) and foreign <= len(letters) * 0.03


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    in_table = 0
    for token in tokens:
        if token.type in {"table_open", "table_close"}:
            in_table += token.nesting
        if token.type in _SILENT or in_table or token.type != "inline":
            continue
        yield "".join(_inline(token.children or ()))


def _inline(children: Sequence[Token]) -> Iterator[str]:
    for child in children:
        match child.type:
            case "text":
                yield child.content
            case "code_inline":
                is_word = len(child.content) <= CODE_CAP and _PLAIN_CODE.fullmatch(child.content)
                yield child.content if is_word else ""
            case "softbreak" | "hardbreak":
                yield " "


def _tidy(text: str) -> str:
    """One line without addresses, emoji and what only the eye reads."""
    text = _ADDRESS.sub("", text)
    kept = "".join(" " if _is_mute(character) else character for character in text)
    line = re.sub(r"\s+([.,;:!?])", r"\1", " ".join(kept.split()))
    return line if any(character.isalnum() for character in line) else ""


def _is_mute(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind in {"So", "Sk", "Cc", "Cf", "Cs", "Co", "Cn"} or character in "|*_#~`<>\\^"
