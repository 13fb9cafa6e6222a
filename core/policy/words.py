"""Whether something stands in the owner's own words. Pure.

Threat: text that the model read names a destination or a wording, and the effect looks as if the
owner had asked for it. So only the owner's messages count, compared as whole words: an address must
stand there as a whole and in plain ASCII (no look-alike, nothing inside a longer one); a name must
be there word for word; content must be there in order and without gaps, but for the grammatical
person ("say that you have seen it") and numbers of at most two digits.
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
    """Whether a host stands there, by itself or in an address of a page, and not in an e-mail's."""
    whole = re.compile(rf"(?<![A-Za-z0-9_%+\-@.]){re.escape(host)}(?![A-Za-z0-9_\-@]|\.\w)", re.I)
    return any(whole.search(text) for text in words)


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
