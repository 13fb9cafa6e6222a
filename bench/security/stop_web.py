"""A web whose connections can be held open, and waiting for what is seen only by looking."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from executors.gateway.authority import Authority
from executors.gateway.hosts import parse_host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class Web:
    """Some names on this machine; `/hold` never ends, everything else answers at once."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._names = names
        folder.mkdir()
        self._authority = Authority(folder)
        self._authority.prepare()
        self._servers: list[asyncio.Server] = []
        self._pins: list[str] = []
        self.held = 0

    async def start(self) -> None:
        for name in self._names:
            tls = self._authority.server_context(parse_host(name))
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
            self._servers.append(server)
            self._pins.append(f"{name}=127.0.0.1:{server.sockets[0].getsockname()[1]}")

    @property
    def environment(self) -> dict[str, str]:
        trusted = str(self._authority.ca_file)
        return {"GATEWAY_PINS": ",".join(self._pins), "GATEWAY_EXTRA_CA": trusted}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b" /hold " not in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            else:
                await self._hold(reader, writer)
        writer.close()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.held += 1
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx")
            await reader.read()
        finally:
            self.held -= 1

    async def stop(self) -> None:
        for server in self._servers:
            server.close()


async def soon(look: Callable[[], Awaitable[object]], what: str, within_s: float = 30.0) -> None:
    """Waits until `look` says yes; `TimeoutError` says what did not happen."""
    deadline = time.monotonic() + within_s
    while not await look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen")
        await asyncio.sleep(0.02)
