"""The line between host and container, host side. Pure.

JSON lines over the task's own unix socket. The container is untrusted: a line may be anything, of
any size. What is not exactly a request of this protocol raises `BadLine`, and never anything else.

    container → host   {"hello": 1, "task": 12 | null}
    host → container   {"task": {…}}                              what to work on
    container → host   {"id": 3, "method": "begin_step", "params": {…}}
    host → container   {"id": 3, "result": …} | {"id": 3, "error": {"kind": …, "text": …}}
    host → container   {"input": {"id": 7, "kind": "steer", "text": …}}
    host → container   {"held": true}                             the owner is being asked
    host → container   {"look": 5}                                show what you see
    container → host   {"id": 4, "method": "look", "params": {"look": 5, …}}

A request may come again with the same id after a lost connection; every method is idempotent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import AgentAIError
from core.skill_orders import FOLDER, order_from_json
from executors.ports import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.config import Config
    from core.tasks import Step, Task, TaskInput
    from core.workspace import Copied
    from executors.placeholders import Stand

LINE_CAP = 8 * 1024 * 1024
RESULT_CAP = 1024 * 1024
PICTURE_CAP = 3 * 1024 * 1024
Text = Annotated[str, Field(max_length=RESULT_CAP)]
Index = Annotated[int, Field(ge=0, lt=100_000, strict=True)]


class BadLine(AgentAIError):  # noqa: N818 - named for what it is
    """A line that is not of this protocol."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hello(_Part):
    """The container is there; `task` is None while it waits for one."""

    hello: Literal[1]
    task: Annotated[int, Field(ge=1, lt=2**31)] | None


class BeginStep(_Part):
    """A tool is about to run."""

    index: Index
    tool: Annotated[str, Field(max_length=100)]
    arguments: dict[str, Any]


class EndStep(_Part):
    """A tool has run."""

    index: Index
    result: Text


class AskModel(_Part):
    """The worker wants the model's next message."""

    step: Index
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=5_000)]
    tools: Annotated[list[dict[str, Any]], Field(max_length=50)]


class Progress(_Part):
    """A line for the progress message."""

    text: Annotated[str, Field(max_length=4_000)]


class AskOwner(_Part):
    """A question to the owner."""

    step: Index
    question: Annotated[str, Field(min_length=1, max_length=8_000)]


class HostWanted(_Part):
    """A host that the task wants to reach; no methods means reading, `*` everything."""

    host: Annotated[str, Field(min_length=1, max_length=300)]
    port: Annotated[int, Field(ge=1, le=65535)] = 443
    methods: Annotated[
        list[Annotated[str, Field(pattern=r"^([A-Za-z]{1,20}|\*)$")]], Field(max_length=10)
    ] = []


class AskAccess(_Part):
    """The task asks for hosts: one card for all of them."""

    step: Index
    hosts: Annotated[list[HostWanted], Field(min_length=1, max_length=10)]


class Finish(_Part):
    """The end of the task."""

    state: Literal["done", "failed"]
    result: Annotated[str, Field(max_length=LINE_CAP)]
    reason: Annotated[str, Field(max_length=2_000)] | None
    files: Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=100)]
    code: Annotated[int, Field(ge=-255, le=255, strict=True)] | None = None


class Looked(_Part):
    """What the container's browser shows, in its own word: a JPEG in base64, and the address."""

    look: Annotated[int, Field(ge=0, lt=2**31, strict=True)]
    address: Annotated[str, Field(max_length=4_000)]
    picture: Annotated[str, Field(max_length=PICTURE_CAP)]
    trouble: Annotated[str, Field(max_length=200)]


Params = BeginStep | EndStep | AskModel | Progress | AskOwner | AskAccess | Looked | Finish

_METHODS: dict[str, type[Params]] = {
    "begin_step": BeginStep,
    "end_step": EndStep,
    "model": AskModel,
    "progress": Progress,
    "ask": AskOwner,
    "access": AskAccess,
    "look": Looked,
    "finish": Finish,
}


class Request(_Part):
    """A request with its parameters read."""

    id: Annotated[int, Field(ge=0, lt=2**53)]
    params: Params


class _Raw(_Part):
    id: Annotated[int, Field(ge=0, lt=2**53, strict=True)]
    method: Literal[
        "begin_step", "end_step", "model", "progress", "ask", "access", "look", "finish"
    ]
    params: dict[str, Any]


def _refuse(name: str) -> None:
    """NaN and infinities are no JSON, and Postgres takes none."""
    raise ValueError(name)


def parse_line(line: bytes) -> Hello | Request:
    """One line of the container as a value, or `BadLine` with a reason in plain words."""
    try:
        raw = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None
    try:
        if isinstance(raw, dict) and "hello" in raw:
            return Hello.model_validate(raw)
        request = _Raw.model_validate(raw)
        params = _METHODS[request.method].model_validate(request.params)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise BadLine(f"{where}: {first['msg']}"[:300]) from None
    except RecursionError:
        raise BadLine("nested too deeply") from None
    return Request(id=request.id, params=params)


def task_line(
    task: Task, config: Config, *, steps: Sequence[Step], inputs: Sequence[TaskInput],
    stands: Sequence[Stand] = (), copied: Copied | None = None, time_s: int | None = None,
) -> bytes:  # fmt: skip
    """Gives the container its task."""
    held = Limits.of(config, task.box)
    limits = {
        "time_s": time_s or config.whole("tasks.time_limit_s"),
        "output_bytes": config.whole("tasks.output_kb") * 1024,
        "steps": config.whole("tasks.steps"),
        "memory_mb": held.memory_mb,
        "processes": held.processes,
        "disk_mb": held.disk_mb,
    }
    order = order_from_json(task.manifest)
    skill = {"name": order.name, "body": order.body, "folder": FOLDER} if order else None
    body = {
        "no": task.no,
        "skill": skill,
        "kind": task.kind,
        "is_quiet": task.is_quiet,
        "instructions": task.instructions,
        "files": [file.name for file in task.files],
        "owner_files": len(copied.base) if copied else 0,
        "left_out": [list(pair) for pair in copied.left_out[:20]] if copied else [],
        "limits": limits,
        "steps": [
            {"index": s.index, "tool": s.tool, "arguments": dict(s.arguments), "result": s.result}
            for s in steps
        ],
        "secrets": [
            {"name": s.name, "host": s.host, "header": s.header, "token": s.token} for s in stands
        ],
        "inputs": [_input(item) for item in inputs if item.kind == "steer"],
    }
    return _line({"task": body})


def input_line(item: TaskInput) -> bytes:
    """Tells the container what the owner said."""
    return _line({"input": _input(item)})


def held_line(is_held: bool) -> bytes:  # noqa: FBT001, RUF100 - the one thing it says
    """Tells the container whether the owner is being asked on its behalf."""
    return _line({"held": is_held})


def look_line(number: int) -> bytes:
    """Asks the container what it sees."""
    return _line({"look": number})


def _input(item: TaskInput) -> dict[str, Any]:
    return {"id": item.id, "kind": item.kind, "text": item.text}


def result_line(number: int, result: object) -> bytes:
    """Answers a request."""
    return _line({"id": number, "result": result})


ErrorKind = Literal["model", "stale", "bad", "limit", "denied"]


def error_line(number: int, kind: ErrorKind, text: str) -> bytes:
    """Refuses a request."""
    return _line({"id": number, "error": {"kind": kind, "text": text}})


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
