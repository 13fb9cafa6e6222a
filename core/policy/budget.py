"""What a task may use up, and whether one more effect fits. Pure.

Spent figures only grow and are kept in Postgres by whoever carries effects out, so that a restart
does not refill a budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.policy.reasons import Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a task has used so far: effects, bytes sent, destinations reached, money, seconds."""

    calls: int = 0
    bytes_out: int = 0
    destinations: frozenset[str] = frozenset()
    cost: Decimal = Decimal(0)
    seconds: float = 0.0
    cards: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The most a task may use; `cards` is how often it may ask the owner."""

    calls: int = 1_000
    bytes_out: int = 50 * 1024 * 1024
    fan_out: int = 20
    cost: Decimal = Decimal(5)
    seconds: float = 86_400.0
    cards: int = 10

    def within(self, other: Budget) -> Budget:
        """The smaller of both, figure by figure."""
        return Budget(
            calls=min(self.calls, other.calls),
            bytes_out=min(self.bytes_out, other.bytes_out),
            fan_out=min(self.fan_out, other.fan_out),
            cost=min(self.cost, other.cost),
            seconds=min(self.seconds, other.seconds),
            cards=min(self.cards, other.cards),
        )

    def exceeded_by(
        self, spent: Spent, *, bytes_out: int, destinations: frozenset[str], cost: Decimal
    ) -> Reason | None:
        """The first limit that one more effect would break, or None."""
        if spent.calls + 1 > self.calls:
            return Reason.CALLS
        if spent.bytes_out + bytes_out > self.bytes_out:
            return Reason.BYTES
        if len(spent.destinations | destinations) > self.fan_out:
            return Reason.FAN_OUT
        if spent.cost + cost > self.cost:
            return Reason.SPEND
        return Reason.TIME if spent.seconds > self.seconds else None
