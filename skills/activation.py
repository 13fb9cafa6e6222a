"""Whether a skill may be used as its files now stand. Pure.

Threat: a file changes on disk, by the agent's own proposal or by a bundle, and runs with what the
owner once approved for another text. So approval is bound to digests: what the owner saw is what is
active. A skill of the owner's with the name of a shipped one begins anew, without its approvals.

    asks for nothing but reading files            active at once
    shipped with AgentAI                          active, but only its reading part
    more permissions than approved                waiting, with the lines that are new
    same permissions, other text                  waiting, or active if trusted with wording
    same permissions, other scripts               waiting
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from skills.permissions import NOTHING, Permissions, grown, is_reading_only, reading_part

if TYPE_CHECKING:
    from datetime import datetime

    from skills.types import Skill, Source


class Trust(StrEnum):
    """What may change in a skill without the owner's look."""

    ASK = "ask"
    WORDING = "wording"  # its texts, as long as permissions and scripts stay as they were


State = Literal["enabled", "disabled", "waiting"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillRow:
    """What is remembered of a skill; approvals are None until the owner gave one."""

    name: str
    source: Source
    state: State = "enabled"
    approved_digest: str | None = None
    approved_code: str | None = None
    approved_permissions: Permissions | None = None
    trust: Trust = Trust.ASK
    installed_at: datetime | None = None
    used_at: datetime | None = None
    uses: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Active:
    """It may be used with these permissions; `withheld` is what it asked for beyond them."""

    permissions: Permissions
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """It may not be used until the owner has looked; `diff` is what it may do beyond before."""

    diff: tuple[str, ...]
    reason: Literal["permissions", "scripts", "text"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Disabled:
    """The owner switched it off."""


Decision = Active | Waiting | Disabled


def decide_change(row: SkillRow | None, skill: Skill) -> Decision:
    """What becomes of the skill as it now is, given what is remembered of it."""
    if row is not None and row.state == "disabled":
        return Disabled()
    known = row if row is not None and row.source == skill.source else None
    approved = known.approved_permissions if known is not None else None
    if is_reading_only(skill.permissions):
        return Active(permissions=skill.permissions)
    if skill.source == "builtin":
        return _shipped(approved, skill)
    diff = grown(approved or NOTHING, skill.permissions)
    if known is None or approved is None or diff:
        return Waiting(diff=diff, reason="permissions")
    return _changed(known, skill)


def _shipped(approved: Permissions | None, skill: Skill) -> Active:
    if approved is not None and not grown(approved, skill.permissions):
        return Active(permissions=skill.permissions)
    part = reading_part(skill.permissions)
    return Active(permissions=part, withheld=grown(part, skill.permissions))


def _changed(row: SkillRow, skill: Skill) -> Active | Waiting:
    """Permissions did not grow: the digests and the trust level say the rest."""
    if row.approved_digest == skill.digest:
        return Active(permissions=skill.permissions)
    if row.approved_code != skill.code_digest:
        return Waiting(diff=(), reason="scripts")
    if row.trust is Trust.WORDING:
        return Active(permissions=skill.permissions)
    return Waiting(diff=(), reason="text")
