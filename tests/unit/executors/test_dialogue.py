from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest

from core.errors import Denied, UserFacing
from executors.claim import Claim, Stale
from executors.dialogue import Dialogue
from executors.protocol import Finish, Request, parse_line
from executors.tool_rules import ToolRules
from tests.unit.executors.in_memory import TASK, Books
from tests.unit.executors.one_task import Streams, Wire, Written

if TYPE_CHECKING:
    from core.bus import Bus
    from core.tasks import TaskStore
    from executors.hearing import Hearing
    from executors.model_proxy import ModelProxy
    from executors.outlet import Outlet
    from executors.protocol import AskAccess, AskModel
    from executors.slots import Line

END: dict[str, object] = {"state": "done", "result": "made", "reason": None, "files": []}


@dataclass
class Script(Wire):
    """A container that asks one thing after the other."""

    asks: list[Request] = field(default_factory=list)

    async def next_request(self) -> Request:
        return self.asks.pop(0)


class Refusing:
    """A model that is away, and a way out that lets nothing through."""

    async def ask(self, no: int, wanted: AskModel, usd: Decimal) -> dict[str, object]:
        raise UserFacing("No model answers.", "Try later.")

    async def access(self, asked: AskAccess) -> str:
        raise Denied("bad_host", "That is no host name.")


def asked(number: int, method: str, **params: object) -> Request:
    line = json.dumps({"id": number, "method": method, "params": params}).encode() + b"\n"
    found = parse_line(line)
    assert isinstance(found, Request)
    return found


def dialogue(line: Script, tasks: Written) -> Dialogue:
    claim = Claim(task=TASK, tasks=cast("TaskStore", tasks), bus=cast("Bus", Streams()))
    other = Refusing()
    return Dialogue(
        claim=claim, line=cast("Line", line), hearing=cast("Hearing", None),
        outlet=cast("Outlet", other), tools=ToolRules(Books().effects),
        model=cast("ModelProxy", other), usd=Decimal(1),
    )  # fmt: skip


async def answers(line: Script) -> list[dict[str, object]]:
    return [json.loads(line.sent.get_nowait()) for _ in range(line.sent.qsize())]


async def test_steps_are_written_down_and_answered_until_the_task_is_finished() -> None:
    line, tasks = Script(), Written()
    line.asks = [
        asked(1, "begin_step", index=0, tool="shell", arguments={"command": "true"}),
        asked(2, "end_step", index=0, result="fine"),
        asked(3, "progress", text="at work"),
        asked(9, "finish", **END),
    ]
    talk = dialogue(line, tasks)
    end = await talk.until_finished()
    assert isinstance(end, Finish)
    assert end.result == "made"
    assert talk.began.is_set()
    assert [call[0] for call in tasks.calls] == ["begin_step", "end_step", "report_progress"]
    assert [answer["id"] for answer in await answers(line)] == [1, 2, 3]


async def test_what_is_refused_is_told_and_the_talk_goes_on() -> None:
    line = Script()
    line.asks = [
        asked(1, "model", step=0, messages=[{"role": "user", "content": "x"}], tools=[]),
        asked(2, "access", step=0, hosts=[{"host": "a b"}]),
        asked(9, "finish", **END),
    ]
    await dialogue(line, Written()).until_finished()
    first, second = await answers(line)
    assert "No model answers" in json.dumps(first)
    assert "no host name" in json.dumps(second)


async def test_a_task_that_is_not_ours_any_more_ends_the_talk() -> None:
    line = Script()
    line.asks = [asked(1, "progress", text="still here")]
    async with asyncio.timeout(5):
        with pytest.raises(Stale):
            await dialogue(line, Written(is_ours=False)).until_finished()
    assert line.sent.empty()
