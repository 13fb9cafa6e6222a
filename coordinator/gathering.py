"""Collects what the next prompt is made of, for a turn and for `/context`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coordinator.actions import one_line
from coordinator.context import recent
from coordinator.packing import Parts
from coordinator.standing_store import line_of
from coordinator.tools import Offer
from core.models import routes
from skills.index import shows_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coordinator.context import Said
    from coordinator.store import Around, Work
    from coordinator.turn_parts import TurnParts
    from core.config import Config

TASKS = 20


async def gather(
    p: TurnParts, config: Config, *, work: Work, around: Around, remembered: str | None = None
) -> tuple[Parts, Offer]:
    """Everything as of now, and what the model may call.

    Looks into memory unless told what is `remembered`; what is not there by `around` is not asked
    for. Raises `Retryable` while Postgres is away. Cancelling leaves nothing behind.
    """
    history = await p.conversation.history(work.chat_id, without=work.turn_id)
    is_past = p.memory is not None and has_past(config, around, history=history, new=work.messages)
    if remembered is None:
        remembered = ""
        if p.memory is not None and is_past:
            remembered = await p.memory.recalled(work.messages, history, config)
    said = work.messages[-1].text[:1000] if work.messages else ""
    rules = await p.rules.in_force() if p.rules is not None and around.has_rules else ()
    running = await p.tasks.live() if around.has_live_tasks else ()
    parts = Parts(
        now=datetime.now(UTC),
        rules=tuple(line_of(rule) for rule in rules),
        running=tuple(one_line(task) for task in running[:TASKS]),
        skills=p.skills.index(said) if p.skills is not None else "",
        memory=remembered,
        summary=around.summary,
        history=history,
        new=work.messages,
        steps=work.steps,
    )
    return parts, _offer(p, config, around=around, skills=parts.skills, is_past=is_past)


def has_past(
    config: Config, around: Around, *, history: Sequence[Said], new: Sequence[Said]
) -> bool:
    """Whether memory can find anything that the prompt does not hold anyway."""
    if not config.switch("memory.enabled"):
        return False
    if around.has_memories or around.oldest_passage is None:
        return around.has_memories
    shown = [*recent(history, config.whole("chat.history_kb") * 1024), *new]
    return not shown or around.oldest_passage < shown[0].id


def may_look(config: Config, around: Around) -> bool:
    """Whether there are pictures, and a model that sees them."""
    return around.has_pictures and bool(routes(config, "vision"))


def _offer(p: TurnParts, config: Config, *, around: Around, skills: str, is_past: bool) -> Offer:
    """By facts that seldom change within a conversation."""
    has_skills = p.skills is not None and bool(p.skills.shelf.active)
    return Offer(
        has_tasks=around.has_tasks,
        has_more_skills=has_skills and not shows_all(skills),
        has_memory=p.memory is not None and config.switch("memory.enabled"),
        has_past=is_past,
        has_documents=p.knowledge is not None and around.has_documents,
        may_look=p.vision is not None and may_look(config, around),
    )
