"""What a skill's task carries besides its grant: the skill's text, files, and tools. Pure.

Threat: a skill's text becomes the owner's words, or its files are others than the owner saw. So the
text never stands among a task's instructions, where words are looked for; it lies beside the
compiled manifest, fixed when the task is queued, and each file is named by its SHA-256.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.errors import Bug

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "order"
FOLDER = "/run/agentai/skill"  # in the container; its file system is read-only there


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFile:
    """One file of the skill; `path` is relative to its folder."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillOrder:
    """A skill as one task has it. No `tools` means all that work inside the container.

    `is_seen`: the owner saw what it asks for and allowed it; a shipped skill is active before that.
    `packages`: what the host fetches for it before its work begins.
    """

    name: str
    digest: str
    body: str
    files: tuple[OrderFile, ...] = ()
    tools: tuple[str, ...] = ()
    is_seen: bool = False
    packages: tuple[str, ...] = ()

    def allows_tool(self, tool: str) -> bool:
        """Whether the task's model is given this tool; it may always end and report."""
        return not self.tools or tool in {*self.tools, "finish", "report_progress"}


def order_to_json(order: SkillOrder) -> dict[str, Any]:
    """Plain values, to stand beside the grant in a task's manifest."""
    return {KEY: asdict(order)}


def order_from_json(manifest: Mapping[str, Any] | None) -> SkillOrder | None:
    """What `order_to_json` made, read again; None for a task without a skill."""
    found = None if manifest is None else manifest.get(KEY)
    if found is None:
        return None
    try:
        return SkillOrder(
            name=str(found["name"]), digest=str(found["digest"]), body=str(found["body"]),
            files=tuple(OrderFile(**file) for file in found["files"]), tools=tuple(found["tools"]),
            is_seen=found["is_seen"] is True,
            packages=tuple(str(one) for one in found.get("packages", ())),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise Bug("the skill of a task cannot be read") from error
