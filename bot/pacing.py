"""How fast messages may be sent. Pure.

Times are seconds of one monotonic clock, given by the caller. Telegram's limits
(core.telegram.org/bots/faq, "My bot is hitting limits"): about one message a second in one chat,
short bursts allowed, and 30 a second over all chats.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CHAT_BURST = 20.0
CHAT_RATE = 1.0
ALL_BURST = 30.0
ALL_RATE = 25.0


@dataclass(slots=True)
class Bucket:
    """A token bucket: `burst` at once, `rate` a second after that."""

    burst: float
    rate: float
    _level: float = field(init=False)
    _at: float = field(default=0.0, init=False)

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
        if self._at:
            self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.rate)
        self._at = now


class Pacer:
    """All limits together."""

    def __init__(self) -> None:
        self._all = Bucket(ALL_BURST, ALL_RATE)
        self._chats: dict[int, Bucket] = {}
        self._pause_until = 0.0

    def wait_s(self, chat_id: int, *, now: float) -> float:
        """Seconds until a message to `chat_id` may go."""
        pause = max(0.0, self._pause_until - now)
        return max(pause, self._all.wait_s(now=now), self._chat(chat_id).wait_s(now=now))

    def take(self, chat_id: int, *, now: float) -> None:
        """Counts a message that goes now."""
        self._all.take(now=now)
        self._chat(chat_id).take(now=now)

    def pause(self, seconds: float, *, now: float) -> None:
        """Telegram asked for silence."""
        self._pause_until = max(self._pause_until, now + seconds)

    def _chat(self, chat_id: int) -> Bucket:
        return self._chats.setdefault(chat_id, Bucket(CHAT_BURST, CHAT_RATE))
