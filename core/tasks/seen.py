"""What a task has seen and used up, and whose words it may lean on: the kernel's facts about it.

Labels only grow, and are written before what they warn of reaches the container. The owner's words
are their own messages that led to the task: never forwarded text, never a button's, never the name
of a file or the title of a task, never what the model wrote about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.policy import Hold, Label, Spent
from core.sql import load_queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from core.db import Database
    from core.tasks.types import Task

SQL = load_queries(__package__ or "core.tasks")
FILE_NOTE = "[file "
TASK_NOTE = "[about task "
PHOTO_NOTE = "[photo "
DATA_NOTES = (  # the lines that `bot.structured` writes
    "[location", "[live location", "[venue", "[contact", "[poll", "[quiz", "[dice", "[sticker",
    "[game", "[checklist", "[forwarded", "[sent ", "[quoting", "[replying",
)  # fmt: skip
NOTES = (FILE_NOTE, TASK_NOTE, PHOTO_NOTE, *DATA_NOTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The facts of one moment."""

    labels: frozenset[Label]
    spent: Spent
    words: tuple[str, ...]
    is_stopped: bool


class SeenStore:
    """Reads and writes them. Raises `Retryable` while Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def read(self, task: Task) -> Seen:
        """Everything, as of now."""
        async with self._db.session() as session:
            row = await session.fetchrow(SQL["seen"], task.no, task.fence)
            rows = await session.fetch(SQL["words"], task.no)
        assert row is not None  # noqa: S101 - tasks are never deleted
        spent = Spent(
            calls=row["calls"], bytes_out=row["bytes_out"], cost=row["cost"], cards=row["cards"],
            destinations=frozenset(row["reached"]), seconds=row["seconds"],
        )  # fmt: skip
        return Seen(
            labels=frozenset(Label(label) for label in row["labels"]), spent=spent,
            words=tuple(own_words(r["text"]) for r in rows), is_stopped=row["is_stopped"],
        )  # fmt: skip

    async def hold(self) -> Hold:
        """What the strictest standing rule of the owner's does to effects, as of now."""
        return Hold(await self._db.fetchval(SQL["hold"]) or Hold.NONE)

    async def add_labels(self, task: Task, labels: Iterable[Label]) -> None:
        """The task is about to see such data."""
        wanted = [str(label) for label in labels]
        await self._db.execute(SQL["add_labels"], task.no, task.fence, wanted)

    async def spend(
        self, task: Task, *, calls: int, bytes_out: int, reached: Iterable[str]
    ) -> None:
        """Books what was used."""
        args = (task.no, task.fence, calls, bytes_out, list(reached))
        await self._db.execute(SQL["spend"], *args)

    async def keep_base(self, task: Task, base: Mapping[str, object]) -> None:
        """Remembers what the owner's files were like when they were copied in."""
        await self._db.fetchval(SQL["set_base"], task.no, task.fence, dict(base))

    async def base(self, task: Task) -> Mapping[str, object]:
        """What `keep_base` kept; empty when nothing was copied."""
        return await self._db.fetchval(SQL["base"], task.no) or {}

    async def keep_finishing(self, task: Task, finishing: Mapping[str, object]) -> bool:
        """Remembers how the task wants to end while its changes wait for the owner."""
        args = (task.no, task.fence, dict(finishing))
        return await self._db.fetchval(SQL["set_finishing"], *args) is not None

    async def finishing(self, task: Task) -> Mapping[str, object] | None:
        """What `keep_finishing` kept."""
        found: Mapping[str, object] | None = await self._db.fetchval(SQL["finishing"], task.no)
        return found


def own_words(text: str) -> str:
    """A message without the lines that our bot put before it: names and titles are not theirs."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(NOTES))


def notes_of(text: str) -> list[str]:
    """The lines that `own_words` leaves out."""
    return [line for line in text.split("\n") if line.startswith(NOTES)]
