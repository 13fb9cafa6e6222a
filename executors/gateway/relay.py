"""Carries bytes between two transports, with back pressure, as cheaply as asyncio can.

Bytes from the client are booked before they leave; a refusal cuts both sides at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class _End(asyncio.Protocol):
    """One side: what it receives goes to `peer`."""

    peer: _End

    def __init__(self, transport: asyncio.Transport, relay: Relay) -> None:
        self.transport = transport
        self.relay = relay
        self.has_ended = False
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        self.relay.is_moving = True
        self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.has_ended = True
        if self.peer.has_ended:
            self.relay.close()
        elif self.peer.transport.can_write_eof():
            self.peer.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.relay.lost()


class _ClientEnd(_End):
    """The container's side, which pays for every byte."""

    def data_received(self, data: bytes) -> None:
        if self.relay.may_leave(len(data)):
            super().data_received(data)
        else:
            self.relay.cut()


class Relay:
    """Joins a client and a server until one of them ends; `may_leave` books bytes."""

    def __init__(self, may_leave: Callable[[int], bool]) -> None:
        self.may_leave = may_leave
        self.is_moving = False
        self._ends: tuple[_End, ...] = ()
        self._done = asyncio.Event()

    async def run(
        self, client: asyncio.Transport, server: asyncio.Transport, *, idle_s: float
    ) -> None:
        """Relays until an end or until nothing moved for `idle_s`; cancelling cuts both sides."""
        one, other = _ClientEnd(client, self), _End(server, self)
        one.peer, other.peer = other, one
        self._ends = (one, other)
        for end in self._ends:
            end.transport.set_protocol(end)
            end.transport.resume_reading()
        try:
            await self._until_quiet(idle_s)
        finally:
            self.cut()

    async def _until_quiet(self, idle_s: float) -> None:
        self.is_moving = True
        while self.is_moving and not self._done.is_set():
            self.is_moving = False
            try:
                async with asyncio.timeout(idle_s):
                    await self._done.wait()
            except TimeoutError:
                continue

    def close(self) -> None:
        """Ends both sides after what is on its way."""
        for end in self._ends:
            end.transport.close()

    def lost(self) -> None:
        """One side is gone: closes the other, and is done when both are."""
        self.close()
        if all(end.is_lost for end in self._ends):
            self._done.set()

    def cut(self) -> None:
        """Ends both sides at once."""
        for end in self._ends:
            end.transport.abort()
        self._done.set()
