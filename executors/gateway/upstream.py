"""The server's side: dialling exactly the resolved address, and reading its responses.

A server is trusted no further than the wire: sizes and waits are bounded, and a connection that
says more than it was asked is not used again.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import h11

from executors.gateway.pipe import Pipe
from executors.gateway.wire import Failed

if TYPE_CHECKING:
    from executors.gateway.addresses import Resolver
    from executors.gateway.authority import Authority
    from executors.gateway.hosts import Host
    from executors.gateway.ports import Bounds, Scheme


class Gone(Failed):
    """The server closed the connection, or broke the rules, before its answer was whole."""

    def __init__(self) -> None:
        text = "The server closed the connection or broke HTTP's rules."
        super().__init__(502, "upstream_failed", text)


class Origin(NamedTuple):
    """A server as a client knows it."""

    scheme: Scheme
    host: Host
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialer:
    """Opens connections to servers."""

    resolver: Resolver
    authority: Authority
    bounds: Bounds

    async def open(self, origin: Origin) -> Pipe:
        """Connects, for `https` with TLS; raises `Denied`. Cancelling leaves nothing open."""
        try:
            async with asyncio.timeout(self.bounds.connect_s):
                return await self._open(origin)
        except TimeoutError as error:
            raise Failed(504, "upstream_timeout", "The server did not answer in time.") from error
        except ssl.SSLError as error:
            raise Failed(502, "upstream_tls", "The server's TLS cannot be trusted.") from error
        except OSError as error:
            raise Failed(502, "upstream_unreachable", "The server cannot be reached.") from error

    async def _open(self, origin: Origin) -> Pipe:
        address = await self.resolver.resolve(origin.host, origin.port)
        context = None
        if origin.scheme == "https":
            context = await asyncio.to_thread(self.authority.upstream_context)
        _, pipe = await asyncio.get_running_loop().create_connection(
            Pipe,
            address.ip,
            address.port,
            ssl=context,
            server_hostname=None if context is None else origin.host,
        )
        return pipe


class Upstream:
    """A kept connection to one server, one request at a time."""

    def __init__(self, pipe: Pipe, origin: Origin, bounds: Bounds) -> None:
        self.pipe = pipe
        self.origin = origin
        self._bounds = bounds
        self._connection: h11.Connection | None = None
        self._used_at = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since it last carried something."""
        return time.monotonic() - self._used_at

    @property
    def is_reusable(self) -> bool:
        """Whether another request may go out on it."""
        last = self._connection
        is_done = last is None or (
            last.our_state is h11.DONE
            and last.their_state is h11.DONE
            and last.trailing_data == (b"", False)
        )
        return is_done and self.pipe.is_quiet

    async def ask(self, connection: h11.Connection, request: bytes) -> h11.Response:
        """Sends a whole request, made with `connection`; the head of its answer. `Failed`."""
        self._connection = connection
        try:
            await self.pipe.write(request, self._bounds.idle_s)
        except OSError as error:
            raise Gone from error
        return await self._response()

    async def _response(self) -> h11.Response:
        """The response's head, after any interim ones; raises `Failed`."""
        while not isinstance(event := await self.next(), h11.Response):
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise Gone
        return event

    async def next(self) -> h11.Event:
        """The next piece of the response; raises `Failed`."""
        if self._connection is None:
            raise Gone
        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                self._connection.receive_data(await self.pipe.read(self._bounds.idle_s))
        except TimeoutError as error:
            raise Failed(504, "upstream_timeout", "The server did not answer in time.") from error
        except (OSError, ValueError, h11.RemoteProtocolError) as error:
            raise Gone from error
        self._used_at = time.monotonic()
        if isinstance(event, h11.Event):
            return event
        raise Gone
