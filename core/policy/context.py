"""What a verdict depends on besides the effect. Pure values; the host fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.policy.budget import Spent
from core.policy.types import Hold, Label, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.policy.grants import Grant


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Everything a verdict depends on besides the effect.

    `layers` are all asked: the skill's manifest, the owner's permissions, the instance's ceiling.
    `words` are the owner's own messages that led to the task, nothing else. `fields` says for an
    address which named objects hold it in a structured field (a meeting's participants).
    """

    manifest: Grant
    owner: Grant
    ceiling: Grant
    origin: Origin = Origin.OWNER
    labels: frozenset[Label] = frozenset({Label.OWNER})
    words: tuple[str, ...] = ()
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    approved: frozenset[str] = frozenset()
    plan: tuple[str, ...] | None = None
    scopes: frozenset[str] = frozenset()
    spent: Spent = field(default_factory=Spent)
    is_stopped: bool = False
    may_ask: bool = True
    hold: Hold = Hold.NONE
