"""Scrubbing a stream whose pieces may cut a secret in two.

Threat: a server echoes a secret, and the container arranges that it stands across two pieces. So
the last bytes are held back, already scrubbed, until it is known what follows them. That is right
for every secret of at most `held_back` bytes, as `Judge.scrub` leaves its own placeholders alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from executors.gateway.ports import Headers


class Window:
    """Takes pieces and gives out what can hold no part of a secret any more."""

    def __init__(self, scrub: Callable[[bytes], bytes], held_back: int) -> None:
        self._scrub = scrub
        self._held_back = held_back
        self._new = bytearray()

    def push(self, piece: bytes) -> bytes:
        """Takes a piece; returns what may go now, often nothing."""
        self._new += piece
        if len(self._new) <= 2 * self._held_back:
            return b""
        clean = self._scrub(bytes(self._new))
        cut = max(0, len(clean) - self._held_back)
        self._new = bytearray(clean[cut:])
        return clean[:cut]

    def rest(self) -> bytes:
        """What is left at the end."""
        clean = self._scrub(bytes(self._new)) if self._new else b""
        self._new.clear()
        return clean


def scrub_headers(scrub: Callable[[bytes], bytes], first: bytes, headers: Headers) -> Headers:
    """Scrubs a first line and headers in one go; the first line comes back as the first pair."""
    blob = b"\r\n".join((b": " + first, *(name + b": " + value for name, value in headers)))
    pairs = [line.partition(b": ") for line in scrub(blob).split(b"\r\n")]
    return tuple((name, value) for name, _, value in pairs)
