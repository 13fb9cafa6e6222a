"""What a task is made of.

Sizes are bytes, times are aware datetimes in UTC, paths are on the executor's host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NewType, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from core.tasks.states import Ended, TaskState

TaskNo = NewType("TaskNo", int)
TaskKind = Literal["shell", "agent"]
Box = Literal["executor", "reader", "browser"]
BOXES: tuple[Box, ...] = get_args(Box)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFile:
    """A file given to a task: its name in the workspace, and where it lies on the host."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultFile:
    """A file that a task delivers."""

    name: str
    path: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTask:
    """A task to be queued. For kind `shell`, `instructions` is the command.

    `origin` is one of `core.policy.Origin`; `manifest` is a grant as `core.manifests` writes it,
    and without one the task may ask for whatever the instance allows. `box` is the kind of
    container. A quiet task is work of the agent's own: nobody is told of it, it may ask for nothing
    (without a manifest it has nothing), and it never changes the owner's files.
    """

    kind: TaskKind
    title: str
    instructions: str
    chat_id: int
    origin_message_id: int | None = None
    turn_id: int | None = None
    files: tuple[TaskFile, ...] = ()
    origin: str = "owner"
    skill: str = ""
    manifest: Mapping[str, Any] | None = None
    box: Box = "executor"
    is_quiet: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as it stands. `cost_usd` is the sum of its model calls.

    `exit_code` is that of a shell task's command, None when a limit stopped it.
    """

    no: TaskNo
    kind: TaskKind
    title: str
    instructions: str
    chat_id: int
    origin_message_id: int | None
    turn_id: int | None
    files: tuple[TaskFile, ...]
    state: TaskState
    fence: int
    host: str | None
    slot: str | None
    lease_until: datetime | None
    cancel_requested_at: datetime | None
    progress: str | None
    question: str | None
    question_step: int | None
    waits_for: str | None
    origin: str
    skill: str
    manifest: Mapping[str, Any] | None
    result: str | None
    reason: str | None
    result_files: tuple[ResultFile, ...]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    reported_at: datetime | None
    card_shown: str | None
    steps: int
    cost_usd: Decimal
    box: Box = "executor"
    is_quiet: bool = False
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One tool call of a task.

    `result` is None while it runs, or when nobody knows how it ended.
    """

    index: int
    tool: str
    arguments: Mapping[str, Any]
    result: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskInput:
    """Something the owner said to a task; `step` is the question's step for an answer."""

    id: int
    kind: Literal["steer", "answer"]
    text: str
    step: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a task ended. `reason` says why, in words for the owner, when it did not end well."""

    state: Ended
    result: str = ""
    reason: str | None = None
    files: tuple[ResultFile, ...] = ()
    exit_code: int | None = None
