"""A local stand-in for Telegram: Bot API server and chat page on one loopback port.

The bot does not know the difference: it is given another base address, nothing else. Tests use the
same object, act through `person`, look at `bot_messages`, and plan `faults`.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from core.spawn import Spawner, forever
from playground.callbacks import Callbacks
from playground.faults import Faults
from playground.hook import Hook
from playground.methods import Methods
from playground.page import Page
from playground.person import Person
from playground.state import Shown, State
from playground.store import open_store
from playground.updates import UpdateQueue, has_webhook
from playground.validation import UPLOAD_CAP, ApiError, bad
from playground.wire import Params, befall, hang_up, read_params, refusal, success, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWNER_ID = 7001
SAVE_EVERY_S = 0.5
CALLS_KEPT = 100_000
POLL_CAP_S = 50
REQUEST_CAP = UPLOAD_CAP + 1024 * 1024
OPEN_FOR_S = 0.3  # how long a request under way may go on after the end was asked for


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
        self._dirty = asyncio.Event()
        self.updates = UpdateQueue(self._dirty.set)
        self.faults = Faults()
        self.callbacks = Callbacks()
        self.calls: deque[tuple[float, str, Params]] = deque(maxlen=CALLS_KEPT)
        self.key = key or secrets.token_hex(16)
        self._methods = Methods(self.state, self.callbacks, self._tell)
        self.person = Person(self.state, self.updates, self.callbacks, self._tell)
        self._page = Page(key=self.key, state=self.state, person=self.person)
        self._hook = Hook(self.updates)
        self._changed = asyncio.Event()
        self._unsaved: set[int] = set()
        self._store = open_store(state_path) if state_path else None
        if self._store is not None:
            self._store.load(self.state, self.updates, self._hook)
        self._spawner = Spawner()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self.port = 0

    # --- life ---

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; `port` 0 takes a free one."""
        app = web.Application(client_max_size=REQUEST_CAP)
        app.router.add_route("*", "/bot{token}/{method}", self._api)
        app.router.add_get("/file/bot{token}/documents/{id}", self._download)
        app.add_routes(self._page.routes())
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=OPEN_FOR_S
        )
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, host, port, backlog=1024)
        await self._site.start()
        self.port = self._runner.addresses[0][1]
        if self._store is not None:
            self._spawner.spawn(forever(self._save_changes, name="saving"), name="saving")
        self._hook.resume()

    async def stop(self) -> None:
        """Stops listening and writes what is not yet kept; waiting polls and pages are let go.

        Listening ends first: a page that comes now is refused, and not cut off without a word.
        """
        if self._site is not None:
            await self._site.stop()
            self._site = None
        await self._spawner.close()
        await self._hook.close()
        await self._save()
        self.updates.end_poll(ApiError(502, "Bad Gateway"))
        self._page.close()
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

    async def _save_changes(self) -> None:
        await self._dirty.wait()
        await asyncio.sleep(SAVE_EVERY_S)
        await self._save()

    async def _save(self) -> None:
        if self._store is None:
            return
        self._dirty.clear()
        changed, self._unsaved = self._unsaved, set()
        snapshot = self._store.snapshot(changed, self.state, self.updates, self._hook)
        try:
            await asyncio.to_thread(self._store.save, snapshot)
        except BaseException:
            self._unsaved |= changed
            self._dirty.set()
            raise

    def _tell(self, kind: str, data: Any) -> None:  # noqa: ANN401 - JSON or a message
        if isinstance(data, Shown):
            self._unsaved.add(data.id)
        elif kind == "delete":
            self._unsaved.add(data["id"])
        self._page.tell(kind, data)
        self._changed.set()
        self._dirty.set()

    # --- the Bot API ---

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            self._check_token(request)
            params = await read_params(request)
            now = time.monotonic()
            fault = self.faults.take(method) or self.faults.flood(
                method, params.get("chat_id"), now
            )
            if await befall(request, fault):
                return web.Response()
            self.calls.append((now, method, params))
            result = await self._call(method, params)
        except ApiError as error:
            return refusal(error)
        if fault is not None and fault.kind == "drop_after":
            hang_up(request)
        return success(result)

    def _check_token(self, request: web.Request) -> None:
        given = request.match_info["token"].encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._token.encode()):
            raise ApiError(401, "Unauthorized")

    async def _call(self, method: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        match method.lower():
            case "getupdates":
                return await self._get_updates(params)
            case "setwebhook" | "deletewebhook" as name:
                return await self._set_webhook(
                    params, str(params.get("url") or "") if name == "setwebhook" else ""
                )
            case "getwebhookinfo":
                return self._hook.as_api()
            case _:
                return self._methods.call(method, params)

    async def _set_webhook(self, params: Params, url: str) -> bool:
        if params.get("drop_pending_updates"):
            self.updates.clear()
        if url:
            self._allow(params)
            await self._hook.set(url, str(params.get("secret_token") or ""))
        else:
            await self._hook.remove()
        self._dirty.set()
        return True

    def _allow(self, params: Params) -> None:
        kinds = params.get("allowed_updates")
        if kinds is None:
            return
        if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
            raise bad("can't parse allowed_updates: expected an Array of String")
        self.updates.allow(kinds)
        self._dirty.set()

    async def _get_updates(self, params: Params) -> list[dict[str, Any]]:
        if self._hook.url:
            raise has_webhook()
        self._allow(params)
        limit = whole(params, "limit", 0)
        return await self.updates.poll(
            offset=whole(params, "offset", 0),
            limit=min(max(limit, 1), 100) if limit else 100,
            timeout_s=min(whole(params, "timeout", 0), POLL_CAP_S),
        )

    async def _download(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
        except ApiError as error:
            return refusal(error)
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
