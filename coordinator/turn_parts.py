"""What turns are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coordinator.actions import Actions
    from coordinator.knowledge.answering import Knowledge
    from coordinator.memory.turns import TurnMemory
    from coordinator.model import ModelCaller
    from coordinator.ports import Voice
    from coordinator.skills import Skills
    from coordinator.standing_store import StandingRules
    from coordinator.store import Conversation
    from coordinator.vision import Vision
    from core.bus import Bus
    from core.config import ConfigStore
    from core.db import Database
    from core.tasks import TaskStore


@dataclass(frozen=True, kw_only=True)
class TurnParts:
    """What turns are made of; built once by the composition root."""

    database: Database
    bus: Bus
    config: ConfigStore
    conversation: Conversation
    tasks: TaskStore
    model: ModelCaller
    actions: Actions
    voice: Voice
    skills: Skills | None = None
    memory: TurnMemory | None = None
    knowledge: Knowledge | None = None
    vision: Vision | None = None
    rules: StandingRules | None = None
