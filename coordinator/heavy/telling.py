"""How a job tells that it goes on, while it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Tell = Callable[[float, str], None]


def _nobody(share: float, text: str) -> None:
    """Nobody listens."""


#: Called with the share that is done (0 to 1) and a few words; set around each job.
tell: ContextVar[Tell] = ContextVar("tell", default=_nobody)
