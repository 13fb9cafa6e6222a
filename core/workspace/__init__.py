"""Copies of the owner's files for a task, and the way of its changes back to the owner.

    copy_in ──► the container's folder ──► collect ──► staging ──► commit ──► the owner's folder
                                                                     └──► versions ──► undo

What was staged is what the owner approves and what is committed; the container's folder is read
once. All functions block: call them through `asyncio.to_thread`.
"""

from core.workspace.diff import readable, summary
from core.workspace.snapshot import collect
from core.workspace.store import OwnerFiles
from core.workspace.types import (
    Bounds,
    Change,
    Changes,
    Copied,
    Entry,
    FileState,
    Recovered,
    UndoResult,
)

__all__ = [
    "Bounds",
    "Change",
    "Changes",
    "Copied",
    "Entry",
    "FileState",
    "OwnerFiles",
    "Recovered",
    "UndoResult",
    "collect",
    "readable",
    "summary",
]
