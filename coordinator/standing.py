"""Orders of the owner's that hold until they lift them, found in their own words. Pure.

Threat: the owner says "do not send anything until I say so", the model nods, and forgets it ten
turns or one summary later. So the clear sentences of this kind are found here, without any model,
in what the owner wrote themselves: what forbids or delays effects becomes an input of the policy
kernel at once. Rather a rule too many, since one tap lifts it, than one too few. What somebody else
wrote (forwarded, quoted, a file's name) never makes a rule.

English and German. A sentence is held against the tables below in this order: what is no order
(questions, "don't forget to …", "I never …"), then orders about effects, then lasting orders about
how to work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.policy import Hold

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

TEXT_CAP = 300
SCANNED_CAP = 20_000  # more than one message of Telegram's can hold
LONG_CAP = 2_000
A_MESSAGE = 3
TOO_MANY = f"One message can give {A_MESSAGE} rules."
TOO_LONG = f"A rule may have {TEXT_CAP} characters at most."


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One order in force."""

    no: int
    text: str
    hold: Hold
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One lasting order, and what it does to effects."""

    text: str
    hold: Hold = Hold.NONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """An order that was not kept, and why; the owner is told."""

    text: str
    why: str


# --- words ---

_DOES_EN = (
    r"(?:send|e-?mail|mail|write|text|message|reply|answer to|respond to|post|publish|tweet|share|"
    r"upload|forward|submit|contact|call|ping|push|deploy|merge|commit|delete|remove|erase|wipe|"
    r"overwrite|replace|change|modify|edit|touch|move|rename|buy|order|pay|purchase|book|spend|"
    r"transfer|invite|cancel|subscribe|unsubscribe|do|execute)"
)
_DOING_EN = (
    r"(?:sending|e-?mailing|mailing|writing|texting|messaging|replying|posting|publishing|sharing|"
    r"uploading|forwarding|submitting|contacting|pushing|deploying|merging|committing|deleting|"
    r"removing|overwriting|changing|modifying|editing|buying|ordering|paying|booking|spending|"
    r"doing)"
)
_NOT_EN = (
    r"(?:do not|don'?t|dont|do never|never(?: ever)?|must(?: not|n'?t)|may not|should(?: not|n'?t))"
)
_START = (
    r"(?:^|[,;:]\s*|\b(?:and|but|please|then|so|also|okay|ok|hey|now|und|aber|bitte|dann|also)\s+)"
)
_YOU = r"(?:you\s+)?(?:please\s+)?"
_DOES_DE = (
    r"(?:schick(?:e|st|en|t)?|send(?:e|est|en|et)?|versend(?:e|en)?|verschick(?:e|en)?|"
    r"abschick(?:e|en)|abzuschicken|absend(?:e|en)|schreib(?:e|st|en)?|antwort(?:e|est|en)|"
    r"mail(?:e|en)?|post(?:e|en)|veröffentlich(?:e|en)?|teil(?:e|en)?|leit(?:e|en)?|weiterleiten|"
    r"hochladen|lad(?:e|en)|lösch(?:e|en|t)?|entfern(?:e|en)?|überschreib(?:e|en)?|änder(?:e|n)|"
    r"ander(?:e|n)|verschieb(?:e|en)?|kauf(?:e|en)?|bestell(?:e|en)?|bezahl(?:e|en)?|zahl(?:e|en)?|"
    r"überweis(?:e|en)?|buch(?:e|en)?|kündig(?:e|en)?|kontaktier(?:e|en)?|unternimm|unternehmen|"
    r"mach(?:e|en)?|tu(?:e|n)?)"
)
_NOT_DE = r"(?:nichts|nicht|nie|niemals|keine?[nmrs]?|niemand(?:em|en)?)"

# --- no orders ---

_NO_ORDER = re.compile(
    r"\?\s*$"
    r"|\b(?:don'?t|do not|never)\s+(?:forget|hesitate|worry|mind|bother|you|know|think|get|need|"
    r"have|let me|give up|say never)\b"
    r"|\bvergiss nicht\b|\bnicht vergessen\b|\bnever mind\b|\bmacht nichts\b|\bwhy (?:don'?t|not)\b"
    r"|\b(?:tut|tu|mach(?:t|e)?) (?:mir |dir )?(?:nichts (?:aus|zur sache)|keine sorgen)\b",
    re.IGNORECASE,
)
# Talk about what reaches the owner themselves, or how an answer looks, holds nothing back.
_TO_ME = re.compile(
    r"\b(?:send|write|text|message|mail|e-?mail|reply|call|ping|share|give|show)(?:ing)?\s+"
    r"(?:to\s+)?(?:me|us)\b"
    r"|\b(?:schick|schicke|send|sende|schreib|schreibe|antworte|maile?)\s+(?:mir|uns)\b"
    r"|\b(?:write|answer|reply|respond|do|schreib|schreibe|antworte|mach|mache)\s+(?:\w+\s+){0,2}"
    r"(?:in|so|too|with|like|auf|zu|mit)\b",
    re.IGNORECASE,
)

# --- orders about effects ---

_EFFECTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # do not send anything …, never write to …, you must not delete …
        rf"{_START}{_YOU}{_NOT_EN}\s+(?:\w+ly\s+|ever\s+|just\s+|go and\s+)?{_DOES_EN}\b",
        # nothing leaves …, nothing may be sent
        r"\bnothing\s+(?:\w+\s+){0,3}(?:leaves|goes out|go out|leave|sent|deleted|changed|posted|"
        r"published|happens|bought|paid|ordered)\b",
        # send nothing, delete nothing
        rf"{_START}{_YOU}{_DOES_EN}\s+(?:nothing|no\s+(?:e-?mails?|messages?|one|files?|money))\b",
        # no mails without …, no purchases until …
        r"\bno\s+(?:e-?mails?|messages?|posts?|purchases?|payments?|orders?|changes?|deletions?|"
        r"pushes|deploys?)\b.*\b(?:without|until|unless|before|till)\b",
        # ask me before …, check with me first, get my ok before …
        r"\b(?:ask|check with|consult|tell)\s+me\s+(?:first|before|beforehand)\b",
        r"\b(?:wait for|get|need|want)\s+my\s+(?:ok|okay|go-?ahead|approval|permission|consent)\b",
        r"\bwithout\s+(?:asking\s+(?:me\s+)?(?:first)?|my\s+(?:ok|okay|approval|permission|consent|"
        r"go-?ahead|say-?so))",
        # hold off on sending, stop posting, wait with the sending
        rf"{_START}{_YOU}(?:hold off(?: on)?|stop|wait with|refrain from|avoid)\s+(?:the\s+)?"
        rf"{_DOING_EN}\b",
        r"\b(?:i|we)\s+(?:do not|don'?t)\s+want\s+(?:you\s+to|anything\s+(?:to\s+be\s+)?)\s*"
        r"(?:send|sent|write|post|posted|publish|delete|deleted|change|changed|buy|bought|pay)\b",
        # German: schick nichts …, sende niemals …, lösche keine …
        rf"{_START}{_DOES_DE}\s+(?:(?!ich\b)\w+\s+){{0,4}}?{_NOT_DE}\b",
        # nichts senden, keine Mails verschicken, nicht löschen
        rf"{_START}(?:du\s+(?:darfst|sollst)\s+)?(?:\w+\s+)?{_NOT_DE}\s+(?:(?!ich\b)\w+\s+){{0,4}}?"
        rf"{_DOES_DE}\b",
        r"\bdu\s+(?:darfst|sollst)\s+(?:\w+\s+){0,4}(?:nichts|nie|niemals|nicht|keine?[nmrs]?)\b",
        r"\b(?:ohne|bevor du)\b.*\b(?:meine?\s+(?:zustimmung|erlaubnis|freigabe|ok|okay)|"
        r"mich zu fragen|mein ok|zu fragen)\b",
        r"\bfrage?\s+(?:mich\s+)?(?:immer,?\s+)?(?:mich,?\s+)?(?:vorher|zuerst|erst|bevor)\b",
        r"\b(?:erst|vorher|zuerst|immer)\s+(?:mich\s+)?fragen\b",
        r"\bnichts\s+(?:\w+\s+){0,3}(?:geht|verlässt|raus|rausgehen|gesendet|verschickt|gelöscht)\b",
    )
)
_FORBIDS = re.compile(
    r"\b(?:never|under no circumstances|on no account|nie|niemals|auf keinen fall|"
    r"unter keinen umständen)\b",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(?:anything|nothing|any\s+(?:e-?mails?|messages?|files?|posts?)|to (?:anyone|anybody)|"
    r"nichts|irgend\s?etwas|irgendwas|etwas|jemandem?)\b",
    re.IGNORECASE,
)
_UNTIL = re.compile(
    r"\b(?:until|till|unless|without|before|except|first|yet|bis|bevor|ohne|außer|ausser|solange|"
    r"noch|vorher)\b",
    re.IGNORECASE,
)

# --- lasting orders about how to work ---

_NO_VERB = (
    r"(?:a|an|the|been|thought|wanted|had|was|is|am|are|happy|glad|good|nice|great|in|on|at|my|your|"
    r"this|that|it|again|noch|wieder|gut|schön|mehr|mal)"
)
_LASTING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:please\s+|but\s+|and\s+|you (?:must|should)\s+)?(?:always|never)\s+(?!{_NO_VERB}\b)"
        r"[a-z]+\b",
        r"^(?:from now on|from today on|in future|going forward|henceforth|whenever i|every time i)"
        r"\b",
        r"^(?:bitte\s+)?(?:ab jetzt|ab sofort|ab heute|von nun an|künftig|in zukunft|zukünftig)\b",
        r"^(?:bitte\s+)?(?!ich\b|er\b|sie\b|es\b|wir\b|ihr\b|das\b|dies|der\b|die\b|man\b|mein|was\b|"
        r"wie\b|war\b|ist\b|hat\b|habe\b|bin\b|so\b|geht\b|schon\b|auch\b|noch\b)"
        r"[a-zäöüß]+(?:e|b|f|g|k|l|m|n|ck|ch|d)?\s+(?:mir\s+|uns\s+|bitte\s+|dabei\s+)?"
        rf"(?:immer|stets|grundsätzlich|niemals|nie)\s+(?!{_NO_VERB}\b)\w+",
    )
)

_QUOTED = re.compile(r"```.*?```|`[^`]*`|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W_]+")


def orders_in(text: str) -> tuple[Order, ...]:
    """The lasting orders in the owner's own words; at most a few of one message."""
    return _strict_first(text)[:A_MESSAGE]


