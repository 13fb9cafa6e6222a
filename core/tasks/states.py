"""The states of a task and the decisions about them. Pure.

    queued ──► running ◄──► waiting (for the owner's answer)
      ▲  │        │            │
      │  │        ▼            ▼
      └──┼─── (lost before its first step)
         └──► done | failed | cancelled | unknown

`unknown` says: a step had begun when its container went away, and nobody can tell whether it took
effect. Such a task is reported, never repeated. Every write by an executor host carries the fencing
token that it was given with the claim; a host that lost its lease cannot change anything any more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

LOST_AFTER_S = 600.0


class TaskState(StrEnum):
    """Where a task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


Ended = Literal[TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.UNKNOWN]
_ENDED = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.UNKNOWN})
_NEXT: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset({TaskState.RUNNING, TaskState.CANCELLED, TaskState.FAILED}),
    TaskState.RUNNING: _ENDED | {TaskState.WAITING, TaskState.QUEUED},
    TaskState.WAITING: _ENDED | {TaskState.RUNNING, TaskState.QUEUED},
}


def has_ended(state: TaskState) -> bool:
    """Whether nothing more can happen to a task in `state`."""
    return state in _ENDED


def may_become(state: TaskState, following: TaskState) -> bool:
    """Whether a task may go from `state` to `following`."""
    return following in _NEXT.get(state, frozenset())


Sweep = Literal["leave", "cancel", "give_up"]


def sweep(
    *, state: TaskState, lease_until: datetime | None, has_cancel: bool, now: datetime
) -> Sweep:
    """What to do about a task that no executor host may be looking after.

    A host renews its leases all the time. When a lease has run out, a wish to cancel is granted at
    once (no host is left to confirm it; the fencing token makes a late one harmless). After ten
    minutes the task is given up as `unknown`; until then the host may come back and pick it up.
    """
    if state not in {TaskState.RUNNING, TaskState.WAITING} or lease_until is None:
        return "leave"
    overdue_s = (now - lease_until).total_seconds()
    if overdue_s <= 0:
        return "leave"
    if has_cancel:
        return "cancel"
    return "give_up" if overdue_s > LOST_AFTER_S else "leave"
