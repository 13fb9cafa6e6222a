"""The one call of a beat: the cheapest configured model, answered in JSON. Read by a pure function.

Threat: an answer that is no answer. Names that were not asked about are dropped, and what cannot be
read becomes one fixed sentence of ours, which the owner hears once; the call has cost what it cost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from heartbeat.deciding import Nothing, Notify, Start
from heartbeat.ports import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coordinator.model import ModelCaller
    from core.tasks import TaskStore
    from heartbeat.deciding import Answer

SHAPE = """Answer with one JSON object and nothing else:
{"answers": [{"check": "NAME", "kind": "nothing" | "notify" | "task", "text": "", "reason": "",
"title": "", "instructions": ""}]}
Leave out what the kind does not need, and every check that has nothing to say."""
UNREADABLE = "There is news for this check, but the model's answer could not be read."


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    check: str
    kind: Literal["nothing", "notify", "task"]
    text: str = ""
    reason: str = ""
    title: str = ""
    instructions: str = ""


class _Answers(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    answers: list[_Said]


class CheapModel:
    """Asks the last model of the coordinator's fallback list and books what it cost."""

    def __init__(self, model: ModelCaller, tasks: TaskStore) -> None:
        self._model = model
        self._tasks = tasks

    async def __call__(self, prompt: str, names: Sequence[str]) -> Asked:
        """One call. Raises what `ModelCaller.ask` raises; cancelling closes the connection."""
        messages = [{"role": "system", "content": SHAPE}, {"role": "user", "content": prompt}]
        answer = await self._model.ask(messages, tools=(), is_cheap=True)
        await self._tasks.record_usage(
            answer.usage, role="coordinator", model=answer.model, purpose="beat", outcome="ok"
        )
        return Asked(answers=read_answers(answer.text, names), usd=answer.usage.cost_usd)


def read_answers(text: str, names: Sequence[str]) -> Mapping[str, Answer]:
    """The typed answers in `text`, also inside a code block; only about checks in `names`."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        said = _Answers.model_validate(json.loads(text[begin : end + 1]))
    except (ValidationError, ValueError, RecursionError):
        return dict.fromkeys(names, Notify(text=UNREADABLE))
    return {one.check: _typed(one) for one in said.answers if one.check in names}


def _typed(said: _Said) -> Answer:
    match said.kind:
        case "nothing":
            return Nothing()
        case "notify":
            return Notify(text=said.text, reason=said.reason)
        case "task":
            return Start(title=said.title, instructions=said.instructions)
