"""A local stand-in for Telegram: Bot API server and chat page on one loopback port.

The bot does not know the difference: it is given another base address, nothing else. Tests use the
same object, act through `person`, look at `bot_messages`, and plan `faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from playground.faults import Faults
from playground.hook import Hook
from playground.methods import Methods, Params, read_params
from playground.page import UPLOAD_CAP, Page, read_upload
from playground.person import Person
from playground.state import Shown, State
from playground.store import Store
from playground.updates import HAS_WEBHOOK, UpdateQueue
from playground.validation import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playground.faults import Fault

OWNER_ID = 7001
SAVE_EVERY_S = 0.5
CALLS_KEPT = 100_000


class PlaygroundServer:
    """One bot, one owner, and whoever else a test speaks as."""

    def __init__(
        self, *, token: str, bot_username: str = "agentai_playground_bot", owner_id: int = OWNER_ID,
        state_path: Path | None = None, key: str | None = None,
    ) -> None:  # fmt: skip
        self._token = token
        owner = {"id": owner_id, "is_bot": False, "first_name": "You", "language_code": "en"}
        bot_id = int(token.partition(":")[0])
        self.state = State(bot_id=bot_id, username=bot_username, name="AgentAI", owner=owner)
        self.updates = UpdateQueue()
        self.faults = Faults()
        self.calls: deque[tuple[float, str, Params]] = deque(maxlen=CALLS_KEPT)
        self.key = key or secrets.token_hex(16)
        self._changed = asyncio.Event()
        self._dirty = asyncio.Event()
        self._methods = Methods(self.state, self._tell)
        self.person = Person(self.state, self.updates, self._methods, self._tell)
        self._page = Page(key=self.key, state=self.state, person=self.person)
        self._hook = Hook(self.updates)
        self._store = Store(state_path) if state_path else None
        self._saved_files: set[str] = set()
        if self._store is not None:
            self._store.load(self.state, self.updates)
            self._saved_files = set(self.state.files)
        self._runner: web.AppRunner | None = None
        self._saving: asyncio.Task[None] | None = None
        self.port = 0

    # --- life ---

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; `port` 0 takes a free one."""
        app = web.Application(client_max_size=UPLOAD_CAP)
        app.router.add_route("*", "/bot{token}/{method}", self._api)
        app.router.add_get("/file/bot{token}/documents/{id}", self._download)
        app.add_routes(self._page.routes())
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024).start()
        self.port = self._runner.addresses[0][1]
        self._saving = asyncio.get_running_loop().create_task(self._keep_saving(), name="saving")

    async def stop(self) -> None:
        """Stops listening and writes what is not yet kept."""
        await self._hook.close()
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.wait({self._saving})
        if self._runner is not None:
            await self._runner.cleanup()
        if self._store is not None:
            await self._save()
            self._store.close()

    @property
    def api_url(self) -> str:
        """What `TELEGRAM_API_URL` gets."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def chat_url(self) -> str:
        """The page."""
        return f"http://127.0.0.1:{self.port}/{self.key}/"

    async def _keep_saving(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(SAVE_EVERY_S)
            await self._save()

    async def _save(self) -> None:
        if self._store is None:
            return
        self._dirty.clear()
        kept = self._store.snapshot(self.state, self.updates)
        new = [f for i, f in self.state.files.items() if i not in self._saved_files]
        self._saved_files.update(f.file_id for f in new)
        await asyncio.to_thread(self._store.save, kept, new)

    def _tell(self, kind: str, data: Any) -> None:  # noqa: ANN401 - JSON or a message
        self._page.tell(kind, data)
        self._changed.set()
        self._dirty.set()

    # --- the Bot API ---

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            self._check_token(request)
            params = await _params(request)
            fault = self.faults.take(method)
            await _befall(request, fault)
            self.calls.append((time.monotonic(), method, params))
            result = await self._call(method, params)
            if fault is not None and fault.kind == "drop_after":
                _hang_up(request)
        except ApiError as error:
            return _refusal(error)
        return web.json_response({"ok": True, "result": result})

    def _check_token(self, request: web.Request) -> None:
        given = request.match_info["token"].encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._token.encode()):
            raise ApiError(401, "Unauthorized")

    async def _call(self, method: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        match method.lower():
            case "getupdates":
                return await self._get_updates(params)
            case "setwebhook" if params.get("url"):
                await self._hook.set(str(params["url"]), str(params.get("secret_token") or ""))
                return True
            case "setwebhook" | "deletewebhook":
                await self._hook.close()
                if params.get("drop_pending_updates"):
                    self.updates.pending.clear()
                return True
            case "getwebhookinfo":
                return {
                    "url": self._hook.url, "has_custom_certificate": False,
                    "pending_update_count": len(self.updates.pending),
                }  # fmt: skip
            case _:
                return self._methods.call(method, params)

    async def _get_updates(self, params: Params) -> list[dict[str, Any]]:
        if self._hook.url:
            raise HAS_WEBHOOK
        self._dirty.set()
        limit = params.get("limit")
        return await self.updates.poll(
            offset=int(params.get("offset") or 0),
            limit=min(max(int(limit), 1), 100) if limit else 100,
            timeout_s=min(float(params.get("timeout") or 0), 50.0),
        )

    async def _download(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
        except ApiError as error:
            return _refusal(error)
        file = self.state.files.get(request.match_info["id"])
        return web.Response(body=file.content) if file else web.Response(status=404)

    # --- for tests ---

    def bot_messages(self, chat_id: int | None = None) -> list[Shown]:
        """What the bot's messages look like now, oldest first."""
        wanted = chat_id or self.state.owner["id"]
        shown = self.state.messages.values()
        return [m for m in shown if m.is_bot and not m.deleted and m.chat_id == wanted]

    async def wait_for(self, wanted: Callable[[Shown], bool], timeout_s: float = 20.0) -> Shown:
        """The first of the bot's messages that `wanted` accepts, now or later."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._changed.clear()
                    for shown in self.bot_messages():
                        if wanted(shown):
                            return shown
                    await self._changed.wait()
        except TimeoutError:
            seen = "\n".join(f"  {m.id}: {m.text[:200]!r}" for m in self.bot_messages()[-15:])
            raise AssertionError(
                f"no such message within {timeout_s} s; there are:\n{seen}"
            ) from None


async def _params(request: web.Request) -> Params:
    params: dict[str, Any] = dict(request.query)
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            with contextlib.suppress(ValueError):
                body = await request.json()
                params |= body if isinstance(body, dict) else {}
        else:
            for name, value in (await request.post()).items():
                params[name] = value
    uploads = {
        name: read_upload(value)
        for name, value in params.items()
        if isinstance(value, web.FileField)
    }
    return read_params({**params, **uploads})


async def _befall(request: web.Request, fault: Fault | None) -> None:
    """What goes wrong before the call is performed."""
    if fault is None:
        return
    match fault.kind:
        case "429":
            seconds = fault.retry_after
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", seconds)
        case "500":
            raise ApiError(500, "Internal Server Error")
        case "502":
            raise ApiError(502, "Bad Gateway")
        case "409":
            raise ApiError(409, "Conflict: terminated by other getUpdates request")
        case "drop_before":
            _hang_up(request)
        case "hang":
            await asyncio.sleep(fault.seconds)
        case "drop_after":
            return


def _hang_up(request: web.Request) -> None:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise asyncio.CancelledError


def _refusal(error: ApiError) -> web.Response:
    body: dict[str, Any] = {
        "ok": False, "error_code": error.code, "description": error.description,
    }  # fmt: skip
    if error.retry_after is not None:
        body["parameters"] = {"retry_after": error.retry_after}
    return web.json_response(body, status=error.code)
