"""What the random walk over approvals knows, and how it turns clocks and tables back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.approvals import Choice
from core.db import Database

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from core.approvals import Approval, Given

SAVING = (
    "alter table approvals add column saved text[]",
    "alter table approval_actions add column saved text[]",
)
SAVE = (
    "update approvals set saved = array[state, scope, decided_at::text, expires_at::text]"
    " where task_no = $1",
    "update approval_actions i set saved = array[i.consumed_at::text, i.outcome]"
    " from approvals a where a.id = i.approval_id and a.task_no = $1",
)
ROLL_BACK = (
    "update approvals set state = saved[1], scope = saved[2], decided_at = saved[3]::timestamptz,"
    " expires_at = saved[4]::timestamptz where task_no = $1 and saved is not null",
    "update approval_actions i set consumed_at = i.saved[1]::timestamptz, outcome = i.saved[2]"
    " from approvals a where a.id = i.approval_id and a.task_no = $1 and i.saved is not null",
)
LATE = "update approvals set expires_at = clock_timestamp() where id = $1"
DONE = "update tasks set state = 'done' where no = $1"
STALE = "update approvals set decided_at = decided_at - interval '20 minutes' where id = $1"


@dataclass
class Walked:
    """How far the machine went, and how many tickets it was given."""

    steps: int = 0
    used: int = 0
    decided: int = 0
    rolled_back: int = 0


@dataclass
class World:
    """What all examples share."""

    runner: asyncio.Runner
    database: Database
    folder: Path
    walked: Walked = field(default_factory=Walked)
    examples: int = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)


@dataclass
class Known:
    """What the model knows of one approval."""

    stored: Approval
    variant: int
    state: str = "pending"
    is_late: bool = False
    is_stale: bool = False
    is_wide: bool = False
    saved: tuple[str, bool, bool] | None = None

    def may_be_used(self) -> bool:
        return self.state == "approved" and not self.is_stale

    def accepts(self, given: Given, fault: str) -> bool:
        """Whether the decision counts while the task lives; `fault` is what is wrong about it."""
        if self.state != "pending" or self.is_late or fault in {"user", "chat"}:
            return False
        if given.via == "button" and fault == "card":
            return False
        if given.choice is Choice.DENY:
            return True
        is_typed = given.via == "command" and fault != "code"
        is_tapped = given.via == "button" and not self.stored.is_production
        is_wide = given.choice is not Choice.ONCE
        return (is_typed or is_tapped) and (self.stored.may_remember or not is_wide)
