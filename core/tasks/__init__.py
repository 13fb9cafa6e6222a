"""Tasks: their states (pure), what they are, and the store that is the truth."""

from core.tasks.states import Ended, TaskState, has_ended, may_become
from core.tasks.store import TaskStore, answer_key
from core.tasks.types import (
    BOXES,
    Box,
    NewTask,
    Outcome,
    ResultFile,
    Step,
    Task,
    TaskFile,
    TaskInput,
    TaskNo,
)

__all__ = [
    "BOXES",
    "Box",
    "Ended",
    "NewTask",
    "Outcome",
    "ResultFile",
    "Step",
    "Task",
    "TaskFile",
    "TaskInput",
    "TaskNo",
    "TaskState",
    "TaskStore",
    "answer_key",
    "has_ended",
    "may_become",
]
