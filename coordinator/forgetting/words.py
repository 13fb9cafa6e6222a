"""Which words give away what was forgotten, and text, JSON and base64 without them. Pure.

Threat: the owner makes the agent forget something, and its words come back from an update, an
answer, a step of a task or a summary. So every place that `places` names is held against the
*telling words* of what was forgotten (those that the owner uses nowhere else and that are no
everyday words) and against its sentences; each hit becomes a mark, where it stands, so that the
rest stays true. The opposite harm is as real: an everyday word taken out of years of talk, a
structure broken that the program still reads. So keys of our own objects are never touched, and
short words only go where they stand alone. What is compressed, drawn or told in other words is not
found: nothing here claims more than words.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from coordinator.forgetting.everyday import EVERYDAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MARK = "[forgotten]"
SHORTEST = 3
STEM = 5  # from this length on, a word also goes with an ending
ANYWHERE = 7  # from this length on, also inside a compound
WORDS_CAP, SENTENCES_CAP = 200, 40
SENTENCE_WORDS = range(3, 60)
DEPTH = 40
GROUP = 40
RUN = 4  # letters that are rare enough to look for
BEGINNING = 4  # words of a sentence that Postgres looks for

ACTION_NAMES = frozenset(
    (
        "version", "task", "kind", "resource", "verb", "arguments", "targets", "files", "skill",
        "manifest", "config", "scheme", "method", "methods", "target", "bytes", "body", "secrets",
    )
)  # fmt: skip

_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"[.!?\n]+")
_MARKS = re.compile(r"\[forgotten\](?:[\s,;:/-]{1,3}\[forgotten\])+")
_ASCII = re.compile(r"[a-z0-9]+")
_YEAR = re.compile(r"(?:19|20)\d\d")


def candidates(texts: Iterable[str]) -> tuple[str, ...]:
    """The words of these texts that may be telling, in lower case; the longest first."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORD.findall(text.replace(MARK, " ")):
            if _may_tell(low := word.lower()):
                found[low] = None
    return tuple(sorted(found, key=lambda word: (-len(word), word))[:WORDS_CAP])


def _may_tell(word: str) -> bool:
    if word.isdecimal():
        return len(word) > SHORTEST and not _YEAR.fullmatch(word)
    return word not in EVERYDAY and (len(word) >= SHORTEST or not word.isascii())


def sentences(texts: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The sentences of these texts that are long enough to be nobody else's, as words."""
    found: dict[tuple[str, ...], None] = {}
    for text in texts:
        for part in (text, *_SENTENCE.split(text)):
            words = tuple(word.lower() for word in _WORD.findall(part.replace(MARK, " ")))
            if len(words) in SENTENCE_WORDS:
                found[words] = None
    return tuple(sorted(found, key=len, reverse=True)[:SENTENCES_CAP])


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """Takes words and sentences (in lower case) out of what a row holds."""

    words: tuple[str, ...] = ()
    sentences: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.words or self.sentences)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        told = [r"[\W_]+".join(map(re.escape, one)) for one in self.sentences]
        parts = [rf"(?<![^\W_]){one}(?![^\W_])" for one in told] + [_alone(w) for w in self.words]
        return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """For Postgres' `~*`: together they find each row that may hold any of it, JSON or not.

        Several for many words: one would take longer than a statement may.
        """
        gap, words = r"(\W|_|\\n|\\t)+", set(self.words)
        told = [gap.join(map(_loosely, one[:BEGINNING])) for one in self.sentences
                if not words & set(one)]  # fmt: skip
        return grouped([*told, *map(_loosely, self.words)])

    def holds(self, text: str) -> bool:
        """Whether any of it stands in a text."""
        return bool(self._regex.search(text))

    def text(self, text: str) -> str:
        """The text with marks instead of what it must not hold."""
        nested = _parsed(text)
        if nested is not None:
            clean = self.value(nested, keys=True)
            return text if clean == nested else json.dumps(clean, ensure_ascii=False)
        return self.plain(text)

    def document(self, text: str) -> str:
        """The same for JSON of the program's own or of Telegram's: its names stay."""
        found = _parsed(text)
        if found is None:
            return self.plain(text)
        clean = self.value(found)
        return text if clean == found else json.dumps(clean, ensure_ascii=False)

    def plain(self, text: str) -> str:
        """The same for what is no JSON."""
        erased, hits = self._regex.subn(MARK, text)
        return _MARKS.sub(MARK, erased) if hits else text

    def value(
        self, value: object, *, keys: bool = False, kept: frozenset[str] = frozenset(),
        depth: int = DEPTH,
    ) -> object:  # fmt: skip
        """The same for all texts in a JSON value.

        `keys`: its names are somebody's words, too, but for those that are `kept`.
        """
        if isinstance(value, str):
            return self.text(value)
        if depth <= 0:
            return value
        if isinstance(value, list):
            return [self.value(one, keys=keys, kept=kept, depth=depth - 1) for one in value]
        if isinstance(value, dict):
            return {
                self.plain(k) if keys and k not in kept else k: self.value(
                    v, keys=keys, kept=kept, depth=depth - 1
                )
                for k, v in value.items()
            }
        return value

    def action(self, text: str) -> str:
        """An approval's action: cards of what is over are still drawn from it, by its names."""
        found = _parsed(text)
        clean = self.value(found, keys=True, kept=ACTION_NAMES)
        if found is None or clean == found:
            return self.plain(text) if found is None else text
        return json.dumps(clean, sort_keys=True, separators=(",", ":"))

    def payload(self, payload: dict[str, object]) -> dict[str, object]:
        """An outbox row's payload: what is read is cleaned, what buttons do stays as it is."""
        clean = dict(payload)
        for name in ("text", "caption", "filename"):
            if isinstance(shown := payload.get(name), str):
                clean[name] = self.plain(shown)
        if clean.get("text") != payload.get("text"):
            clean.pop("entities", None)  # they count characters
        if isinstance(content := payload.get("content"), str):
            clean["content"] = self.encoded(content)
        if isinstance(keys := payload.get("buttons"), list):
            clean["buttons"] = [[[self.plain(str(k[0])), *k[1:]] for k in row] for row in keys]
        if isinstance(choices := payload.get("choices"), list):
            clean["choices"] = [self.value(choice) for choice in choices]
        if isinstance(photos := payload.get("photos"), list):
            clean["photos"] = [self.payload(photo) for photo in photos]
        return clean

    def encoded(self, content: str) -> str:
        """A file in base64: a text is cleaned; anything else that holds the words is emptied."""
        try:
            raw = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            return self.plain(content)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return _encoded(MARK) if self.holds(raw.decode("latin-1")) else content
        clean = self.text(text)
        return content if clean == text else _encoded(clean)


