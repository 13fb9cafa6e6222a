"""Asks a model through the `openai` SDK: fallback list, circuit breaker, timeouts, streaming.

`openai` costs half a second and 30 MB to import, so it is imported when a model is first needed, in
a thread. Services differ: some ignore `stream`, some report errors with HTTP 200; both are
understood here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coordinator.clients import Clients
from coordinator.streaming import Events
from coordinator.tools import ToolCall
from core.errors import AgentAIError, Retryable, UserFacing
from core.models import (
    Breaker,
    Failure,
    Role,
    Route,
    Usage,
    classify,
    error_in_body,
    parse_usage,
    routes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from coordinator.context import ChatMessage
    from core.config import Config, ConfigStore
    from core.tasks import TaskStore

log = logging.getLogger(__name__)

OnText = Callable[[Callable[[], str]], None]

CONFIG_WITHIN_S = 1.0  # a turn has just asked for them
DRAIN_WITHIN_S = 0.2
ANSWER_CAP = 400_000  # characters; a model that never stops is cut here


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model said: text, tool calls, or both."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    model: str


class CallFailed(AgentAIError):  # noqa: N818 - an event, not a mistake
    """One call failed; `failure` says what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


@dataclass(slots=True)
class _Partial:
    """An answer under way."""

    text: list[str] = field(default_factory=list)
    size: int = 0
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    def add_text(self, text: str) -> None:
        self.size += len(text)
        if self.size <= ANSWER_CAP:
            self.text.append(text)

    def so_far(self) -> str:
        return "".join(self.text)

    def add_call(self, index: int, *, call_id: str, name: str, arguments: str) -> None:
        call = self.calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        call["id"] = call["id"] or call_id
        call["name"] = call["name"] or name
        self.size += len(arguments)
        if self.size <= ANSWER_CAP:
            call["arguments"] += arguments

    def place_of(self, call_id: str) -> int:
        """Where a call belongs that comes without a number: a new id begins a new one."""
        known = (index for index, call in self.calls.items() if call["id"] == call_id)
        newest = max(self.calls, default=-1)
        return next(known, newest + 1) if call_id else max(newest, 0)

    def answer(self, model: str) -> Answer:
        calls = tuple(
            ToolCall(id=c["id"] or f"call_{i}", name=c["name"], arguments=c["arguments"])
            for i, c in sorted(self.calls.items())
        )
        return Answer(
            text="".join(self.text).strip(), tool_calls=calls, usage=self.usage, model=model
        )


class ModelCaller:
    """Calls the models of one role's fallback list, best first."""

    def __init__(self, config: ConfigStore, tasks: TaskStore) -> None:
        self._config = config
        self._tasks = tasks
        self._breaker = Breaker()
        self._clients = Clients()

    async def warm_up(self) -> None:
        """Imports the SDK ahead of the first message when a model is configured."""
        listed = routes(await self._config.current(), "coordinator")
        if listed:
            await self._clients.of(listed[0])

    def is_configured(self, config: Config, role: Role = "coordinator") -> bool:
        """Whether there is any model to ask."""
        return bool(routes(config, role))

    async def ask(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[dict[str, Any]],
        on_text: OnText = lambda _: None, role: Role = "coordinator", is_cheap: bool = False,
    ) -> Answer:  # fmt: skip
        """One answer from the first route that gives one; with `is_cheap` from the last route.

        `on_text` is called each time the text grew, with a function that gives all of it so far.
        Raises `UserFacing` when only the owner can mend it, `Retryable` when every route is out.
        Cancelling closes the connection.
        """
        listed = routes(await self._config.current(within_s=CONFIG_WITHIN_S), role)
        listed = listed[-1:] if is_cheap else listed
        last: Failure | None = None
        for route in self._breaker.usable(listed, now=time.monotonic()):
            try:
                answer = await self._ask_route(route, messages, tools, on_text)
            except CallFailed as error:
                last = error.failure
                log.warning("model call failed: %s", last.text, extra={"model": route.model})
                await self._record_failure(route, role, last)
                if last.act == "owner":
                    break
                if last.act == "next":
                    self._breaker.failed(route, now=time.monotonic(), after_s=last.after_s)
            else:
                self._breaker.succeeded(route)
                return answer
        raise _as_error(last)

    async def _record_failure(self, route: Route, role: Role, failure: Failure) -> None:
        try:
            await self._tasks.record_usage(
                Usage(), role=role, model=route.model, purpose="turn", outcome=failure.act
            )
        except Retryable as error:
            log.warning("usage not recorded: %s", error)

    async def _ask_route(
        self, route: Route, messages: Sequence[ChatMessage], tools: Sequence[dict[str, Any]],
        on_text: OnText,
    ) -> Answer:  # fmt: skip
        import httpx2
        import openai

        client = await self._clients.of(route)
        partial = _Partial()
        # As an extra body the SDK sends the messages as they are. As arguments it would compare
        # each with every message type it knows: two thirds of this process's time, measured.
        body: dict[str, Any] = {"messages": list(messages)}
        if tools:
            body["tools"] = list(tools)
        options: dict[str, Any] = {
            "model": route.model, "messages": [], "stream": True, "extra_body": body,
            "stream_options": {"include_usage": True}, "timeout": route.timeout_s,
        }  # fmt: skip
        try:
            async with (
                asyncio.timeout(route.timeout_s * 3),
                client.chat.completions.with_streaming_response.create(**options) as response,
            ):
                if "text/event-stream" in response.headers.get("content-type", ""):
                    await _read_stream(response.iter_bytes(), partial, on_text)
                else:
                    _read_whole(await response.read(), partial)
        except openai.APIStatusError as error:
            after_s = _seconds(error.response.headers.get("retry-after"))
            raise CallFailed(
                classify(error.status_code, _said(error.body), after_s=after_s)
            ) from error
        except openai.APIConnectionError as error:
            raise CallFailed(classify(None, type(error.__cause__ or error).__name__)) from error
        except openai.APIError as error:
            raise CallFailed(classify(_code(error.body), _said(error.body))) from error
        except (
            TimeoutError, OSError, ValueError, RecursionError, httpx2.HTTPError, openai.OpenAIError,
        ) as error:  # fmt: skip
            raise CallFailed(classify(None, type(error).__name__)) from error
        answer = partial.answer(route.model)
        if not answer.text and not answer.tool_calls:
            raise CallFailed(classify(502, "the answer was empty"))
        return answer

    async def close(self) -> None:
        """Closes the connections."""
        await self._clients.close()


