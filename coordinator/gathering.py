"""Collects what the next prompt is made of, for a turn and for `/context`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coordinator.actions import one_line
from coordinator.packing import Parts
from coordinator.standing_store import line_of

if TYPE_CHECKING:
    from coordinator.store import Work
    from coordinator.turn import TurnParts
    from core.config import Config

TASKS = 20


async def gather(
    p: TurnParts, config: Config, *, work: Work, remembered: str | None = None
) -> Parts:
    """Everything as of now; looks into memory unless told what is `remembered`.

    Raises `Retryable` while Postgres is away. Cancelling leaves nothing behind.
    """
    history = await p.conversation.history(work.chat_id, without=work.turn_id)
    if remembered is None:
        recalled = p.memory.recalled(work.messages, history, config) if p.memory else None
        remembered = await recalled if recalled is not None else ""
    said = work.messages[-1].text[:1000] if work.messages else ""
    rules = await p.rules.in_force() if p.rules is not None else ()
    return Parts(
        now=datetime.now(UTC),
        rules=tuple(line_of(rule) for rule in rules),
        running=tuple(one_line(task) for task in (await p.tasks.live())[:TASKS]),
        skills=p.skills.index(said) if p.skills is not None else "",
        memory=remembered,
        summary=await p.conversation.summary(work.chat_id),
        history=history,
        new=work.messages,
        steps=work.steps,
    )
