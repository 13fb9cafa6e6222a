"""Faults on demand: what the real service does on a bad day, for tests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["403", "409", "429", "500", "502", "drop_before", "drop_after", "hang"]

# Telegram's "Bots FAQ": about one message a second in a chat (short bursts pass), 30 in all.
CHAT_PER_S = 1.0
CHAT_BURST = 5
ALL_PER_S = 30.0
ALL_BURST = 30


@dataclass(kw_only=True, slots=True)
class Fault:
    """The next `count` calls of `method` (`*`: any) go wrong in this way."""

    method: str
    kind: Kind
    count: int = 1
    retry_after: int = 1
    seconds: float = 0.0


class Faults:
    """The faults that are still to come; `flood_control` refuses a bot that sends too fast."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._flood = FloodControl()
        self.flood_control = False

    def add(
        self, method: str, kind: Kind, *, count: int = 1, retry_after: int = 1, seconds: float = 0.0
    ) -> None:
        """Plans a fault. `drop_after` performs the call and then loses the answer."""
        self._planned.append(
            Fault(method=method, kind=kind, count=count, retry_after=retry_after, seconds=seconds)
        )

    def take(self, method: str) -> Fault | None:
        """The fault that befalls this call, if any."""
        for fault in self._planned:
            if fault.method in {method, "*"} and fault.count > 0:
                fault.count -= 1
                self._planned = [f for f in self._planned if f.count > 0]
                return fault
        return None

    def flood(self, method: str, chat_id: object, now: float) -> Fault | None:
        """A 429 when flood control is on and this call comes too early."""
        if not self.flood_control or not method.lower().startswith(("send", "edit")):
            return None
        if method.lower() == "sendchataction":
            return None
        wait = self._flood.wait_s(str(chat_id), now)
        return Fault(method=method, kind="429", retry_after=math.ceil(wait)) if wait else None

    def clear(self) -> None:
        """Good weather again."""
        self._planned.clear()
        self.flood_control = False


class FloodControl:
    """One leaky bucket a chat and one for all; `now` is in seconds of any clock."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def wait_s(self, chat: str, now: float) -> float:
        """0 lets the call pass and counts it; otherwise the seconds until it would pass."""
        buckets = ((f"chat {chat}", CHAT_PER_S, CHAT_BURST), ("all", ALL_PER_S, ALL_BURST))
        wait = max(self._early_s(name, rate, burst, now) for name, rate, burst in buckets)
        if wait > 0:
            return wait
        for name, rate, _ in buckets:
            self._due[name] = max(self._due.get(name, now), now) + 1 / rate
        return 0.0

    def _early_s(self, name: str, rate: float, burst: int, now: float) -> float:
        # The small allowance keeps sums of fractions from refusing a call that is just in time.
        early = self._due.get(name, now) - (burst - 1) / rate - now
        return early if early > 1e-6 else 0.0
