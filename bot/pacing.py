"""How fast messages may be sent. Pure.

Telegram (core.telegram.org/bots/faq, "My bot is hitting limits") allows 30 messages a second over
all chats, and advises one a second in one chat but lets bursts pass. So we send as fast as the
first limit allows until Telegram asks us to wait; then we wait as long as it says and keep to one a
second in that chat for a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BURST = 30.0
RATE = 25.0
CAREFUL_FOR_S = 60.0


@dataclass(slots=True)
class Bucket:
    """A token bucket: `burst` at once, `rate` a second after that."""

    burst: float
    rate: float
    _level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._level = self.burst

    def wait_s(self, *, now: float) -> float:
        """Seconds until one more may go."""
        self._refill(now)
        return 0.0 if self._level >= 1 else (1 - self._level) / self.rate

    def take(self, *, now: float) -> None:
        """Counts one that goes now."""
        self._refill(now)
        self._level -= 1

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.rate)
        self._at = now


@dataclass(slots=True)
class _Careful:
    """A chat in which Telegram asked for silence."""

    silent_until: float
    careful_until: float
    bucket: Bucket = field(default_factory=lambda: Bucket(1.0, 1.0))


class Pacer:
    """All limits together."""

    def __init__(self) -> None:
        self._all = Bucket(BURST, RATE)
        self._careful: dict[int, _Careful] = {}

    def wait_s(self, chat_id: int, *, now: float) -> float:
        """Seconds until a message to `chat_id` may go."""
        wait = self._all.wait_s(now=now)
        careful = self._careful.get(chat_id)
        if careful is None:
            return wait
        if now >= careful.careful_until:
            del self._careful[chat_id]
            return wait
        return max(wait, careful.silent_until - now, careful.bucket.wait_s(now=now))

    def take(self, chat_id: int, *, now: float) -> None:
        """Counts a message that goes now."""
        self._all.take(now=now)
        if chat_id in self._careful:
            self._careful[chat_id].bucket.take(now=now)

    def pause(self, chat_id: int, seconds: float, *, now: float) -> None:
        """Telegram asked for `seconds` of silence in a chat."""
        silent_until = now + seconds
        self._careful[chat_id] = _Careful(
            silent_until=silent_until, careful_until=silent_until + CAREFUL_FOR_S
        )
