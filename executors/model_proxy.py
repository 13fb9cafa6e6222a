"""The container's way to a model: the host adds the key, counts the cost, and bounds the answer.

Threat: the container is untrusted and must never see the key, nor choose another service. It names
neither: the route comes from the settings; of its request only messages and tools are passed on.
`httpx` is loaded with the first call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.errors import Retryable, UserFacing
from core.models import Breaker, Failure, Route, Usage, classify, error_in_body, parse_usage, routes

if TYPE_CHECKING:
    import httpx

    from core.config import ConfigStore
    from core.tasks import TaskNo, TaskStore
    from executors.protocol import AskModel

log = logging.getLogger(__name__)

ANSWER_CAP = 4 * 1024 * 1024
PAUSES_S = (1.0, 4.0, 10.0)
NO_MODEL = UserFacing(
    "This task needs a model, and none is configured.", "Add a key: /config model.api_key KEY"
)


class ModelProxy:
    """Asks the models of role `executor`, best first."""

    def __init__(self, *, config: ConfigStore, tasks: TaskStore) -> None:
        self._config = config
        self._tasks = tasks
        self._breaker = Breaker()
        self._http: httpx.AsyncClient | None = None

    async def ask(self, no: TaskNo, wanted: AskModel, usd: Decimal | None = None) -> dict[str, Any]:
        """The model's next message; `usd` is what the task may spend, if less than any task may.

        `UserFacing` when nothing helps; cancelling drops the call.
        """
        listed = routes(await self._config.current(), "executor")
        if not listed:
            raise NO_MODEL
        await self._check_budget(no, usd)
        failure: Failure | None = None
        for pause_s in (*PAUSES_S, 0.0):
            for route in self._breaker.usable(listed, now=time.monotonic()):
                answer, failure = await self._try(route, no, wanted)
                if answer is not None:
                    return answer
                if failure is not None and failure.act == "owner":
                    raise UserFacing(failure.text, failure.hint)
            if failure is not None and failure.act == "request":
                break
            await asyncio.sleep(pause_s)
        raise UserFacing(failure.text if failure else "No model answered.")

    async def _check_budget(self, no: TaskNo, usd: Decimal | None) -> None:
        """A task that has spent its money asks no model any more."""
        most = Decimal(str((await self._config.current()).number("policy.task_usd")))
        limit = most if usd is None else min(most, usd)
        if await self._tasks.cost(no) >= limit:
            raise UserFacing(
                f"This task has spent the ${limit:.2f} that a task may spend on models.",
                "Raise it: /config policy.task_usd 20",
            )

    async def _try(
        self, route: Route, no: TaskNo, wanted: AskModel
    ) -> tuple[dict[str, Any] | None, Failure | None]:
        body = await self._post(route, wanted)
        if isinstance(body, Failure):
            log.warning("model call failed: %s", body.text, extra={"task": no})
            if body.act == "next":
                self._breaker.failed(route, now=time.monotonic(), after_s=body.after_s)
            await self._record(Usage(), route, no, outcome=body.act)
            return None, body
        self._breaker.succeeded(route)
        await self._record(parse_usage(body.get("usage")), route, no, outcome="ok")
        return body["choices"][0]["message"], None

    async def _record(self, usage: Usage, route: Route, no: TaskNo, *, outcome: str) -> None:
        try:
            await self._tasks.record_usage(
                usage, role="executor", model=route.model, purpose="task", outcome=outcome,
                task_no=no,
            )  # fmt: skip
        except Retryable as error:
            log.warning("usage not recorded: %s", error)

    async def _post(self, route: Route, wanted: AskModel) -> dict[str, Any] | Failure:
        import httpx

        body = {"model": route.model, "messages": wanted.messages}
        if wanted.tools:
            body["tools"] = wanted.tools
        headers = {"Authorization": f"Bearer {route.api_key}", "X-Title": "AgentAI"}
        url = f"{route.base_url}/chat/completions"
        try:
            async with (
                asyncio.timeout(route.timeout_s),
                self._client().stream("POST", url, json=body, headers=headers) as answer,
            ):
                raw = await _bounded(answer)
                return _read(answer.status_code, raw, answer.headers.get("retry-after"))
        except (httpx.HTTPError, OSError, TimeoutError, ValueError) as error:
            return classify(None, type(error).__name__)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            import httpx

            limits = httpx.Limits(max_connections=20, max_keepalive_connections=5)
            timeout = httpx.Timeout(connect=10, read=None, write=60, pool=60)
            self._http = httpx.AsyncClient(limits=limits, timeout=timeout)
        return self._http

    async def close(self) -> None:
        """Closes the connections."""
        if self._http is not None:
            await self._http.aclose()


async def _bounded(answer: httpx.Response) -> bytes:
    raw = bytearray()
    async for piece in answer.aiter_bytes():
        raw += piece
        if len(raw) > ANSWER_CAP:
            raise ValueError("the answer is too long")
    return bytes(raw)


def _read(status: int, raw: bytes, retry_after: str | None) -> dict[str, Any] | Failure:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if status != 200:
        said = error_in_body(body) if isinstance(body, dict) else None
        after_s = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
        return classify(status, said[1] if said else "", after_s=min(after_s, 300.0))
    if not isinstance(body, dict):
        return classify(502, "the answer is not JSON")
    if (error := error_in_body(body)) is not None:
        return classify(*error)
    if not isinstance(body["choices"][0].get("message"), dict):
        return classify(502, "the answer holds no message")
    return body
