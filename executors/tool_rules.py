"""Which tools of its container a task may use: what its manifest holds, less what asks the owner.

Threat: a worker that was talked into a tool its skill does not have. The host refuses the step
before it begins, and does not show the tool to the model in the first place. Work of the agent's
own may not ask the owner for anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import Denied
from core.policy.reasons import Reason
from executors.asking import QUIET

if TYPE_CHECKING:
    from executors.effects import Effects
    from executors.protocol import AskModel

OWNER_TOOLS = frozenset({"ask_owner", "request_access"})
NOT_ASKED = "This is work that the owner is not asked about: go on without."


class ToolRules:
    """The rules of one task."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._is_quiet = effects.task.is_quiet

    async def check(self, tool: str) -> None:
        """`Denied` for a tool that the task may not use."""
        if tool in OWNER_TOOLS:
            self.check_may_ask()
        if not self._effects.facts.allows_tool(tool):
            await self._effects.trail.refused(f"tool:{tool[:60]}", Reason.MANIFEST)
            raise Denied(Reason.MANIFEST, f"The skill's manifest does not hold the tool {tool}.")

    def check_may_ask(self) -> None:
        """`Denied` when the owner must not be asked."""
        if self._is_quiet:
            raise Denied(QUIET, NOT_ASKED)

    def shown(self, wanted: AskModel) -> AskModel:
        """The request to the model with the tools that the task may use."""
        tools = [tool for tool in wanted.tools if self._is_shown(_name(tool))]
        return wanted.model_copy(update={"tools": tools})

    def _is_shown(self, name: str) -> bool:
        is_hidden = self._is_quiet and name in OWNER_TOOLS
        return not is_hidden and self._effects.facts.allows_tool(name)


def _name(tool: dict[str, object]) -> str:
    function = tool.get("function")
    return str(function.get("name")) if isinstance(function, dict) else "None"
