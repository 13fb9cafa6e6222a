"""The egress proxy of one task: HTTP/1.1 proxy on a unix socket in the task's own folder.

Threat: the container on the other side is hostile. It holds no credential and is known only by its
socket. It may send any bytes, open many connections, read slowly or never, and try to reach
another place than it says. So every wait and size is bounded, form is checked before the judge is
asked, the judge before anything leaves, and closing the proxy cuts every tunnel at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from core.errors import Denied
from core.spawn import Spawner
from executors.gateway.exchange import Tools
from executors.gateway.inspection import Inspection
from executors.gateway.pipe import Pipe
from executors.gateway.ports import Bounds
from executors.gateway.tunnel import Tunnel
from executors.gateway.upstream import Dialer
from executors.gateway.wire import Failed, Requests, Store, refusal
from executors.sockets import bind_in

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from executors.gateway.addresses import Resolver
    from executors.gateway.authority import Authority
    from executors.gateway.ports import Judge

log = logging.getLogger(__name__)

ACCEPT_PAUSE_S = 0.05
BUSY = Failed(503, "busy", "Too many connections are open.")


class EgressProxy:
    """Listens for one task; `close` cuts everything that is open."""

    def __init__(
        self,
        judge: Judge,
        *,
        resolver: Resolver,
        authority: Authority,
        bounds: Bounds | None = None,
    ) -> None:
        bounds = bounds or Bounds()
        self._tools = Tools(
            judge=judge,
            dialer=Dialer(resolver=resolver, authority=authority, bounds=bounds),
            authority=authority,
            bounds=bounds,
            store=Store(bounds.bodies),
        )
        self._pipes: set[Pipe] = set()
        self._is_closed = False
        self._spawner = Spawner()

    async def listen(self, folder: Path, name: str = "proxy.sock") -> None:
        """Begins to listen; replaces the socket of a former host process."""
        bound = bind_in(folder, name)
        bound.listen(self._tools.bounds.connections)
        bound.setblocking(False)
        self._spawner.spawn(self._accept(bound), name="egress proxy")

    async def _accept(self, bound: socket.socket) -> None:
        """Takes connections. asyncio's own server loses those that come while it closes."""
        loop = asyncio.get_running_loop()
        with bound:
            while True:
                try:
                    await _readable(bound)
                    made, _ = bound.accept()
                    await loop.connect_accepted_socket(lambda: Pipe(self._opened), made)
                except BlockingIOError:
                    continue  # the client went away again
                except OSError as error:  # no descriptor is free
                    log.warning("a connection was not taken: %s", error)
                    await asyncio.sleep(ACCEPT_PAUSE_S)

    def _opened(self, pipe: Pipe) -> None:
        if self._is_closed:  # accepted just before, made just after
            pipe.transport.abort()
            return
        if len(self._pipes) >= self._tools.bounds.connections:
            pipe.transport.write(refusal(BUSY))
            pipe.transport.close()
            return
        self._pipes.add(pipe)
        self._spawner.spawn(self._serve(pipe), name="egress connection")

    async def _serve(self, pipe: Pipe) -> None:
        try:
            await self._answer(pipe)
            await pipe.hang_up(self._tools.bounds.hang_up_s)
        except OSError as error:
            log.info("an egress connection ended: %s", type(error).__name__)
        finally:
            pipe.transport.abort()
            self._pipes.discard(pipe)

    async def _answer(self, pipe: Pipe) -> None:
        """Serves plain requests until the end or a CONNECT."""
        bounds = self._tools.bounds
        requests = Requests(pipe, bounds, self._tools.store)
        inspection = Inspection(self._tools, pipe, requests)
        head = None
        try:
            while (head := await requests.head()) is not None:
                if head.method == "CONNECT":
                    inspection.close()
                    return await Tunnel(self._tools, pipe).run(head, has_more=requests.has_more)
                if not await inspection.one(head):
                    return None
        except Denied as error:
            await inspection.note(error, head)
            await pipe.write(refusal(error), bounds.idle_s)
        finally:
            inspection.close()
        return None

    async def close(self) -> None:
        """Stops listening and cuts every connection; returns when all are gone."""
        self._is_closed = True
        for pipe in self._pipes:
            pipe.transport.abort()  # also of a connection whose work has not begun
        await self._spawner.close()


async def _readable(bound: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(bound, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(bound)
