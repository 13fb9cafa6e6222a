"""When a growing answer is shown.

Pure: times are seconds of one monotonic clock, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class DraftPace:
    """Shows an answer that takes long: first after `FIRST_S`, then every `NEXT_S`.

    An answer that is complete before `FIRST_S` is sent once, whole; that is the usual case.
    """

    FIRST_S: ClassVar[float] = 1.0
    NEXT_S: ClassVar[float] = 1.5
    MIN_CHARACTERS: ClassVar[int] = 40

    is_open: bool = False
    _due: float | None = None

    def is_due(self, *, now: float) -> bool:
        """Whether it is time to show the text; called whenever it grew."""
        if self._due is None:
            self._due = now + self.FIRST_S
        if now < self._due:
            return False
        self._due = now + self.NEXT_S
        return True
