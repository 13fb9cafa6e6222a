"""A web service out on the internet, as tests need one: TLS under a test authority, echoing.

web = EchoWeb(folder, "api.example.com"); await web.start(); world.env |= web.environment()
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from executors.gateway.authority import Authority
from executors.gateway.hosts import parse_host

if TYPE_CHECKING:
    from pathlib import Path


class EchoWeb:
    """Answers every request with what it got; keeps all of them in `requests`."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._authority = Authority(folder)
        folder.mkdir(exist_ok=True)
        self._authority.prepare()
        self.names = names
        self.requests: list[dict[str, Any]] = []
        self._runner: web.AppRunner | None = None
        self._ports: dict[str, int] = {}

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._echo)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        for name in self.names:
            context = self._authority.server_context(parse_host(name))
            await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
            self._ports[name] = self._runner.addresses[-1][1]

    def environment(self) -> dict[str, str]:
        """What the executor needs to find and trust it."""
        pins = ",".join(f"{name}=127.0.0.1:{port}" for name, port in self._ports.items())
        return {"GATEWAY_PINS": pins, "GATEWAY_EXTRA_CA": str(self._authority.ca_file)}

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _echo(self, request: web.Request) -> web.Response:
        body = await request.text()
        got = {
            "method": request.method, "host": request.host, "path": request.path_qs,
            "headers": {k.lower(): v for k, v in request.headers.items()}, "body": body,
        }  # fmt: skip
        self.requests.append(got)
        return web.Response(text=f"echo {json.dumps(got)}\n")
