"""Whether something stands in the owner's own words. Pure.

Threat: text that the model read names a destination or a wording, and the effect looks as if the
owner had asked for it. So only the owner's messages count, compared as whole words: an address must
stand there as a whole and in plain ASCII (no look-alike, nothing inside a longer one); a site must
be a word of its own or the host of a page's address, never a parameter of one nor a file's name; a
name must be there word for word; content must be there in order and without gaps, but for the
grammatical person ("say that you have seen it") and numbers of at most two digits.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_ADDRESS_PART = r"A-Za-z0-9_%+\-@./:"
_OPEN, _CLOSE = "\"'\u201c\u2018", "\"'\u201d\u2019"
_PLAIN = rf"[^{_OPEN}{_CLOSE}\n]*"
_TEMPLATE = re.compile(rf"[{_OPEN}]({_PLAIN}\{{[^{{}}\n]{{1,60}}\}}{_PLAIN})[{_CLOSE}]")
_SLOT = re.compile(r"\{[^{}]*\}")
_SLOT_WORDS = 6
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_PERSON = {
    "you": "i", "me": "i", "your": "my", "yours": "mine", "yourself": "myself", "are": "am",
}  # fmt: skip
_SHORT_NUMBER = re.compile(r"[0-9]{1,2}")
_PLAIN_CASE = re.IGNORECASE | re.ASCII  # no letter outside ASCII stands for one inside
_BEFORE, _AFTER = "([<\"'`\u201c\u2018", ")]>}\"'`\u201d\u2019.,;:!?*_\u2026"
_HOST = r"((?:[a-z0-9-]+\.)+[a-z0-9-]+)(?::[0-9]{1,5})?"
_PAGE = re.compile(rf"(?:[^/?#]*[{re.escape(_BEFORE)}])?https?://([^/?#]*)", _PLAIN_CASE)
_AUTHORITY = re.compile(rf"(?:[^@\\]*@)?{_HOST}", _PLAIN_CASE)
_SITE = re.compile(rf"{_HOST}(?:[/?#].*|(?:['\u2019]s)?[{re.escape(_AFTER)}]*)", _PLAIN_CASE)
# Endings of files, those first that are top-level domains, too.
FILE_ENDINGS = frozenset(
    """
    ad as bz cab cc cl dm foo kt la md mk ml mobi mov mp pl pm properties ps pub py rs sc sh so st
    sv tf vi zip 7z apk asm avi awk bak bash bat bib bin bmp c cer cfg class conf cpp crt cs css csv
    dart dat db deb diff dll doc docx eml env epub exe gif go gz h hpp hs htm html ico ics ini
    ipynb iso jar java jpeg jpg js json jsonl jsx key lock log lua m4a markdown mjs mp3 mp4 msg odp
    ods odt ogg old orig otf out parquet patch pdf pem php png ppt pptx ps1 r rar rb rst rtf scss
    sql sqlite svg swift swp tar tex tgz tiff tmp toml ts tsv tsx ttf txt vue war wasm wav webm webp
    xls xlsx xml xz yaml yml zsh zst
    """.split()  # noqa: SIM905 - a hundred quoted words would be no easier to read
)


def has_address(words: Sequence[str], address: str) -> bool:
    """Whether an address or an account stands there, whole and in plain characters."""
    if not address.isascii() or not address.strip():
        return False
    whole = re.compile(
        rf"(?<![{_ADDRESS_PART}]){re.escape(address)}(?:(?![{_ADDRESS_PART}])|(?=[.:](?:\s|$)))",
        re.IGNORECASE,
    )
    return any(whole.search(text) for text in words)


def has_host(words: Sequence[str], host: str) -> bool:
    """Whether a site stands there: as a word of its own, or as the host of a page's address.

    What stands inside another address, the host of an e-mail and the name of a file are no sites.
    """
    wanted = host.lower()
    return any(wanted == _site(word) for text in words for word in text.split())


def has_name(words: Sequence[str], name: str) -> bool:
    """Whether the name of a thing stands there, or fits a template that the owner quoted."""
    if has_hidden(name):
        return False
    wanted = _tokens(_EXTENSION.sub("", name)) or _tokens(name)
    if not wanted:
        return False
    return any(_contains(_tokens(text), wanted) for text in words) or any(
        _fits(template, wanted) for text in words for template in _TEMPLATE.findall(text)
    )


def has_content(words: Sequence[str], content: str) -> bool:
    """Whether a text is the owner's own, as told in `words`."""
    if has_hidden(content):
        return False
    wanted = [_person(token) for token in _tokens(content)]
    if not wanted:
        return not content.strip()
    return any(
        _contains([_person(token) for token in _tokens(text)], wanted, may_count=True)
        for text in words
    )


def has_hidden(text: str) -> bool:
    """Whether a text holds characters that nobody sees or that reorder others."""
    return any(
        unicodedata.category(c) in {"Cf", "Co", "Cn", "Cs"}
        or (unicodedata.category(c) == "Cc" and c not in "\n\t\r")
        for c in text
    )


def _site(word: str) -> str | None:
    """The site that a word between spaces names; all behind its first host belongs to that."""
    if named := _SITE.fullmatch(word.lstrip(_BEFORE)):
        host = named[1].lower()
        return None if host.rpartition(".")[2] in FILE_ENDINGS else host
    page = _PAGE.match(word)
    found = _AUTHORITY.fullmatch(page[1].rstrip(_AFTER)) if page else None
    return found[1].lower() if found else None


def _tokens(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def _person(token: str) -> str:
    return _PERSON.get(token, token)


def _contains(text: list[str], wanted: list[str], *, may_count: bool = False) -> bool:
    last = len(text) - len(wanted)
    return any(
        all(_same(text[start + i], word, may_count=may_count) for i, word in enumerate(wanted))
        for start in range(last + 1)
    )


def _same(there: str, wanted: str, *, may_count: bool) -> bool:
    """`k` in the owner's words may become 1, 2, 3: a placeholder is one letter or a number."""
    if there == wanted:
        return True
    is_placeholder = len(there) == 1 or there.isdecimal()
    return may_count and is_placeholder and _SHORT_NUMBER.fullmatch(wanted) is not None


def _fits(template: str, wanted: list[str]) -> bool:
    """Whether `wanted` is the template with one to six words in the place of each `{slot}`."""
    slot = rf"(?:\S+ ){{1,{_SLOT_WORDS}}}"
    parts = [_tokens(part) for part in _SLOT.split(template)]
    if not any(parts):
        return False
    pattern = slot.join("".join(re.escape(token) + " " for token in part) for part in parts)
    return re.fullmatch(pattern, "".join(token + " " for token in wanted)) is not None
