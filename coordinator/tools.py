"""The coordinator's tools: their schemas for the model, and what a call asks for as a typed value.

Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.db import storable
from core.errors import UserFacing

NAME_CAP = 60


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


# What does not fit into Postgres is told to the model here; there it would break the whole turn.
TaskNumber = Annotated[int, Field(ge=1, lt=2**31)]
FileNumber = Annotated[int, Field(ge=1, lt=2**63)]
FileName = Annotated[str, Field(min_length=1, max_length=400)]


class Delegate(_Arguments):
    """Start a task in a fresh container."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    instructions: Annotated[str, Field(min_length=1, max_length=20_000)]
    files: Annotated[list[FileNumber | FileName], Field(max_length=20)] = []
    skill: Annotated[str, Field(max_length=64)] = ""
    browser: bool = False


class SearchSkills(_Arguments):
    """Look for skills by words."""

    query: Annotated[str, Field(min_length=1, max_length=500)]


class ListTasks(_Arguments):
    """Look at the tasks, or at one of them."""

    no: TaskNumber | None = None


class CancelTask(_Arguments):
    """Stop a task."""

    no: TaskNumber


class SteerTask(_Arguments):
    """Tell a running task something."""

    no: TaskNumber
    text: Annotated[str, Field(min_length=1, max_length=8_000)]


class SearchDocs(_Arguments):
    """Look into the owner's documents."""

    query: Annotated[str, Field(min_length=1, max_length=1_000)]


class Look(_Arguments):
    """See a picture of an earlier message."""

    photo: FileNumber


class AskOwner(_Arguments):
    """Ask the owner instead of answering."""

    question: Annotated[str, Field(min_length=1, max_length=3_000)]
    choices: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=8)] = []


class ProposeSchedule(_Arguments):
    """Show the owner a card about work that repeats."""

    when: Annotated[str, Field(min_length=1, max_length=200)]
    what: Annotated[str, Field(min_length=1, max_length=3_000)]


class Remember(_Arguments):
    """Keep something about the owner."""

    text: Annotated[str, Field(min_length=1, max_length=1_000)]


class StandingRule(_Arguments):
    """Keep an order of the owner's until they lift it."""

    text: Annotated[str, Field(min_length=1, max_length=300)]
    restrains: bool = False


class RecallMemory(_Arguments):
    """Look into memory and earlier conversations."""

    query: Annotated[str, Field(min_length=1, max_length=500)]


class ChangeSetting(_Arguments):
    """Change one setting."""

    name: str
    value: str


Call = (
    Delegate
    | SearchSkills
    | ListTasks
    | CancelTask
    | SteerTask
    | AskOwner
    | ProposeSchedule
    | SearchDocs
    | Look
    | Remember
    | RecallMemory
    | StandingRule
    | ChangeSetting
)

_BY_NAME: dict[str, type[Call]] = {
    "delegate": Delegate,
    "search_skills": SearchSkills,
    "list_tasks": ListTasks,
    "cancel_task": CancelTask,
    "steer_task": SteerTask,
    "ask_owner": AskOwner,
    "schedule": ProposeSchedule,
    "search_docs": SearchDocs,
    "look": Look,
    "remember": Remember,
    "recall": RecallMemory,
    "standing_rule": StandingRule,
    "change_setting": ChangeSetting,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """One call as the model made it; `arguments` is its JSON text."""

    id: str
    name: str
    arguments: str


def parse_call(call: ToolCall) -> Call:
    """The call as a typed value. `UserFacing` holds what the model must mend."""
    kind = _BY_NAME.get(call.name)
    if kind is None:
        name = storable(call.name[:NAME_CAP])
        raise UserFacing(f"There is no tool {name!r}.", f"Tools: {', '.join(_BY_NAME)}.")
    try:
        return kind.model_validate(_storable(json.loads(call.arguments or "{}")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "arguments"
        raise UserFacing(f"{call.name}: {where}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise UserFacing(f"{call.name}: the arguments are not valid JSON.") from None


def _storable(found: object) -> object:
    """Texts without NUL and lone surrogates, which JSON holds and Postgres refuses."""
    match found:
        case str():
            return storable(found)
        case list():
            return [_storable(item) for item in found]
        case dict():
            return {key: _storable(item) for key, item in found.items()}
        case _:
            return found


def _tool(
    tool: str, description: str, required: tuple[str, ...], /, **fields: dict[str, Any]
) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": fields}
    if required:
        parameters["required"] = list(required)
    return {
        "type": "function",
        "function": {"name": tool, "description": description, "parameters": parameters},
    }


def _text(description: str = "") -> dict[str, str]:
    return {"type": "string", **({"description": description} if description else {})}


def _list(kind: Literal["integer", "string"], description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": kind}, "description": description}


_NO = {"type": "integer", "description": "task number"}

SCHEMAS: tuple[dict[str, Any], ...] = (
    _tool("delegate", "Start a task.", ("title", "instructions"),
          title=_text("a few words"), instructions=_text(),
          files=_list("string", "numbers or names of the owner's files it needs"),
          skill=_text("a skill's name, when one fits"),
          browser={"type": "boolean", "description": "it needs web pages"}),
    _tool("ask_owner", "Ask the owner a question; ends your turn.", ("question",),
          question=_text(), choices=_list("string", "shown as buttons")),
    _tool("schedule", "Show the owner a card to confirm work that repeats.", ("when", "what"),
          when=_text("every Monday at 9, every 2 hours, or cron"),
          what=_text("complete; each run knows nothing else")),
    _tool("standing_rule", "Keep a lasting order of the owner.", ("text",),
          text=_text("in their words"),
          restrains={"type": "boolean", "description": "it forbids or delays effects"}),
    _tool("change_setting", "Change tasks.parallel, chat.streaming, chat.history_kb "
          "or owner.zone when the owner asks for it.", ("name", "value"),
          name=_text(), value=_text()),
    _tool("remember", "Keep a fact about the owner, when they ask for it.", ("text",),
          text=_text("one sentence, in the owner's words")),
    _tool("list_tasks", "See tasks and their states; with no: one task in detail.", (), no=_NO),
    _tool("cancel_task", "Stop a task.", ("no",), no=_NO),
    _tool("steer_task", "Tell a running task something new.", ("no", "text"), no=_NO, text=_text()),
    _tool("search_skills", "Find skills by words.", ("query",), query=_text()),
    _tool("recall", "Search memory and earlier conversations.", ("query",), query=_text()),
    _tool("search_docs", "Search the owner's documents.", ("query",),
          query=_text("the question, in its own words")),
    _tool("look", "See a photo of an earlier message again.", ("photo",),
          photo={"type": "integer", "description": "its number"}),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What there is to use tools on. `has_past`: something that the prompt does not hold anyway."""

    has_tasks: bool = False
    has_more_skills: bool = False
    has_memory: bool = False
    has_past: bool = False
    has_documents: bool = False
    may_look: bool = False


ALL = Offer(
    has_tasks=True, has_more_skills=True, has_memory=True, has_past=True, has_documents=True,
    may_look=True,
)  # fmt: skip


def offered(now: Offer) -> tuple[dict[str, Any], ...]:
    """The schemas of the tools that can apply, always in one order: what is first stays first."""
    wanted = {
        "list_tasks": now.has_tasks, "cancel_task": now.has_tasks, "steer_task": now.has_tasks,
        "search_skills": now.has_more_skills, "remember": now.has_memory, "recall": now.has_past,
        "search_docs": now.has_documents, "look": now.may_look,
    }  # fmt: skip
    return tuple(tool for tool in SCHEMAS if wanted.get(tool["function"]["name"], True))
