"""Stand-ins for secrets: what a task holds instead of a credential, and how it is swapped. Pure.

Threat: the container sends a placeholder where it would be shown back, or to another host, hoping
to get the secret there. A placeholder is worth something only for its task, to its host, in its
header; anywhere else it stays what it is, and a request that carries one elsewhere is refused. It
is derived from the instance's key, so nobody can guess one and a restart knows it again.

What comes back is searched for the secret as it is and as servers usually write what they were
sent: in JSON, HTML, a URL, base64, hexadecimal, and inside Basic credentials. A server that works
with the task and hides it in another way cannot be stopped here; a secret goes only to its host.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from executors.gateway.ports import Headers

MARK = b"agentai_secret_"
ENCODED_FROM = 8  # shorter values are not looked for in other spellings


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """One secret's stand-in for one task. `token` is what the task sees."""

    name: str
    host: str
    header: str
    token: str = field(repr=False)

    def is_for(self, host: str) -> bool:
        """Whether the secret may go to the host; `*.` covers one label more."""
        if self.host.startswith("*."):
            return host.partition(".")[2] == self.host[2:]
        return host == self.host


def token_of(secret_key: str, task_no: int, name: str) -> str:
    """The placeholder of a secret for a task."""
    key = hashlib.sha256(b"agentai/placeholder/1\0" + secret_key.encode()).digest()
    digest = hmac.new(key, f"{task_no}\0{name}".encode(), hashlib.sha256).hexdigest()
    return f"{MARK.decode()}{digest[:40]}"


def used_in(headers: Headers, stands: Sequence[Stand], host: str) -> tuple[Stand, ...]:
    """The stand-ins that a request carries where they belong."""
    return tuple(
        stand
        for stand in stands
        if stand.is_for(host)
        and any(name == stand.header.encode() and _has(value, stand) for name, value in headers)
    )


def misplaced(headers: Headers, *, target: str, body: bytes, used: Sequence[Stand]) -> bool:
    """Whether a placeholder stands anywhere but where `used` ones belong."""
    if MARK in target.encode() or MARK in body:
        return True
    for name, value in headers:
        rest = _decoded(value)
        for stand in used:
            if name == stand.header.encode():
                rest = rest.replace(stand.token.encode(), b"")
        if MARK in rest:
            return True
    return False


def swapped(headers: Headers, stand: Stand, *, value: str, whole: str) -> Headers:
    """The headers with the secret in place: `whole` for a bare placeholder, else `value` in it."""
    return tuple(
        (name, _swap(old, stand, value, whole) if name == stand.header.encode() else old)
        for name, old in headers
    )


def forms_of(value: str, token: str) -> dict[bytes, bytes]:
    """The spellings of a secret to look for in an answer, each with what takes its place."""
    raw, mark = value.encode(), token.encode()
    if len(raw) < ENCODED_FROM:
        return {raw: mark}
    texts = {
        quote(value, safe=""), quote(value), quote_plus(value), _small(quote(value, safe="")),
        html.escape(value), html.escape(value).replace("&#x27;", "&#39;"),
        json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1].replace("/", "\\/"), raw.hex(), raw.hex().upper(),
    }  # fmt: skip
    encoded = (base64.b64encode(raw), base64.urlsafe_b64encode(raw))
    forms = {raw, *(text.encode() for text in texts), *(e.rstrip(b"=") for e in encoded)}
    return dict.fromkeys(forms, mark)


def _small(quoted: str) -> str:
    return re.sub("%..", lambda escape: escape.group().lower(), quoted)


def sent_forms(asked: Headers, sent: Headers) -> dict[bytes, bytes]:
    """Credentials as they left, each with what the task had written there."""
    changed = ((a, b) for (_, a), (_, b) in zip(asked, sent, strict=True) if a != b)
    pairs = ((a.partition(b" ")[2], b.partition(b" ")[2]) for a, b in changed if _basic(b))
    found: dict[bytes, bytes] = {}
    for old, new in pairs:
        bare = new.strip().rstrip(b"=")
        quoted = quote(bare, safe="")
        for form in (bare, quoted.encode(), _small(quoted).encode(), bare.replace(b"/", b"\\/")):
            found[form] = old.strip().rstrip(b"=")
    return found


def _has(value: bytes, stand: Stand) -> bool:
    return stand.token.encode() in _decoded(value)


def _swap(old: bytes, stand: Stand, value: str, whole: str) -> bytes:
    token = stand.token.encode()
    if old == token:
        return whole.encode()
    if token in old:
        return old.replace(token, value.encode())
    plain = _basic(old)
    if plain is None or token not in plain:
        return old
    return b"Basic " + base64.b64encode(plain.replace(token, value.encode()))


def _decoded(value: bytes) -> bytes:
    """A header as it is and, for Basic credentials, what they hold."""
    return value + b"\n" + (_basic(value) or b"")


def _basic(value: bytes) -> bytes | None:
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
