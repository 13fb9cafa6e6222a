"""Webhook mode: Telegram calls us. The secret is mandatory and compared in constant time.

An update is committed before the 200 goes out, so Telegram delivers it again when we could not keep
it. The listener is aiohttp's, on loopback unless told otherwise: a reverse proxy with TLS stands
before it.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from bot.wire import update_ids
from core.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.inbox import InboxStore
    from bot.telegram_api import TelegramApi

log = logging.getLogger(__name__)

BODY_CAP = 1 << 20
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name


class Webhook:
    """Receives updates over HTTP; `secret` is made anew at each start and told to Telegram."""

    def __init__(
        self, *, api: TelegramApi, store: InboxStore, conceal: Callable[[str], str],
        on_kept: Callable[[], None], url: str,
    ) -> None:  # fmt: skip
        self._api = api
        self._store = store
        self._conceal = conceal
        self._on_kept = on_kept
        self._url = url
        self._secret = secrets.token_urlsafe(32)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens and registers the address with Telegram; returns the port."""
        app = web.Application(client_max_size=BODY_CAP)
        app.router.add_post(urlsplit(self._url).path or "/", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        await self._api.call(
            "setWebhook", url=self._url, secret_token=self._secret, max_connections=10,
            allowed_updates=["message", "edited_message", "callback_query"],
        )  # fmt: skip
        bound: int = self._runner.addresses[0][1]
        return bound

    async def _receive(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._secret.encode()):
            return web.Response(status=401)
        try:
            updates = update_ids([json.loads(await request.read())])
        except (ValueError, RecursionError):
            return web.Response(status=400, text="not JSON")
        if not updates:
            return web.Response(status=400, text="no update_id")
        try:
            await self._store.keep([(i, self._conceal(payload)) for i, payload in updates])
        except Retryable:
            return web.Response(status=503)  # Telegram will deliver it again
        self._on_kept()
        return web.Response()

    async def stop(self) -> None:
        """Stops listening; requests under way get a few seconds."""
        if self._runner is not None:
            await self._runner.cleanup()
