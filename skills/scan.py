r"""Looks through a skill's files for what a careful reader would stumble over. Pure.

Threat: skills are this field's worst attack channel: a line that fetches and runs a script, text
that unpacks itself, an order to read keys and post them somewhere, characters that nobody sees.
What is found stands on the card as advice. It is never the gate: whoever knows these patterns
writes around them, and what a skill can do is held by its grant and its container.

Every pattern has bounded repeats and sees at most `PIECE` characters at once, because the text that
is searched may be written to make the search slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.hygiene import clean, findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RiskKind = Literal[
    "install", "obfuscation", "exfiltration", "hidden", "instructions", "credentials"
]
PIECE = 1_000
OVERLAP = 200
FINDINGS_CAP = 50
SAMPLE_CAP = 100
_TEXT_CAP = 512 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """One finding: where, in one sentence what it may mean, and what stands there."""

    kind: RiskKind
    file: str
    line: int
    sentence: str
    sample: str


_SHELL = r"(?:ba|z|da|k)?sh\b"
_FETCH = r"\b(?:curl|wget|iwr|Invoke-WebRequest)\b"
_RULES: tuple[tuple[RiskKind, str, str], ...] = (
    (
        "install",
        rf"{_FETCH}[^\n|]{{0,300}}\|\s{{0,5}}(?:sudo\s{{1,5}})?(?:{_SHELL}|python|node|perl)"
        rf"|{_SHELL}\s{{1,5}}(?:-c\s{{1,5}})?[\"']?(?:<\(|\$\(|`)\s{{0,5}}{_FETCH}"
        r"|\b(?:iex|Invoke-Expression)\b",
        "It fetches a script from the internet and runs it.",
    ),
    (
        "install",
        r"\b(?:pip3?|pipx|uv|npm|pnpm|yarn|gem|cargo|go|brew|apt|apt-get|dnf|apk|choco|winget)"
        r"\s{1,5}(?:-\S{1,20}\s{1,5}){0,3}(?:pip\s{1,5})?(?:install|add|i|get)\s{1,5}\S",
        "It installs software that nobody here has looked at.",
    ),
    (
        "install",
        rf"{_FETCH}[^\n]{{0,200}}\s-(?:o|O|-output)\b|\bchmod\s{{1,5}}(?:\+x|[0-7]?7[0-7]{{2}})\b"
        r"|\bgit\s{1,5}clone\s{1,5}\S|\bxattr\s{1,5}-(?:c|d)\b|\.(?:exe|dmg|pkg|msi)\b",
        "It downloads a file or makes one executable.",
    ),
    (
        "obfuscation",
        r"\bbase64\s{1,5}(?:-d|-D|--decode)\b|\bxxd\s{1,5}-r\b|\bopenssl\s{1,5}enc\b[^\n]{0,80}-d\b"
        r"|\b(?:b64decode|fromhex|atob|unhexlify|FromBase64String)\s{0,3}\("
        r"|-(?:enc|EncodedCommand)\s",
        "It decodes text that cannot be read here.",
    ),
    (
        "obfuscation",
        r"\b(?:eval|exec)\s{0,3}[(\"'$`]|\b__import__\s{0,3}\(|\bnew\s{1,3}Function\s{0,3}\("
        r"|\bmarshal\.loads\b|\bpickle\.loads\b",
        "It runs text as a program.",
    ),
    (
        "obfuscation",
        r"(?:\\x[0-9A-Fa-f]{2}){12}|(?<![0-9A-Fa-f])[0-9A-Fa-f]{129}|[A-Za-z0-9+/]{201}",
        "It holds a long run of encoded text.",
    ),
    (
        "exfiltration",
        r"\b(?:printenv|os\.environ|process\.env)\b(?!\s{0,2}[\[.])|(?:^|[|;&`(]\s{0,3})env\s{0,3}"
        r"(?:\||>|$)|\bset\s{0,3}\|",
        "It reads all environment variables.",
    ),
    (
        "exfiltration",
        r"webhook\.site|requestbin|pipedream\.net|ngrok(?:-free)?\.(?:io|app)|burpcollaborator"
        r"|oastify\.com|interact\.sh|hookbin|beeceptor|transfer\.sh|0x0\.st|paste(?:bin|\.ee)"
        r"|discord(?:app)?\.com/api/webhooks|hooks\.slack\.com|api\.telegram\.org/bot|\.onion\b",
        "It names a service that collects whatever is sent to it.",
    ),
    (
        "exfiltration",
        r"\bcurl\b[^\n]{0,200}\s(?:-d|-F|-T|--data\S{0,10}|--form|--upload-file)\s{0,3}[\"']?"
        r"[^\s\"']{0,60}(?:@|\$\()|/dev/tcp/|\bnc\s{1,5}(?:-\S{1,5}\s{1,5}){0,3}\S{1,100}\s{1,5}\d{2,5}"
        r"|\bscp\s{1,5}\S|\bhttps?://\d{1,3}(?:\.\d{1,3}){3}",
        "It sends a file or a command's output to another computer.",
    ),
    (
        "credentials",
        r"~?/?\.ssh\b|\bid_(?:rsa|ed25519|ecdsa)\b|\.aws\b|\.kube/config|\.docker/config|\.netrc"
        r"|\.npmrc|\.pypirc|\.gnupg|\.git-credentials|/etc/(?:passwd|shadow|sudoers)"
        r"|\bkeychain\b|\bwallet\.dat\b|\bLogin Data\b|\bcookies\.sqlite\b|(?<![\w.])\.env\b",
        "It names a place where keys and passwords lie.",
    ),
    (
        "credentials",
        r"\b(?:sk-[A-Za-z0-9_-]{20}|gh[pousr]_[A-Za-z0-9]{20}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10}"
        r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY)",
        "It holds what looks like a key.",
    ),
    (
        "credentials",
        r"\b(?:seed phrase|recovery phrase|mnemonic phrase|private key|master password|2fa code"
        r"|one-time code|card number|cvv)\b",
        "It speaks of a secret that no skill needs to see.",
    ),
    (
        "instructions",
        r"\b(?:do not|don't|never|without)\s{1,3}(?:\w{1,12}\s{1,3}){0,2}(?:tell|telling|inform"
        r"|informing|mention|mentioning|ask|asking|notify|notifying|alert|confirm)"
        r"\s{1,3}(?:the\s{1,3})?(?:user|owner|human|anyone|them)\b"
        r"|\b(?:silently|secretly|covertly|quietly)\s{1,3}(?:\w{1,12}\s{1,3}){0,2}"
        r"(?:send|upload|copy|run|read|post|execute|forward|log|collect|append|install)",
        "It orders the agent to hide something from you.",
    ),
    (
        "instructions",
        r"\b(?:disable|bypass|skip|turn off|circumvent)\s{1,3}(?:\w{1,12}\s{1,3}){0,3}(?:safety"
        r"|security|approval|confirmation|guard\w{0,6}|sandbox|permission|policy|check)",
        "It orders the agent to get round a safeguard.",
    ),
)
_COMPILED = tuple((kind, re.compile(rule, re.IGNORECASE), text) for kind, rule, text in _RULES)
_HYGIENE: dict[str, tuple[RiskKind, str]] = {
    "hidden": ("hidden", "It holds characters that nobody sees."),
    "bidi": ("hidden", "It holds characters that change the reading order."),
    "tags": ("hidden", "It holds a text that only a model reads."),
    "controls": ("hidden", "It holds control characters."),
    "mixed_script": ("hidden", "A word mixes letters of two alphabets that look alike."),
    "instruction_like": ("instructions", "It reads like an order against the agent's own rules."),
}


def scan(text: str, *, file: str = "") -> tuple[Risk, ...]:
    """What is odd in one file, each kind of finding once a line; at most `FINDINGS_CAP`."""
    text = text[:_TEXT_CAP]
    found: dict[tuple[int, str], Risk] = {}
    for risk in (*_hygiene(text, file), *_lines(text, file)):
        found.setdefault((risk.line, risk.sentence), risk)
    ordered = sorted(found.values(), key=lambda risk: (risk.line, risk.kind, risk.sentence))
    return tuple(ordered[:FINDINGS_CAP])


def scan_files(files: Iterable[tuple[str, str]]) -> tuple[Risk, ...]:
    """The same for several files (name, text)."""
    return tuple(risk for name, text in files for risk in scan(text, file=name))[:FINDINGS_CAP]


def _lines(text: str, file: str) -> Iterator[Risk]:
    for number, line in enumerate(text.split("\n"), 1):
        for piece in _pieces(line):
            for kind, pattern, sentence in _COMPILED:
                if hit := pattern.search(piece):
                    yield _risk(kind, file, line=number, sentence=sentence, sample=hit[0])


def _pieces(line: str) -> Iterator[str]:
    for start in range(0, max(1, len(line)), PIECE - OVERLAP):
        yield line[start : start + PIECE]


def _hygiene(text: str, file: str) -> Iterator[Risk]:
    for finding in findings(text):
        kind, sentence = _HYGIENE[finding.kind]
        line = text.count("\n", 0, finding.position) + 1
        yield _risk(kind, file, line=line, sentence=sentence, sample=finding.sample)


def _risk(kind: RiskKind, file: str, *, line: int, sentence: str, sample: str) -> Risk:
    shown = clean(" ".join(sample.split()), cap=SAMPLE_CAP)
    return Risk(kind=kind, file=file, line=line, sentence=sentence, sample=shown)
