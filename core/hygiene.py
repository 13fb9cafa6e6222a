"""Makes text from outside safe to show and to hand to a model.

Threat: text of files, web pages and tools carries what the owner cannot see and the model obeys:
invisible characters, reversed reading order, letters of another alphabet, whole sentences in tag
characters, a forged end of the quotation, and marks stacked so high that normalising them takes
hours. Method: what hides is shown as `⟨U+202E⟩`, and quoted text is held between two lines with a
nonce that no line of the text can repeat. Nothing is dropped silently, and nothing here is a gate:
`findings` is advice, what a task may do is decided elsewhere.

A mark can be forged by writing it out. That only makes honest text look suspicious, never the
other way round. Standard library only: it also runs inside the task's container.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.confusables import LATIN_TWINS, odd_letters

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["hidden", "bidi", "tags", "controls", "mixed_script", "instruction_like"]

SOURCE_CAP = 200
SAMPLE_CAP = 80
MARKS_CAP = 30  # accents on one letter, as in Unicode's Stream-Safe Text Format (UAX 15)

_CONTROLS = r"\x00-\x08\x0B-\x1F\x7F-\x9F"
_BIDI = r"\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069"
_TAGS = r"\U000E0000-\U000E007F"
_HIDDEN = (
    r"\u00AD\u034F\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200D\u2028\u2029\u2060-\u2065"
    r"\u206A-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U00013430-\U0001343F"
    r"\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U000E0080-\U000E0FFF"
    r"\uD800-\uDFFF\uE000-\uF8FF\U000F0000-\U0010FFFF\uFDD0-\uFDEF\uFFFE\uFFFF"
    + "".join(rf"\U000{plane:X}FFFE\U000{plane:X}FFFF" for plane in range(1, 15))
)
_CLASSES: dict[Kind, re.Pattern[str]] = {
    "controls": re.compile(rf"(?!\r\n)[{_CONTROLS}]"),
    "bidi": re.compile(f"[{_BIDI}]"),
    "tags": re.compile(f"[{_TAGS}]"),
    "hidden": re.compile(f"[{_HIDDEN}]"),
}
_HIDES = re.compile(f"[{_CONTROLS}{_BIDI}{_TAGS}{_HIDDEN}]")
_STACK = re.compile(r"(?s:.)?[^\x00-\u02FF\w\s]{13,}")
_EMOJI = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf"
    "\u2934\u2935\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_ARABIC = re.compile(r"[\u0600-\u077F\u0860-\u08FF\uFB50-\uFDFF\uFE70-\uFEFC]")  # and Syriac
_ZWNJ, _ZWJ, _KEYCAP = "\u200c", "\u200d", "\u20e3"

_WORD = re.compile(r"[^\W_]+")
_GAP = r"[\W_]{1,4}"
_BLOB = "[A-Za-z0-9+/_-]"
_ADVICE = re.compile(
    rf"\b(?:ignore|disregard|forget|override){_GAP}(?:\w{{1,12}}{_GAP}){{0,3}}"
    rf"(?:previous|prior|above|earlier|preceding|foregoing|your){_GAP}(?:\w{{1,12}}{_GAP}){{0,2}}"
    r"(?:instruction|prompt|rule|direction|guideline|message)s?\b"
    rf"|\bsystem{_GAP}(?:prompt|message|instruction)s?\b|\byou{_GAP}are{_GAP}now\b"
    rf"|\bnew{_GAP}instructions\b|\bdo{_GAP}not{_GAP}(?:tell|inform|alert){_GAP}the{_GAP}user\b"
    r"|<\|?/?(?:system|im_start|im_end|assistant)\b"
    r"|!\[[^\]\n]{0,300}\]\(\s{0,3}<?(?:https?:)?//[^\s)?]{1,300}\?[^\s)]"
    r"|<img\b[^>]{0,100}\bsrc\s{0,3}=\s{0,3}[\"']?(?:https?:)?//[^\s\"'>?]{1,150}\?"
    rf"|(?<!{_BLOB})(?:{_BLOB}{{201,}}|(?:{_BLOB}{{40,100}}\r?\n){{3,}})",
    re.IGNORECASE,
)
_NONCE = re.compile(r"[A-Za-z0-9_-]{12,64}")
_LABEL = re.compile(r"[a-z]{1,20}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something a reader should know about a text; `position` is the first one's index in it."""

    kind: Kind
    count: int
    position: int
    sample: str


