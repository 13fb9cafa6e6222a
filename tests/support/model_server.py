"""A scripted model service: the OpenAI chat-completions protocol over real HTTP.

    model = ScriptedModel(lambda body: say("hello"))
    await model.start();  model.url → base URL

The script is a function from the request's body to a reply, or a list of replies. Replies:
`say(text)`, `call(name, arguments)`, `Fault(...)`. Every request is kept in `requests`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the model says; `pause_s` passes before it, `chunk_s` between the pieces of a stream."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any] | str], ...] = ()
    pause_s: float = 0.0
    chunk_s: float = 0.0
    chunks: int = 4
    cost: float = 0.0001


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something else than an answer: an HTTP status, an error with status 200, silence, garbage."""

    status: int = 200
    body: str = '{"error": {"code": 500, "message": "scripted"}}'
    headers: dict[str, str] = field(default_factory=dict)
    hang_s: float = 0.0


Answer = Reply | Fault
Script = Callable[[Body], Answer]


def say(text: str, **options: Any) -> Reply:
    return Reply(text=text, **options)


def call(name: str, /, text: str = "", **arguments: Any) -> Reply:
    return Reply(text=text, calls=((name, arguments),))


def last_user(body: Body) -> str:
    """The newest message of the user."""
    texts = [m["content"] for m in body["messages"] if m["role"] == "user"]
    return str(texts[-1]) if texts else ""


def tool_results(body: Body) -> list[str]:
    """Results of the tools since the last message of the user."""
    found: list[str] = []
    for message in body["messages"]:
        if message["role"] == "user":
            found = []
        elif message["role"] == "tool":
            found.append(str(message["content"]))
    return found


def tool_names(body: Body) -> set[str]:
    return {tool["function"]["name"] for tool in body.get("tools", [])}


class ScriptedModel:
    """The server."""

    def __init__(self, script: Script | list[Answer] | None = None) -> None:
        self.script: Script | list[Answer] = script or (lambda _: say("ok"))
        self.requests: list[tuple[float, Body, int]] = []
        self.keys: list[str] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bodies(self) -> list[Body]:
        return [body for _, body, _ in self.requests]

    async def start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _next(self, body: Body) -> Answer:
        if callable(self.script):
            return self.script(body)
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        self.requests.append((time.monotonic(), body, len(raw)))
        self.keys.append(request.headers.get("Authorization", ""))
        answer = self._next(body)
        if isinstance(answer, Fault):
            await asyncio.sleep(answer.hang_s)
            return web.Response(
                status=answer.status, text=answer.body, headers=answer.headers,
                content_type="application/json",
            )  # fmt: skip
        await asyncio.sleep(answer.pause_s)
        usage = {
            "prompt_tokens": len(raw) // 4, "completion_tokens": 20,
            "total_tokens": len(raw) // 4 + 20, "cost": answer.cost,
        }  # fmt: skip
        base = {"id": f"c{len(self.requests)}", "created": 1, "model": body.get("model", "")}
        if body.get("stream"):
            with contextlib.suppress(ConnectionError):  # the caller may hang up at any time
                return await self._stream(request, answer, base, usage)
            return web.Response(status=499)
        message: Body = {"role": "assistant", "content": answer.text or None}
        if answer.calls:
            message["tool_calls"] = _calls(answer)
        finish = "tool_calls" if answer.calls else "stop"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return web.json_response(
            {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
        )

    async def _stream(
        self, request: web.Request, answer: Reply, base: Body, usage: Body
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def send(delta: Body, finish: str | None = None, **more: Any) -> None:
            choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
            chunk = {**base, "object": "chat.completion.chunk", "choices": choices, **more}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

        await send({"role": "assistant", "content": ""})
        step = max(1, -(-len(answer.text) // answer.chunks))
        for start in range(0, len(answer.text), step):
            await send({"content": answer.text[start : start + step]})
            await asyncio.sleep(answer.chunk_s)
        for index, item in enumerate(_calls(answer)):
            await send({"tool_calls": [{**item, "index": index}]})
        await send({}, "tool_calls" if answer.calls else "stop")
        final = {**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}
        await response.write(b"data: " + json.dumps(final).encode() + b"\n\ndata: [DONE]\n\n")
        await response.write_eof()
        return response


def _calls(answer: Reply) -> list[Body]:
    return [
        {
            "id": f"call_{index}_{abs(hash((name, str(arguments)))) % 10**8}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for index, (name, arguments) in enumerate(answer.calls)
    ]
