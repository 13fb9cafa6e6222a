"""Approvals and what they are about, as values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.policy import Action
    from core.policy.action import Json

Via = Literal["button", "command"]


class State(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Choice(StrEnum):
    """What the owner decides: for this action, for the task, for good, or not at all."""

    ONCE = "once"
    TASK = "task"
    ALWAYS = "always"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A decision as it arrived: who, where, from which message, how, and with which code."""

    choice: Choice
    user_id: int
    chat_id: int
    message_id: int | None
    via: Via
    code: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remember:
    """What "this task" and "always" would allow from then on: a host rule or a scope."""

    kind: Literal["host", "scope"]
    rule: Mapping[str, Json]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One action to decide about. `display` is for people; its digest stands in the action."""

    action: Action
    display: str = ""
    remember: tuple[Remember, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovedAction:
    """An action of an approval as stored: the exact JSON text, and what a person reads."""

    digest: str
    action: str
    display: str
    remember: tuple[Remember, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """A card and its state."""

    id: int
    nonce: str = field(repr=False)
    code: str = field(repr=False)
    task_no: int
    chat_id: int
    reason: str
    detail: str
    is_production: bool
    may_remember: bool
    state: State
    scope: str | None
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    shown: str | None
    actions: tuple[ApprovedAction, ...] = ()

    @property
    def is_access(self) -> bool:
        """Whether it is about reaching hosts: "once" then means for this task."""
        return all(json.loads(one.action)["kind"] == "access" for one in self.actions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """The right to carry out one action now. Report its outcome with `Approvals.close`."""

    approval_id: int
    index: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredGrant:
    """Something the owner allowed beyond one action."""

    id: int
    task_no: int | None
    skill: str
    kind: str
    rule: Mapping[str, Json]
    created_at: datetime
