"""What a secret may be called, hold, and be sent with. Pure.

Threat: somebody types the secret where its name, host or header belongs, and the complaint about it
ends in a chat or a log. So no error here repeats what was given.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from core.errors import UserFacing

MAX_VALUE_BYTES = 8192
PLAIN = "{}"
NOWHERE = "hooks.invalid"  # a host that cannot exist (RFC 6761): no task can use such a secret
_OWN = ("HOOK_", "MAIL_")  # what only the instance itself uses: triggers' secrets

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}")
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")  # a token of RFC 9110, in lower case
_TEMPLATE = re.compile(r"[\x20-\x7a\x7c\x7e]*\{\}[\x20-\x7a\x7c\x7e]*")
# Headers that steer the message itself: a secret there would break it or send it elsewhere.
_FRAMING = frozenset(
    {"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """Where a secret may go: to `host`, in `header`, put into `template` in place of `{}`."""

    host: str
    header: str
    template: str


def parse_name(text: str) -> str:
    """`text` if it may name a secret, or `UserFacing`."""
    if not _NAME.fullmatch(text):
        raise UserFacing(
            "That is no name for a secret.",
            "Use up to 64 capital letters, digits and _, beginning with a letter: GITHUB_TOKEN",
        )
    return text


def is_own(name: str) -> bool:
    """Whether `name` is that of a trigger's secret, which needs no host. Pure."""
    return name.startswith(_OWN)


def parse_value(text: str) -> str:
    """`text` if it may be a secret's value, or `UserFacing`; never repeats it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UserFacing("The value is not valid text.") from None
    if not 1 <= size <= MAX_VALUE_BYTES:
        raise UserFacing(f"The value must have 1 to {MAX_VALUE_BYTES} bytes.")
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise UserFacing(
            "The value must not hold line breaks, tabs or other control characters.",
            "Was a line break copied with it?",
        )
    return text


def parse_use(host: str, header: str, template: str) -> Use:
    """Host pattern, header and template, each checked, or `UserFacing`."""
    return Use(
        host=_parse_host(host), header=_parse_header(header), template=_parse_template(template)
    )


def _parse_host(text: str) -> str:
    host = text.lower()
    is_wide = host.startswith("*.") and host.count(".") < 2
    if len(host) > 253 or not _HOST.fullmatch(host) or is_wide or _is_address(host):
        raise UserFacing(
            "That is no host to send a secret to.",
            "Give a full name such as api.example.com, or *.example.com for one label before it.",
        )
    return host


def _is_address(host: str) -> bool:
    """Names that end in digits are read as IPv4 addresses (WHATWG URL, section 3.5)."""
    return host.rpartition(".")[2].isdecimal()


def _parse_header(text: str) -> str:
    header = text.lower()
    if not _HEADER.fullmatch(header) or header in _FRAMING:
        raise UserFacing("That is no header for a secret.", "Most services read: authorization")
    return header


def _parse_template(text: str) -> str:
    if len(text) > 100 or not _TEMPLATE.fullmatch(text):
        raise UserFacing(
            "The format must hold {} exactly once, where the value goes.", "Such as: Bearer {}"
        )
    return text
