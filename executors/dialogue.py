"""What a task's container asks of its host, answered one request at a time until it is finished.

Threat: the worker there is not trusted. So a step begins only with a tool that its manifest holds,
the model is shown no other, and what reaches outside goes through the outlet.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import Denied, UserFacing
from core.spawn import insist
from core.tasks import Step
from executors.protocol import (
    AskAccess,
    AskModel,
    AskOwner,
    BeginStep,
    EndStep,
    Finish,
    Progress,
    error_line,
    result_line,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from executors.claim import Claim
    from executors.hearing import Hearing
    from executors.model_proxy import ModelProxy
    from executors.outlet import Outlet
    from executors.protocol import Request
    from executors.slots import Line
    from executors.tool_rules import ToolRules


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """The talk with one container. `began` is set once a step has begun; `usd` is its budget."""

    claim: Claim
    line: Line
    hearing: Hearing
    outlet: Outlet
    tools: ToolRules
    model: ModelProxy
    usd: Decimal
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_finished(self) -> Finish:
        """Answers until the container says that it has finished; `Stale` when a write is late."""
        while True:
            request = await self.line.next_request()
            if isinstance(request.params, Finish):
                return request.params
            await self.line.send(await self._answer(request))

    async def _answer(self, request: Request) -> bytes:
        try:
            return result_line(request.id, await self._carry_out(request))
        except UserFacing as error:
            return error_line(request.id, "model", error.sentence())
        except Denied as error:
            return error_line(request.id, "denied", str(error))

    async def _carry_out(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        match request.params:
            case BeginStep(index=index, tool=tool, arguments=arguments):
                await self.tools.check(tool)
                await self.claim.begin_step(Step(index=index, tool=tool, arguments=arguments))
                self.began.set()
            case EndStep(index=index, result=result):
                await self.claim.end_step(index, result)
            case Progress(text=text):
                await self.claim.progress(text)
            case AskModel() as wanted:
                return {"message": await self._ask_model(wanted)}
            case AskAccess() as asked:
                return {"text": await self.outlet.access(asked)}
            case AskOwner(step=step, question=question):
                self.tools.check_may_ask()
                return {"answer": await self.hearing.ask(step, question)}
        return True

    async def _ask_model(self, wanted: AskModel) -> dict[str, Any]:
        given, no = self.tools.shown(wanted), self.claim.task.no
        return await insist(lambda: self.model.ask(no, given, self.usd))
