"""What the egress proxy asks of others, and the words they share.

The proxy carries bytes and keeps to the wire's rules; a `Judge` decides what a task may reach. One
judge belongs to one task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from executors.gateway.hosts import Host

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Scheme: TypeAlias = Literal["http", "https"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """No: `code` is a reason code such as `host_not_granted`, `text` a sentence for a reader."""

    code: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Splice:
    """Carry the TLS bytes unread; only the server's name is checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspect:
    """Open the TLS with our own authority and ask about every request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One inspected request as the container sent it.

    `target` is the path and query exactly as on the wire. `headers` have lower-case names and lack
    what the proxy sets itself: Host, framing, hop-by-hop, Accept-Encoding and Range.
    """

    scheme: Scheme
    host: Host
    port: int
    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Forward:
    """Yes: send the request with these headers, credentials in place.

    `body` takes the place of its own where a form's fields hold credentials, too.
    """

    headers: Headers
    body: bytes | None = None


class Judge(Protocol):
    """Decides for one task and writes down what it allowed; `sent` and `scrub` never wait."""

    async def connect(self, host: Host, port: int) -> Refused | Splice | Inspect:
        """May a tunnel to this place be opened, and how?"""

    def spliced(
        self, host: Host, port: int, cut: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """A spliced tunnel lives as long as the block; `cut` ends it once it is not allowed."""

    async def request(self, asked: Asked) -> Refused | Forward:
        """May this request leave, and with which headers?"""

    async def answered(self, asked: Asked, outcome: str) -> None:
        """An allowed request ended: with a status, or with the code of what went wrong."""

    async def noted(self, place: str, method: str, code: str) -> None:
        """Writes down what the proxy refused by itself; `place` is as the container wrote it."""

    def sent(self, count: int) -> Refused | None:
        """Books bytes before they leave; a refusal keeps them here."""

    def scrub(self, piece: bytes) -> bytes:
        """Replaces every secret that stands whole in `piece`; scrubbing twice changes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Limits of one task's proxy: bytes, seconds and counts.

    `bodies` bounds all request bodies held at once. `held_back` must be at least as long as the
    longest secret: so much of a response waits until it is known what follows. `fresh_s` is how
    long after its last use a connection to a server still carries what changes something.
    """

    head: int = 64 * 1024
    headers: int = 100
    body: int = 32 * 1024 * 1024
    bodies: int = 64 * 1024 * 1024
    response: int = 256 * 1024 * 1024
    held_back: int = 8 * 1024
    hello: int = 16 * 1024
    connections: int = 64
    connect_s: float = 30.0
    idle_s: float = 120.0
    hello_s: float = 10.0
    hang_up_s: float = 5.0
    decide_s: float = 3600.0
    fresh_s: float = 1.0