def missed_in(text: str) -> tuple[Missed, ...]:
    """What reads like an order in the same text and is none of `orders_in`."""
    many = (Missed(text=order.text, why=TOO_MANY) for order in _strict_first(text)[A_MESSAGE:])
    long = (
        Missed(text=" ".join(sentence.split())[:TEXT_CAP], why=TOO_LONG)
        for sentence in _sentences(text)
        if len(plain := _plain(sentence)) > TEXT_CAP and _reads_like_one(plain[:LONG_CAP])
    )
    return (*many, *long)


def _strict_first(text: str) -> tuple[Order, ...]:
    found: dict[str, Order] = {}
    for sentence in _sentences(text):
        order = understood(sentence)
        if order is not None:
            found.setdefault(fingerprint(order.text), order)
    return tuple(sorted(found.values(), key=lambda order: _RANK[order.hold]))


def _reads_like_one(text: str) -> bool:
    if _NO_ORDER.search(text):
        return False
    return any(pattern.search(text) for pattern in (*_EFFECTS, *_LASTING))


_RANK = {Hold.DENY: 0, Hold.ASK: 1, Hold.NONE: 2}


def understood(sentence: str) -> Order | None:
    """One sentence as a lasting order, if it clearly is one."""
    text = _plain(sentence)
    if not text or len(text) > TEXT_CAP or _NO_ORDER.search(text):
        return None
    shown = " ".join(sentence.split())[:TEXT_CAP]
    if not _TO_ME.search(text) and any(pattern.search(text) for pattern in _EFFECTS):
        return Order(text=shown, hold=_how(text))
    if any(pattern.search(text) for pattern in _LASTING):
        return Order(text=shown)
    return None


