"""Requests of a hostile client, read so that nobody can read them differently.

Threat: request smuggling. A head with bare line feeds, folded lines, two lengths or two hosts is
understood one way here and another way at the server. So the raw head is checked before h11 sees
it, a request is read whole before any byte leaves, and it is written anew with one
Content-Length. Rules: RFC 9112 sections 2.2, 5.2, 6.3 and 11.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from core.errors import Denied
from executors.gateway.headers import tokens

if TYPE_CHECKING:
    from executors.gateway.pipe import Pipe
    from executors.gateway.ports import Bounds, Headers

_BARE_LF = re.compile(rb"(?<!\r)\n")
_UNCLEAN = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]|\x00")
_END = b"\r\n\r\n"
_STATUS = {"malformed": 400, "too_large": 413, "head_too_large": 431}
_REASON = {400: "Bad Request", 403: "Forbidden", 413: "Content Too Large"}


class Failed(Denied):
    """The server's side went wrong; `status` tells the client how."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code, text)
        self.status = status


class Judged(Denied):
    """A refusal of the judge's, who has written it down."""


def malformed(text: str) -> Denied:
    """The error for a request that breaks the rules of HTTP."""
    return Denied("malformed", text)


def refusal(error: Denied, *, keep: bool = False, has_body: bool = True) -> bytes:
    """The whole answer that says no."""
    status = error.status if isinstance(error, Failed) else _STATUS.get(error.code, 403)
    body = f"{error}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {_REASON.get(status, 'Refused')}",
        "Content-Type: text/plain; charset=utf-8",
        f"X-AgentAI-Reason: {error.code}",
        f"Content-Length: {len(body)}",
        *([] if keep else ["Connection: close"]),
    ]
    return "\r\n".join(lines).encode() + _END + (body if has_body else b"")


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The first part of a request; `connection` knows its framing."""

    method: str
    target: str
    headers: Headers
    connection: h11.Connection

    @property
    def host(self) -> str:
        """The Host header; empty when there is none (HTTP/1.0)."""
        return next((v.decode("latin-1") for k, v in self.headers if k == b"host"), "")

    @property
    def may_keep(self) -> bool:
        """Whether the connection outlives this request, once it was read whole."""
        return self.connection.their_state is h11.DONE


class Store:
    """Counts the request bodies in memory, over all connections of a task."""

    def __init__(self, cap: int) -> None:
        self._left = cap

    def take(self, count: int) -> None:
        """Books `count` bytes; raises `Denied` when there is no room."""
        if count > self._left:
            raise Failed(503, "busy", "Too many request bodies are on their way; try again.")
        self._left -= count

    def give_back(self, count: int) -> None:
        """Frees `count` bytes."""
        self._left += count


class Requests:
    """Reads one request after the other from a client's connection."""

    def __init__(self, pipe: Pipe, bounds: Bounds, store: Store) -> None:
        self._pipe = pipe
        self._bounds = bounds
        self._store = store
        self._raw = bytearray()
        self._taken = 0

    async def head(self) -> Head | None:
        """The next head, or None at the connection's end. Raises `Denied`, `TimeoutError`."""
        self.release()
        raw = await self._raw_head()
        if raw is None:
            return None
        if _UNCLEAN.search(raw):
            raise malformed("The head has a folded line or a bare line end.")
        if raw.count(b"\n") - 2 > self._bounds.headers:
            raise Denied("head_too_large", "The request has too many headers.")
        return _parse_head(raw, self._bounds.head)

    async def _raw_head(self) -> bytes | None:
        seen = 0
        while (end := self._raw.find(_END, max(0, seen - 3))) < 0:
            if _BARE_LF.search(self._raw, seen):
                raise malformed("The head has a bare line end.")
            seen = len(self._raw)
            if seen > self._bounds.head:
                break
            if not await self._more():
                if self._raw:
                    raise malformed("The request ended in its head.")
                return None
        if not 0 <= end <= self._bounds.head - 4:
            raise Denied("head_too_large", "The request's head is too large.")
        raw = bytes(self._raw[: end + 4])
        del self._raw[: end + 4]
        return raw

    async def _more(self) -> bool:
        data = await self._pipe.read(self._bounds.idle_s)
        self._raw += data
        return bool(data)

    async def body(self, head: Head) -> bytes:
        """The whole body. Raises `Denied`, `TimeoutError`; a waiting client is told to go on."""
        if int(next((v for k, v in head.headers if k == b"content-length"), b"0")) > (
            self._bounds.body
        ):
            raise Denied("too_large", "The request's body is too large.")
        pieces: list[bytes] = []
        try:
            while not isinstance(event := head.connection.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    pieces.append(self._kept(bytes(event.data)))
                else:
                    await self._feed(head.connection)
        except h11.RemoteProtocolError as error:
            raise malformed(f"The request cannot be read: {error}.") from error
        self._raw[:0] = head.connection.trailing_data[0]
        return b"".join(pieces)

    def _kept(self, piece: bytes) -> bytes:
        self._store.take(len(piece))
        self._taken += len(piece)
        if self._taken > self._bounds.body:
            raise Denied("too_large", "The request's body is too large.")
        return piece

    async def _feed(self, connection: h11.Connection) -> None:
        if not self._raw:
            if connection.they_are_waiting_for_100_continue:
                go_on = connection.send(h11.InformationalResponse(status_code=100, headers=[]))
                await self._pipe.write(go_on or b"", self._bounds.idle_s)
            if not await self._more():
                raise malformed("The request ended in its body.")
        connection.receive_data(bytes(self._raw))
        self._raw.clear()

    @property
    def has_more(self) -> bool:
        """Whether bytes came that nobody asked for yet."""
        return bool(self._raw)

    def release(self) -> None:
        """Forgets the last body."""
        self._store.give_back(self._taken)
        self._taken = 0


def _parse_head(raw: bytes, cap: int) -> Head:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=cap)
    try:
        connection.receive_data(raw)
        event = connection.next_event()
    except (h11.RemoteProtocolError, ValueError) as error:  # int() refuses thousands of digits
        raise malformed(f"The request cannot be read: {error}.") from error
    if not isinstance(event, h11.Request) or event.http_version not in (b"1.1", b"1.0"):
        raise malformed("The request is not HTTP/1.1.")
    headers = tuple(event.headers)
    _check_framing(headers, event.http_version)
    return Head(
        method=event.method.decode("ascii"),
        target=event.target.decode("ascii"),
        headers=headers,
        connection=connection,
    )


def _check_framing(headers: Headers, version: bytes) -> None:
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and (b"content-length" in names or version == b"1.0"):
        raise malformed("The request has two lengths.")
    if names.count(b"host") > 1 or names.count(b"content-length") > 1:
        raise malformed("A header stands twice.")
    if tokens(headers, b"transfer-encoding") - {b"chunked"}:
        raise malformed("The only transfer coding is chunked.")
