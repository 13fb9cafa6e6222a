"""Rows of the database as typed values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.tasks.states import TaskState
from core.tasks.types import ResultFile, Step, Task, TaskFile, TaskInput, TaskNo

if TYPE_CHECKING:
    from core.db import Row

_AS_IS = (
    "kind", "title", "instructions", "chat_id", "origin_message_id", "turn_id", "fence", "host",
    "slot", "lease_until", "cancel_requested_at", "progress", "question", "question_step",
    "waits_for", "origin", "skill", "manifest", "box", "is_quiet", "result", "reason", "exit_code",
    "created_at", "started_at", "ended_at", "reported_at", "card_shown", "steps", "cost_usd",
)  # fmt: skip


def as_task(row: Row) -> Task:
    """A row of the `select` query as a `Task`."""
    return Task(
        no=TaskNo(row["no"]),
        state=TaskState(row["state"]),
        files=tuple(TaskFile(**f) for f in row["input_files"]),
        result_files=tuple(ResultFile(**f) for f in row["result_files"]),
        **{name: row[name] for name in _AS_IS},
    )


def as_step(row: Row) -> Step:
    """A row of `task_steps`."""
    return Step(**row)


def as_input(row: Row) -> TaskInput:
    """A row of `task_inputs`."""
    return TaskInput(**row)
