"""CONNECT: a tunnel that is spliced unread or opened by our authority.

Threat: a tunnel to a granted host that carries something else: another server's name, or a
protocol that is not TLS. Both are found before the first byte of the client leaves. And a tunnel
that outlives its grant: the judge can cut it at any time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from core.errors import Denied
from executors.gateway.hello import BadHello, server_name
from executors.gateway.hosts import parse_authority
from executors.gateway.inspection import Inspection
from executors.gateway.ports import Inspect, Refused
from executors.gateway.relay import Relay
from executors.gateway.targets import check_same_host
from executors.gateway.upstream import Origin
from executors.gateway.wire import Judged, Requests, malformed, refusal

if TYPE_CHECKING:
    from executors.gateway.exchange import Tools
    from executors.gateway.pipe import Pipe
    from executors.gateway.wire import Head

log = logging.getLogger(__name__)

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
# A fatal alert "unrecognized_name" (RFC 6066 section 3), in the clear as no key exists yet.
WRONG_NAME = b"\x15\x03\x03\x00\x02\x02\x70"


class Tunnel:
    """Answers one CONNECT and carries what follows."""

    def __init__(self, tools: Tools, pipe: Pipe) -> None:
        self._tools = tools
        self._pipe = pipe
        self._sides = [pipe]
        self._refused: Refused | None = None

    async def run(self, head: Head, *, has_more: bool) -> None:
        """Runs until either side ends. Raises `Denied` only before the CONNECT was answered."""
        host, port = parse_authority(head.target)
        if head.host:
            check_same_host(head.host, host, port)
        if has_more or not self._pipe.is_quiet:
            raise malformed("Bytes came before the CONNECT was answered.")
        verdict = await self._tools.decided(self._tools.judge.connect(host, port))
        if isinstance(verdict, Refused):
            raise Judged(verdict.code, verdict.text)
        origin = Origin("https", host, port)
        await (self._inspect(origin) if isinstance(verdict, Inspect) else self._splice(origin))

    async def _inspect(self, origin: Origin) -> None:
        bounds = self._tools.bounds
        context = await asyncio.to_thread(self._tools.authority.server_context, origin.host)
        if not self._pipe.is_quiet:
            raise malformed("Bytes came before the CONNECT was answered.")
        await self._pipe.write(ESTABLISHED, bounds.idle_s)
        await self._pipe.start_tls(context, bounds.hello_s)
        requests = Requests(self._pipe, bounds, self._tools.store)
        inspection = Inspection(self._tools, self._pipe, requests, tunnel=origin)
        await inspection.run()

    async def _splice(self, origin: Origin) -> None:
        """Carries it unread; it can be cut from before it is dialled until it is gone."""
        with self._tools.judge.spliced(origin.host, origin.port, self._cut):
            server = await self._tools.dialer.open(origin._replace(scheme="http"))
            self._sides.append(server)
            try:
                await self._carry(origin, server)
            finally:
                server.transport.abort()

    async def _carry(self, origin: Origin, server: Pipe) -> None:
        await self._pipe.write(ESTABLISHED, self._tools.bounds.idle_s)
        hello = await self._hello(origin)
        try:
            if hello and self._may_leave(len(hello)):
                await server.write(hello, self._tools.bounds.idle_s)
                await self._relay(server)
        finally:
            if self._refused is not None:
                await self._note(origin, Denied(self._refused.code, self._refused.text))

    async def _note(self, origin: Origin, error: Denied) -> None:
        await self._tools.note(error, f"{origin.host}:{origin.port}", "CONNECT")

    def _cut(self) -> None:
        log.info("a tunnel is cut", extra={"code": "taken_back"})
        for side in self._sides:
            side.transport.abort()

    async def _relay(self, server: Pipe) -> None:
        relay = Relay(self._may_leave)
        await relay.run(self._pipe.transport, server.transport, idle_s=self._tools.bounds.idle_s)

    def _may_leave(self, count: int) -> bool:
        refused = self._tools.judge.sent(count)
        if refused is not None:
            log.info("a tunnel is cut", extra={"code": refused.code})
            self._refused = refused
        return refused is None

    async def _hello(self, origin: Origin) -> bytes:
        """The client's first bytes, checked; empty after telling the client why not."""
        try:
            return await self._checked_hello(origin)
        except BadHello as error:
            log.info("a tunnel is refused", extra={"code": error.code})
            await self._note(origin, error)
            plain = error.code == "tls_required"
            answer = refusal(error) if plain else WRONG_NAME
            await self._pipe.write(answer, self._tools.bounds.idle_s)
            return b""

    async def _checked_hello(self, origin: Origin) -> bytes:
        bounds, data = self._tools.bounds, b""
        async with asyncio.timeout(bounds.hello_s):
            while (name := server_name(data)) is None:
                if len(data) > bounds.hello:
                    raise BadHello("the hello is too large")
                piece = await self._pipe.read(bounds.hello_s)
                if not piece:
                    raise BadHello("the hello is not whole")
                data += piece
        if name != origin.host:
            raise BadHello("the server's name is not the tunnel's", "sni_mismatch")
        return data
