"""Work that kills its process again and again is not taken a fourth time. Pure."""

from __future__ import annotations

LIMIT = 3
FORGET_S = 3600.0
KEPT = 256


class Strikes:
    """Counts by digest how often a piece of work ended its process. Times are given by callers."""

    def __init__(self) -> None:
        self._counts: dict[bytes, tuple[int, float]] = {}

    def add(self, digest: bytes, *, now: float) -> None:
        """One more process ended by it; only the newest few hundred are remembered."""
        count = self._count(digest, now)
        self._counts.pop(digest, None)
        self._counts[digest] = (count + 1, now)
        while len(self._counts) > KEPT:
            del self._counts[next(iter(self._counts))]

    def clear(self, digest: bytes) -> None:
        """It went well."""
        self._counts.pop(digest, None)

    def is_out(self, digest: bytes, *, now: float) -> bool:
        """Whether it may not be tried again for now."""
        return self._count(digest, now) >= LIMIT

    def _count(self, digest: bytes, now: float) -> int:
        count, at = self._counts.get(digest, (0, now))
        return count if now - at < FORGET_S else 0
