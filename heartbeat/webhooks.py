"""The listener for webhooks: on loopback only, and only while there is a webhook trigger.

Threat: floods, huge or endless bodies, probing for names. Bodies end at 1 MB and after ten seconds,
sixteen are read at once, and whatever is wrong with a request, the answer is the same 401. An event
is committed before the sender hears 202. `signatures` decides what is genuine.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from core.errors import Retryable, UserFacing
from heartbeat.clock import utc_now
from heartbeat.signatures import verify
from heartbeat.trigger_types import NewEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiohttp import web

    from heartbeat.ports import Secret
    from heartbeat.signatures import Delivery, Format
    from heartbeat.trigger_store import TriggerStore

log = logging.getLogger(__name__)
BODY_MAX = 1_048_576
READ_S = 10.0
AT_ONCE = 16


class Webhooks:
    """Listens on 127.0.0.1:`port` (0: any) at `/hooks/NAME`. Close it at the end."""

    def __init__(
        self, store: TriggerStore, *, secret: Secret, port: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._store = store
        self._secret = secret
        self._port = port
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self.trouble = ""
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def address(self) -> str | None:
        """Where it listens; None while it does not."""
        if self._runner is None or not self._runner.addresses:
            return None
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}/hooks/"

    async def look(self) -> None:
        """Opens the listener when an active webhook trigger exists, else closes it."""
        is_wanted = bool(await self._store.active("webhook"))
        if is_wanted and self._runner is None:
            await self._open()
        elif not is_wanted:
            await self.close()

    async def close(self) -> None:
        """Stops listening; requests under way get two seconds."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _open(self) -> None:
        from aiohttp import web  # noqa: PLC0415, RUF100 - only who has webhooks pays for it

        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_post("/hooks/{name}", self._receive)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
        except OSError as error:
            await runner.cleanup()
            self.trouble = f"Webhooks cannot listen on port {self._port}: {error.strerror}."
            raise Retryable(self.trouble, 30) from error
        self._runner, self.trouble = runner, ""

    async def _receive(self, request: web.Request) -> web.Response:
        from aiohttp import web  # noqa: PLC0415, RUF100

        if self._slots.locked():
            return web.Response(status=503, headers={"Retry-After": "5"})
        async with self._slots:
            try:
                async with asyncio.timeout(READ_S):
                    body = await request.read()
                return web.Response(status=await self._answer(request, body))
            except TimeoutError:
                return web.Response(status=408)
            except Retryable:
                return web.Response(status=503, headers={"Retry-After": "5"})

    async def _answer(self, request: web.Request, body: bytes) -> int:
        name = request.match_info["name"]
        delivery = await self._genuine(name, request, body)
        if delivery is None:
            log.warning("a webhook was refused", extra={"trigger": name[:40]})
            return 401
        event = request.headers.get("X-GitHub-Event", "")
        payload = (f"event: {event}\n" if event else "") + body.decode("utf-8", "replace")
        new = NewEvent(trigger=name, key=delivery.key, digest=delivery.digest, payload=payload)
        await self._store.take(new, now=self._clock())
        return 202

    async def _genuine(self, name: str, request: web.Request, body: bytes) -> Delivery | None:
        found = await self._store.active("webhook")
        trigger = next((t for t in found if t.name == name), None)
        if trigger is None:
            return None
        try:
            secret = await self._secret(trigger.secret_name)
        except UserFacing:
            log.warning("a trigger's secret is missing", extra={"trigger": name})
            return None
        headers = {key.lower(): value for key, value in request.headers.items()}
        style = cast("Format", trigger.spec.get("format", "agentai"))
        return verify(headers, body, secret=secret, now=self._clock(), style=style)
