"""Whether a webhook comes from who holds the secret. Pure.

Threat: anybody may reach the listener's address through whatever forwards to it, and may have seen
an earlier request. Method: HMAC-SHA256 over what counts, compared in constant time.

- Own format, as Stripe's: `X-AgentAI-Signature: t=UNIX,v1=HEX` signs `t.body`; `t` may be five
  minutes off at most, and within that time the signature itself is the delivery's name, once.
- GitHub's: `X-Hub-Signature-256: sha256=HEX` signs the body; `X-GitHub-Delivery` names it.
  GitHub signs neither that name nor a time, so a request seen once could be sent again under a new
  name: the body's digest counts as well, once for good.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Format = Literal["agentai", "github"]
REPLAY_WINDOW_S = 300
OWN_HEADER = "x-agentai-signature"
GITHUB_HEADER, GITHUB_DELIVERY = "x-hub-signature-256", "x-github-delivery"
_OWN = re.compile(r"t=(\d{1,12}),\s?v1=([0-9a-f]{64})")
_DELIVERY = re.compile(r"[A-Za-z0-9-]{8,80}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A genuine request: its name for idempotency, and the digest of what was signed."""

    key: str
    digest: str


def verify(
    headers: Mapping[str, str], body: bytes, *, secret: bytes, now: datetime, style: Format
) -> Delivery | None:
    """The delivery, or None when the request is not genuine. Header names are in lower case."""
    if not secret:
        return None
    if style == "github":
        return _github(headers, body, secret)
    return _own(headers, body, secret, now)


def sign(body: bytes, *, secret: bytes, now: datetime) -> str:
    """The own format's header, for senders written in Python."""
    stamp = str(int(now.timestamp()))
    return f"t={stamp},v1={_mac(secret, stamp.encode() + b'.' + body)}"


def _own(headers: Mapping[str, str], body: bytes, secret: bytes, now: datetime) -> Delivery | None:
    found = _OWN.fullmatch(headers.get(OWN_HEADER, ""))
    stamp, given = (found[1], found[2]) if found else ("0", "")
    is_genuine = hmac.compare_digest(_mac(secret, stamp.encode() + b"." + body), given)
    is_fresh = abs(now.timestamp() - int(stamp)) <= REPLAY_WINDOW_S
    return Delivery(key=given, digest=given) if is_genuine and is_fresh else None


def _github(headers: Mapping[str, str], body: bytes, secret: bytes) -> Delivery | None:
    given = headers.get(GITHUB_HEADER, "")
    key = headers.get(GITHUB_DELIVERY, "")
    mac = _mac(secret, body)
    is_genuine = hmac.compare_digest(f"sha256={mac}".encode(), given.encode("utf-8", "replace"))
    return Delivery(key=key, digest=mac) if is_genuine and _DELIVERY.fullmatch(key) else None


def _mac(secret: bytes, content: bytes) -> str:
    return hmac.new(secret, content, hashlib.sha256).hexdigest()