def hold_of(text: str) -> Hold:
    """What an order that the owner gave as one (`/rules add`) does to effects."""
    holds = [order.hold for order in orders_in(text)]
    return min(holds, key=lambda hold: _RANK[hold]) if holds else Hold.NONE


def strictest(holds: Iterable[Hold]) -> Hold:
    """What all of these do together."""
    return min(holds, key=lambda hold: _RANK[hold], default=Hold.NONE)


def fingerprint(text: str) -> str:
    """The wording without case and punctuation: the same order is kept once."""
    return " ".join(_WORD.findall(text.casefold()))


def _how(text: str) -> Hold:
    """Forbidden for good, without any "until", is denied; all else waits for a tap."""
    is_final = _FORBIDS.search(text) and _ALL.search(text) and not _UNTIL.search(text)
    return Hold.DENY if is_final else Hold.ASK


def _plain(sentence: str) -> str:
    """Without quotations, typographic apostrophes and doubled spaces."""
    own = _QUOTED.sub(" ", sentence.replace("\u2019", "'").replace("\u2018", "'"))
    return " ".join(own.split()).strip()


def _sentences(text: str) -> list[str]:
    """The sentences of the beginning and the end, without lines that quote somebody."""
    half = SCANNED_CAP // 2
    near = text if len(text) <= SCANNED_CAP else f"{text[:half]}\n{text[-half:]}"
    lines = [line for line in near.splitlines() if not line.lstrip().startswith((">", "|"))]
    return [part.strip() for part in _SENTENCE.split("\n".join(lines)) if part.strip()]