def _as_error(failure: Failure | None) -> AgentAIError:
    if failure is None:
        return UserFacing("No model is configured.", "Add a key: /config model.api_key KEY")
    if failure.act == "next":
        return Retryable(failure.text, max(failure.after_s, 1.0))
    return UserFacing(failure.text, failure.hint)


async def _read_stream(pieces: AsyncIterator[bytes], partial: _Partial, on_text: OnText) -> None:
    """Reads events as they come; to their very end, so that the connection can be used again.

    The SDK would make typed objects of every piece of every chunk: a third of a turn's time here.
    """
    import httpx2

    events = Events()
    async for piece in pieces:
        for data in events.take(piece):
            _read_chunk(json.loads(data), partial, on_text)
        if events.is_done:
            break
    for data in events.take(b"\n\n"):  # some end without the empty line
        _read_chunk(json.loads(data), partial, on_text)
    # The answer is whole by now: a service that cuts the line after it takes nothing from it.
    with contextlib.suppress(TimeoutError, OSError, httpx2.HTTPError):
        async with asyncio.timeout(DRAIN_WITHIN_S):
            async for _ in pieces:
                pass


def _read_chunk(chunk: object, partial: _Partial, on_text: OnText) -> None:
    if not isinstance(chunk, dict):
        return
    if chunk.get("error") and (error := error_in_body(chunk)) is not None:
        raise CallFailed(classify(*error))
    if isinstance(chunk.get("usage"), dict):
        partial.usage = parse_usage(chunk["usage"])
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(delta, dict):
            continue
        text = delta.get("content")
        if isinstance(text, str) and text:
            partial.add_text(text)
            on_text(partial.so_far)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                _read_call(call, partial)


def _read_call(call: dict[str, object], partial: _Partial) -> None:
    """A tool call, or a piece of one."""
    function, number = call.get("function"), call.get("index")
    parts, call_id = function if isinstance(function, dict) else {}, str(call.get("id") or "")
    partial.add_call(
        number if isinstance(number, int) else partial.place_of(call_id), call_id=call_id,
        name=str(parts.get("name") or ""), arguments=str(parts.get("arguments") or ""),
    )  # fmt: skip


def _read_whole(raw: bytes, partial: _Partial) -> None:
    """Reads an answer that came in one piece, or an error that came with HTTP 200."""
    body = json.loads(raw)
    if not isinstance(body, dict):
        raise CallFailed(classify(502, "the answer is not an object"))
    if (error := error_in_body(body)) is not None:
        raise CallFailed(classify(*error))
    partial.usage = parse_usage(body.get("usage"))
    message = body["choices"][0].get("message")
    message = message if isinstance(message, dict) else {}
    if isinstance(message.get("content"), str):
        partial.add_text(message["content"])
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict) and isinstance(call.get("function"), dict):
            _read_call({**call, "index": index}, partial)


def _said(body: object) -> str:
    """The service's own words out of an error body of any shape."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, dict) else inner
        return str(message or "")[:300]
    return str(body or "")[:300]


def _code(body: object) -> int:
    code = body.get("code") if isinstance(body, dict) else None
    return int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else 500


def _seconds(value: str | None) -> float:
    try:
        return min(float(value or 0), 300.0)
    except ValueError:
        return 0.0
