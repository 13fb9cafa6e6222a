"""Reads inspected requests, checks their form, and has each carried and answered.

Threat: see `targets`, `wire` and `headers`; this module makes sure that every request passes all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import h11

from core.errors import Denied
from executors.gateway.exchange import Exchange
from executors.gateway.headers import for_judge, tokens
from executors.gateway.ports import Asked
from executors.gateway.targets import check_same_host, check_target, split_absolute
from executors.gateway.upstream import Origin
from executors.gateway.wire import malformed, refusal

if TYPE_CHECKING:
    from executors.gateway.exchange import Tools
    from executors.gateway.pipe import Pipe
    from executors.gateway.wire import Head, Requests

_PLACE = re.compile(r"^[A-Za-z]{1,10}://")
_REFUSED_METHODS = ("CONNECT", "TRACE", "TRACK")


class Inspection:
    """The requests of one connection: inside `tunnel`, or in absolute form to any host."""

    def __init__(
        self, tools: Tools, pipe: Pipe, requests: Requests, *, tunnel: Origin | None = None
    ) -> None:
        self._pipe = pipe
        self._requests = requests
        self._tunnel = tunnel
        self._idle_s = tools.bounds.idle_s
        self._exchange = Exchange(tools, pipe)
        self._tools = tools
        self._head: Head | None = None

    async def run(self) -> None:
        """Answers requests until the connection ends. Raises `OSError` when it must be cut."""
        try:
            while (head := await self._requests.head()) is not None and await self.one(head):
                pass
        except Denied as error:
            await self.note(error)
            await self._pipe.write(refusal(error), self._idle_s)
        finally:
            self.close()

    async def one(self, head: Head) -> bool:
        """Answers one request; whether the connection may go on."""
        self._head = head
        origin, target = self._checked(head)
        asked = Asked(
            scheme=origin.scheme,
            host=origin.host,
            port=origin.port,
            method=head.method,
            target=target,
            headers=for_judge(head.headers),
            body=await self._requests.body(head),
        )
        try:
            await self._exchange.carry(asked, head.connection)
        except Denied as error:
            return await self._refuse(error, head)
        return head.may_keep and head.connection.our_state is h11.DONE

    async def _refuse(self, error: Denied, head: Head) -> bool:
        await self.note(error)
        has_body = head.method != "HEAD"
        answer = refusal(error, keep=head.may_keep, has_body=has_body)
        await self._pipe.write(answer, self._idle_s)
        return head.may_keep

    def _checked(self, head: Head) -> tuple[Origin, str]:
        """Where the request goes; raises `Denied` for one that may be understood in two ways."""
        if head.method in _REFUSED_METHODS:
            raise Denied("method_refused", f"The method {head.method} is not carried.")
        upgrades = tokens(head.headers, b"connection") & {b"upgrade", b"http2-settings"}
        if upgrades or any(name == b"upgrade" for name, _ in head.headers):
            raise Denied("upgrade_refused", "The connection cannot change its protocol.")
        origin, target = self._place(head.target)
        check_target(target)
        check_same_host(head.host, origin.host, origin.port)
        return origin, target

    def _place(self, target: str) -> tuple[Origin, str]:
        if self._tunnel is None:
            place = split_absolute(target)
            return Origin("http", place.host, place.port), place.target
        if not target.startswith("/"):
            raise malformed("Inside a tunnel a request's target is a path.")
        return self._tunnel, target

    async def note(self, error: Denied, head: Head | None = None) -> None:
        """Has a refusal of the newest request, or of `head`, written down."""
        head = head or self._head
        place = f"{self._tunnel.host}:{self._tunnel.port}" if self._tunnel else place_of(head)
        await self._tools.note(error, place, head.method if head else "")

    def close(self) -> None:
        """Frees what the connection held."""
        self._requests.release()
        self._exchange.close()


def place_of(head: Head | None) -> str:
    """Where a request wants to go, in the container's words; no path, which may hold anything."""
    return _PLACE.sub("", head.target).partition("/")[0].partition("?")[0] if head else ""
