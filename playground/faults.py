"""Faults on demand: what the real service does on a bad day, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["429", "500", "502", "409", "drop_before", "drop_after", "hang"]


@dataclass(kw_only=True, slots=True)
class Fault:
    """The next `count` calls of `method` (`*`: any) go wrong in this way."""

    method: str
    kind: Kind
    count: int = 1
    retry_after: int = 1
    seconds: float = 0.0


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

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

    def clear(self) -> None:
        """Good weather again."""
        self._planned.clear()