def visible(text: str) -> str:
    """The text with all that hides or reorders shown as marks; NFC, and CR LF as a newline.

    Stays: joiners and presentation selectors inside emoji, joiners between letters of scripts that
    are spelt with them. Applying it twice changes nothing; at most 12 times as long as `text`.
    """
    text = text.replace("\r\n", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", _STACK.sub(_unstacked, text))
    return _HIDES.sub(_shown, text)


def is_plain(text: str) -> bool:
    """Whether `visible` has nothing to show in one line of text."""
    return "\n" not in text and visible(text) == unicodedata.normalize("NFC", text)


def clean(text: str, *, cap: int) -> str:
    """`visible`, cut to `cap` characters and then a mark that counts those left out."""
    text = visible(text)
    if len(text) <= cap:
        return text
    end = max(cap, 0)
    opened = text.rfind("⟨", max(end - 10, 0), end)
    if opened >= 0 and "⟩" not in text[opened:end]:
        end = opened
    while end and _HIDES.match(text, end - 1):
        end -= 1
    return f"{text[:end]}⟨{len(text) - end} characters left out⟩"


def delimit(text: str, *, source: str, label: str = "untrusted", nonce: str) -> str:
    """Wraps text as quoted data between two lines that hold `nonce`, a fresh secret of the caller.

    Raises ValueError for a nonce that is not 12 to 64 letters, digits, `-` or `_`, or a label that
    is not one lower-case word.
    """
    if not _NONCE.fullmatch(nonce) or len(_letters(nonce)) < 8 or not _LABEL.fullmatch(label):
        raise ValueError("a delimiter needs a nonce of 12 to 64 characters and a one-word label")
    forged = _forged(label)
    inner = "\n".join(_defused(line, nonce, forged) for line in visible(text).split("\n"))
    origin = visible(source).replace("\n", " ").replace("<", "‹").replace(">", "›")  # noqa: RUF001 - meant
    origin = _defused(clean(origin, cap=SOURCE_CAP), nonce, forged)
    return f"<<<begin {label} {nonce} source: {origin}>>>\n{inner}\n<<<end {label} {nonce}>>>"


def findings(text: str) -> tuple[Finding, ...]:
    """What hides in the text and what reads like an order to a model. Advice, never a gate."""
    return (*_hiding(text), *_mixed(text), *_orders(text))


def show_confusables(word: str) -> str:
    """The word; if it mixes scripts, each letter that does not belong is followed by its mark."""
    odd = odd_letters(word)
    return "".join(c + _mark(c) if c in odd else c for c in word)


def _mark(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"


def _shown(match: re.Match[str]) -> str:
    return match[0] if _belongs(match.string, match.start()) else _mark(match[0])


def _belongs(text: str, at: int) -> bool:
    """Whether the joiner or selector at `at` is part of ordinary spelling.

    Looks only at neighbours that are never replaced, so that the answer is the same afterwards.
    """
    char, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if char in "\ufe0e\ufe0f":
        return bool(_EMOJI.match(before)) or (after == _KEYCAP and before in set("0123456789#*"))
    if char not in {_ZWNJ, _ZWJ}:
        return False
    base = text[at - 2 : at - 1] if at > 1 and before in {"\ufe0e", "\ufe0f"} else before
    if char == _ZWJ and _EMOJI.match(base) and _EMOJI.match(after):
        return True
    return _script(before) is not None and _script(before) == _script(after)


def _script(char: str) -> int | None:
    """A number for the joining script of a letter or vowel sign, None for everything else."""
    if not char or unicodedata.category(char)[0] not in "LM":
        return None
    if "\u0900" <= char <= "\u0dff":
        return ord(char) >> 7
    return 0 if _ARABIC.match(char) else None


def _unstacked(match: re.Match[str]) -> str:
    """Shows the accents beyond `MARKS_CAP` on one letter: normalising them is quadratic."""
    out: list[str] = []
    weight = 0
    for char in match[0]:
        parts = unicodedata.normalize("NFD", char)
        marks = sum(unicodedata.combining(part) > 0 for part in parts)
        weight = marks + (weight if unicodedata.combining(parts[0]) else 0)
        out.append(char if weight <= MARKS_CAP else _mark(char))
        weight = 0 if weight > MARKS_CAP else weight
    return "".join(out)


def _forged(label: str) -> re.Pattern[str]:
    edge, verb = r"(?:[^\w\s]\s?){2}", r"(?:begin|start|end|stop|close)"
    return re.compile(
        rf"{edge}{verb}\W{{0,8}}(?:of\W{{0,8}})?(?:untrusted|trusted|{label})|<{{3}}\s*/?{verb}\b",
        re.IGNORECASE,
    )


def _defused(line: str, nonce: str, forged: re.Pattern[str]) -> str:
    """The line; if it could pass for a delimiter, its characters are set apart."""
    folded = unicodedata.normalize("NFKC", line).translate(LATIN_TWINS)
    secret = _letters(nonce)
    if not any(forged.search(read) or secret in _letters(read) for read in {line, folded}):
        return line
    return visible("⟨!⟩ " + "·".join(line))


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _hiding(text: str) -> Iterator[Finding]:
    for kind, pattern in _CLASSES.items():
        hits = [m.start() for m in pattern.finditer(text) if not _belongs(text, m.start())]
        if hits:
            spelt = "".join(chr(ord(text[at]) & 0x7F) for at in hits[:SAMPLE_CAP])
            sample = spelt if kind == "tags" else _mark(text[hits[0]])
            yield _finding(kind, len(hits), position=hits[0], sample=sample)


def _mixed(text: str) -> Iterator[Finding]:
    words = [m for m in _WORD.finditer(text) if not m[0].isascii() and odd_letters(m[0])]
    if words:
        shown = show_confusables(words[0][0])
        yield _finding("mixed_script", len(words), position=words[0].start(), sample=shown)


def _orders(text: str) -> Iterator[Finding]:
    """Searches what a model would read: without hiding characters, look-alikes as Latin."""
    orders = list(_ADVICE.finditer(_HIDES.sub("", text).translate(LATIN_TWINS)))
    if not orders:
        return
    position = orders[0].start()
    for hidden in _HIDES.finditer(text):
        if hidden.start() > position:
            break
        position += 1
    yield _finding("instruction_like", len(orders), position=position, sample=orders[0][0])


def _finding(kind: Kind, count: int, *, position: int, sample: str) -> Finding:
    shown = clean(sample.replace("\n", " "), cap=SAMPLE_CAP)
    return Finding(kind=kind, count=count, position=position, sample=shown)
