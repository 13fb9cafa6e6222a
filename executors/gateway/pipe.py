"""One connection as bytes, with flow control in both directions.

Lighter than asyncio's streams, and it can hand its transport on: to TLS, or to a relay.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

READ_AHEAD = 256 * 1024


class Pipe(asyncio.Protocol):
    """Reads and writes one connection. All its waits are bounded by the caller's seconds."""

    transport: asyncio.Transport

    def __init__(self, opened: Callable[[Pipe], None] | None = None) -> None:
        self._opened = opened
        self._held = bytearray()
        self._has_tls = False
        self._paused = False
        self.ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self._has_tls = transport.get_extra_info("ssl_object") is not None
        if self._opened is not None:
            self._opened(self)

    def data_received(self, data: bytes) -> None:
        """Keeps what came; stops reading when nobody takes it."""
        self._held += data
        if len(self._held) > READ_AHEAD and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """Notes the other side's end; ours stays open where the transport can do that."""
        self.ended = True
        self._news.set()
        return not self._has_tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Wakes everybody who waits."""
        self.ended = True
        for event in (self._news, self._room, self._lost):
            event.set()

    def pause_writing(self) -> None:
        """The other side reads too slowly."""
        self._room.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._room.set()

    async def read(self, within_s: float) -> bytes:
        """What has come, at least one byte; empty at the end. Raises `TimeoutError`."""
        if not self._held and not self.ended:
            self._news.clear()
            async with asyncio.timeout(within_s):
                await self._news.wait()
        data = bytes(self._held)
        self._held.clear()
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        return data

    async def write(self, data: bytes, within_s: float) -> None:
        """Sends `data`; waits while too much is on its way. Raises `OSError`, `TimeoutError`."""
        if self._lost.is_set() or self.transport.is_closing():
            raise ConnectionResetError("the connection is gone")
        self.transport.write(data)
        if not self._room.is_set():
            async with asyncio.timeout(within_s):
                await self._room.wait()

    async def start_tls(self, context: ssl.SSLContext, within_s: float) -> None:
        """Becomes the server's side of TLS. Raises `OSError` (as do bad handshakes)."""
        loop = asyncio.get_running_loop()
        made = await loop.start_tls(
            self.transport, self, context, server_side=True, ssl_handshake_timeout=within_s
        )
        if made is None:
            raise ConnectionResetError("the connection is gone")
        self.transport = made
        self._has_tls = True

    @property
    def is_quiet(self) -> bool:
        """Whether it is open and nothing unread has come."""
        return not self.ended and not self._held and not self.transport.is_closing()

    async def hang_up(self, within_s: float) -> None:
        """Sends what is left and closes; cancelling or a slow other side cuts the connection."""
        try:
            self.transport.close()
            # A relay may have taken a plain one; a TLS one that is closed twice knows no protocol.
            if self._has_tls or self.transport.get_protocol() is self:
                async with asyncio.timeout(within_s):
                    await self._lost.wait()
        except TimeoutError:
            pass
        finally:
            self.transport.abort()
