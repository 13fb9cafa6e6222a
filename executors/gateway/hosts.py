"""Names of hosts, read strictly.

Threat: a hostile container writes a name that we read one way and a resolver, a server or a
policy another way (an address in octal, a trailing dot, `a@b`, a look-alike letter). So nothing is
repaired: there is one spelling of a name, and all others are refused. Rules: RFC 1123 section 2.1
for labels, RFC 5890 for `xn--` ones; no address literal of any kind (WHATWG URL, "ends in a
number"), no single label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

from core.errors import Denied

Host = NewType("Host", str)

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_STRANGE = re.compile(r"[^a-z0-9.-]")
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
NAME_CAP = 253


class BadHost(Denied):
    """A host, pattern or authority that is not written as it must be."""

    def __init__(self, reason: str) -> None:
        super().__init__("malformed", f"The host cannot be used: {reason}.")
        self.reason = reason


def parse_host(text: str) -> Host:
    """The name in lower case; raises `BadHost`."""
    if not text:
        raise BadHost("it is empty")
    if not text.isascii():
        raise BadHost("it has letters outside ASCII; write it in its xn-- form")
    name = text.lower()
    if strange := _STRANGE.search(name):
        raise BadHost(f"it has the character {strange.group()!r}")
    if len(name) > NAME_CAP:
        raise BadHost(f"it is longer than {NAME_CAP} characters")
    _check_labels(name.split("."))
    return Host(name)


def _check_labels(labels: list[str]) -> None:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise BadHost("a label is empty, too long, or begins or ends with a hyphen")
        if label.startswith("xn--"):
            _check_international(label)
    if len(labels) < 2:
        raise BadHost("it has only one label")
    if labels[-1][0].isdigit():
        raise BadHost("it is an address or its last label begins with a digit")


def _check_international(label: str) -> None:
    import idna

    try:
        same = idna.alabel(idna.ulabel(label)) == label.encode()
    except (idna.IDNAError, UnicodeError) as error:
        raise BadHost("an xn-- label does not decode") from error
    if not same:
        raise BadHost("an xn-- label is not in its only spelling")


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPattern:
    """A host, or with `*.` in front every name with exactly one label more."""

    name: Host
    is_wild: bool = False

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Reads `example.com` or `*.example.com`; raises `BadHost`."""
        is_wild = text.startswith("*.")
        return cls(name=parse_host(text[2:] if is_wild else text), is_wild=is_wild)

    def matches(self, host: Host) -> bool:
        """Whether the pattern covers `host`."""
        if not self.is_wild:
            return host == self.name
        first, _, rest = host.partition(".")
        return bool(first) and rest == self.name

    def __str__(self) -> str:
        return f"*.{self.name}" if self.is_wild else self.name


def parse_authority(text: str) -> tuple[Host, int]:
    """Reads `host:port` of a CONNECT; raises `BadHost`."""
    name, colon, port = text.rpartition(":")
    if not colon:
        raise BadHost("the port is missing")
    return parse_host(name), parse_port(port)


def parse_port(text: str) -> int:
    """A port from 1 to 65535, plain digits; raises `BadHost`."""
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise BadHost("the port is not a number from 1 to 65535")
    return int(text)
