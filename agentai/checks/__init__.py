"""What `agentai doctor` looks at: one function a part.

Each returns a short sentence about what it found, or raises: `UserFacing` with what is wrong and
how to mend it, any other error of ours as it comes. None of them changes anything that stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentai.checks.containers import container, engine
from agentai.checks.machine import disk, home, python, secret_key
from agentai.checks.services import clock, memory, model, postgres, redis, telegram
from agentai.checks.setting import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A part's name and how to look at it."""

    name: str
    look: Callable[[], Awaitable[str]]


CHECKS = tuple(
    Check(name=look.__name__.replace("_", "-"), look=look)
    for look in (
        python, settings, home, secret_key, postgres, memory, redis, telegram, model, engine,
        container, disk, clock,
    )
)  # fmt: skip