def grouped(parts: Sequence[str]) -> tuple[str, ...]:
    """Patterns of a few parts each."""
    return tuple("|".join(parts[at : at + GROUP]) for at in range(0, len(parts), GROUP))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _alone(word: str) -> str:
    """Where a word counts: a long one anywhere, a short one only by itself."""
    if word.isdecimal() and len(word) < ANYWHERE:
        return rf"(?<!\d){word}(?!\d)"
    if len(word) >= ANYWHERE:
        return rf"{re.escape(word)}[^\W_]*"
    return rf"(?<![^\W_]){re.escape(word)}" + (r"[^\W_]*" if len(word) >= STEM else r"(?![^\W_])")


def _loosely(word: str) -> str:
    """A word for Postgres; a letter beyond ASCII may stand as an escape of JSON.

    Where it has a run of other letters, that is enough: what is found is looked at again.
    """
    run = max(_ASCII.findall(word), key=len, default="")
    if len(run) >= min(len(word), RUN):
        return run
    return "".join(
        c if c.isascii() else "(" + "|".join((re.escape(c), *_escapes(c))) + ")" for c in word
    )


def _escapes(char: str) -> list[str]:
    forms = {json.dumps(form)[1:-1] for form in (char, char.upper())}
    return [form.replace("\\", r"\\+") for form in sorted(forms)]


def _parsed(text: str) -> list[object] | dict[str, object] | None:
    """A text that is JSON as what it says; None for any other."""
    if text[:1] not in {"{", "["}:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list | dict) else None


def without(payload: str, told: frozenset[tuple[int, int]], *, is_all: bool = False) -> str:
    """An update without the texts of these messages (chat, message), also where they are quoted."""
    update = _parsed(payload)
    if not isinstance(update, dict):
        return MARK if is_all else payload
    _empty(update, told, is_all=is_all)
    return json.dumps(update, ensure_ascii=False)


def _empty(node: object, told: frozenset[tuple[int, int]], *, is_all: bool) -> None:
    if isinstance(node, list):
        for one in node:
            _empty(one, told, is_all=is_all)
    if not isinstance(node, dict):
        return
    is_told = is_all or message_of(node) in told
    reply = node.get("reply_to_message")
    if isinstance(reply, dict) and message_of(reply) in told:
        node.pop("quote", None)
    for name, value in node.items():
        if is_told and name in {"text", "caption"} and isinstance(value, str):
            node[name] = MARK
        else:
            _empty(value, told, is_all=is_all)
    if is_told:
        for name in ("entities", "caption_entities", "quote"):
            node.pop(name, None)


def message_of(node: dict[str, object]) -> tuple[int, int] | None:
    """Chat and id when this is a message of Telegram's."""
    chat, number = node.get("chat"), node.get("message_id")
    place = chat.get("id") if isinstance(chat, dict) else None
    return (place, number) if isinstance(place, int) and isinstance(number, int) else None
