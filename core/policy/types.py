"""What the kernel decides about, and what it knows. Pure values; the host fills them in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.policy.reasons import Reason


class Tier(StrEnum):
    """How much an effect can harm, as its integration or method declares it."""

    READ = "read"
    CHANGE = "change"
    DESTRUCTIVE = "destructive"  # delete, send, spend, credentials, production


class Label(StrEnum):
    """Where data came from. A task's labels only ever grow."""

    OWNER = "owner"
    PRIVATE = "private"
    UNTRUSTED = "untrusted"


class Origin(StrEnum):
    """What set the task in motion. Only the owner's message lends the owner's words."""

    OWNER = "owner"
    SKILL = "skill"
    SCHEDULE = "schedule"
    TRIGGER = "trigger"
    SUBTASK = "subtask"


class Hold(StrEnum):
    """What a standing rule of the owner's does to everything that changes, until it is lifted."""

    NONE = "none"
    ASK = "ask"
    DENY = "deny"


class EffectKind(StrEnum):
    """What is reached outside the container."""

    EGRESS = "egress"  # a request to a host
    USE = "use"  # a verb of an integration
    FILES = "files"  # the owner's files


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One effect as the host resolved it; `digest` binds every argument that it carries.

    `destinations` are those whom data reaches (addresses, accounts, members); `targets` the names
    of the objects that it changes; `content` is text that the destinations will read.
    """

    kind: EffectKind
    resource: str
    verb: str
    tier: Tier
    digest: str
    path: str = ""
    destinations: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    bytes_out: int = 0
    cost: Decimal = Decimal(0)
    is_new: bool = False  # adds without replacing: a file that did not exist
    is_production: bool = False  # needs the typed confirmation

    @property
    def scope(self) -> str:
        """What "allow this kind" covers: the verb on the resource, whatever the arguments."""
        return f"{self.kind}:{self.resource}:{self.verb}"


class Decision(StrEnum):
    """The three answers, from most to least."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """An answer, why, and about what in particular."""

    decision: Decision
    code: Reason
    detail: str = ""
