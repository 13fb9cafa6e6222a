"""A task of kind `agent`: asks the model, runs its tools, until it finishes.

Each tool call is a step: announced to the host before it runs, and completed after. A resumed task
gets its steps back; one that was interrupted is shown to the model as such and is never run again
by itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from executors.worker.link import Link, Refused
from executors.worker.prompt import first_messages
from executors.worker.tools import SCHEMAS, BadCall, LimitReached, run_tool, text_argument

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executors.worker.clock import WorkClock

CONTEXT_CAP = 200_000
INTERRUPTED = (
    "interrupted: nobody knows whether this ran. Do not assume either; look before you go on."
)
LEFT_OUT = "[older output left out]"


class MoreTools(Protocol):
    """Tools that only some boxes have."""

    @property
    def schemas(self) -> list[dict[str, Any]]:
        """What the model is told about each."""

    @property
    def prompt(self) -> str:
        """What the model is told about all of them."""

    @property
    def results(self) -> list[str]:
        """Files to hand over at the end."""

    def begin(self, secrets: Mapping[str, str], clock: WorkClock) -> None:
        """The task is known now."""

    def has(self, name: str) -> bool:
        """Whether it is one of these tools."""

    def run(self, name: str, arguments: dict[str, Any]) -> str:
        """Runs one; raises `BadCall` for what the model must mend."""


def run_agent(
    link: Link, task: dict[str, Any], work: Path, clock: WorkClock, more: MoreTools | None = None
) -> None:
    """Works until the model finishes, a limit is reached, or the model service fails."""
    if more is not None:
        more.begin({s["name"]: s["token"] for s in task.get("secrets", [])}, clock)
    try:
        _Agent(link, task, work, clock, more).run()
    except LimitReached as limit:
        link.request("finish", state="failed", result="", reason=str(limit), files=[])
    except Refused as error:
        if error.kind == "stale":
            raise
        link.request("finish", state="failed", result="", reason=str(error), files=[])


class _Agent:
    def __init__(
        self, link: Link, task: dict[str, Any], work: Path, clock: WorkClock,
        more: MoreTools | None,
    ) -> None:  # fmt: skip
        self._link = link
        self._more = more
        self._limits = task["limits"]
        self._work = work
        self._clock = clock
        self._index = 0
        self._messages = first_messages(task, more.prompt if more is not None else "")
        for step in task.get("steps", []):
            self._restore(step)

    def _restore(self, step: dict[str, Any]) -> None:
        call_id = f"step_{step['index']}"
        call = {
            "id": call_id,
            "type": "function",
            "function": {"name": step["tool"], "arguments": json.dumps(step["arguments"])},
        }
        result = INTERRUPTED if step["result"] is None else step["result"]
        self._messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": result})
        self._index = max(self._index, step["index"] + 1)

    def run(self) -> None:
        while True:
            for item in self._link.new_inputs():
                if item["kind"] == "steer":
                    text = f"The owner adds: {item['text']}"
                    self._messages.append({"role": "user", "content": text})
            message = self._ask_model()
            calls = message.get("tool_calls") or []
            if not calls:
                self._finish(message.get("content") or "", [])
                return
            self._messages.append({
                "role": "assistant", "content": message.get("content"), "tool_calls": calls,
            })  # fmt: skip
            for call in calls:
                if self._run_call(call):
                    return

    def _ask_model(self) -> dict[str, Any]:
        if self._clock.left_s <= 0:
            raise LimitReached(self._clock.sentence)
        if self._index >= self._limits["steps"]:
            raise LimitReached(f"Stopped: it took more than {self._limits['steps']} steps.")
        messages = trimmed(self._messages, CONTEXT_CAP)
        tools = SCHEMAS if self._more is None else [*SCHEMAS[:-1], *self._more.schemas, SCHEMAS[-1]]
        answer = self._link.request("model", step=self._index, messages=messages, tools=tools)
        message: dict[str, Any] = answer["message"]
        return message

    def _run_call(self, call: dict[str, Any]) -> bool:
        """Runs one tool call; True when it finished the task."""
        function = call.get("function") or {}
        name = str(function.get("name") or "")
        try:
            arguments = _arguments(function.get("arguments"))
            if name == "finish":
                self._finish(text_argument(arguments, "result", ""), _names(arguments))
                return True
            result = self._step(name, arguments)
        except BadCall as error:
            result = f"error: {error}"
        self._messages.append(
            {"role": "tool", "tool_call_id": str(call.get("id") or ""), "content": result}
        )
        return False

    def _step(self, name: str, arguments: dict[str, Any]) -> str:
        index = self._index
        self._index += 1
        try:
            self._link.request("begin_step", index=index, tool=name, arguments=arguments)
        except Refused as refusal:
            if refusal.kind != "denied":
                raise
            return f"not allowed: {refusal}"
        try:
            result = self._carry_out(index, name, arguments)
        except BadCall as error:
            result = f"error: {error}"
        except LimitReached as limit:
            self._link.request("end_step", index=index, result=str(limit))
            raise
        self._link.request("end_step", index=index, result=result)
        return result

    def _carry_out(self, index: int, name: str, arguments: dict[str, Any]) -> str:
        if name == "report_progress":
            self._link.request("progress", text=text_argument(arguments, "text"))
            return "shown"
        if name == "request_access":
            return self._request_access(index, arguments)
        if name == "ask_owner":
            question = text_argument(arguments, "question")
            with self._clock.stopped():
                answer = self._link.request("ask", step=index, question=question)
            return f"The owner answers: {answer['answer']}"
        if self._more is not None and self._more.has(name):
            return self._more.run(name, arguments)
        return run_tool(name, arguments, self._work, self._limits, self._clock)

    def _request_access(self, index: int, arguments: dict[str, Any]) -> str:
        try:
            with self._clock.stopped():
                answer = self._link.request("access", step=index, hosts=arguments.get("hosts"))
        except Refused as refusal:
            if refusal.kind not in {"denied", "bad"}:
                raise
            return f"not allowed: {refusal}"
        return str(answer["text"])

    def _finish(self, result: str, files: list[str]) -> None:
        if self._more is not None:
            files = list(dict.fromkeys([*files, *self._more.results]))
        self._link.request("finish", state="done", result=result, reason=None, files=files)


def _arguments(text: object) -> dict[str, Any]:
    try:
        arguments = json.loads(text) if isinstance(text, str) and text else {}
    except (ValueError, RecursionError):
        raise BadCall("the arguments are not valid JSON") from None
    if not isinstance(arguments, dict):
        raise BadCall("the arguments must be an object")
    return arguments


def _names(arguments: dict[str, Any]) -> list[str]:
    files = arguments.get("files") or []
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise BadCall("files must be a list of names")
    return files


def trimmed(messages: list[dict[str, Any]], cap: int) -> list[dict[str, Any]]:
    """`messages` within about `cap` characters: the oldest tool results are left out first."""
    size = sum(
        len(str(m.get("content") or "")) + len(str(m.get("tool_calls") or "")) for m in messages
    )
    kept = []
    for message in messages:
        content = str(message.get("content") or "")
        if size > cap and message["role"] == "tool" and len(content) > len(LEFT_OUT):
            size -= len(content) - len(LEFT_OUT)
            kept.append({**message, "content": LEFT_OUT})
        else:
            kept.append(message)
    return kept


def _size(message: dict[str, Any]) -> int:
    return len(str(message.get("content") or "")) + len(str(message.get("tool_calls") or ""))
