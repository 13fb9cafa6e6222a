"""One inspected request after the other: ask, book, send, and bring the scrubbed response back.

Threat: a secret that leaves for the wrong place or comes back readable. The judge sees the whole
request first; bytes are booked before they leave; a response that cannot be read
(compressed) is not passed on.

A server may close a kept connection at the moment when the next request leaves, and nobody knows
whether it was read. So what reads is sent once more, on a new one, when a kept one ended before its
answer (RFC 9110 section 9.2.2). What changes is never repeated, and goes out on a kept one only
when that was in use a moment ago: not after minutes in which the owner was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import h11

from core.errors import Denied, Retryable
from executors.gateway.headers import for_client, for_server, tokens
from executors.gateway.ports import Refused
from executors.gateway.scrub import Window, scrub_headers
from executors.gateway.upstream import Gone, Origin, Upstream
from executors.gateway.wire import Failed, Judged

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from executors.gateway.authority import Authority
    from executors.gateway.pipe import Pipe
    from executors.gateway.ports import Asked, Bounds, Forward, Headers, Judge
    from executors.gateway.upstream import Dialer
    from executors.gateway.wire import Store


Decision = TypeVar("Decision")
_READS = ("GET", "HEAD", "OPTIONS")
UNDECIDED = "It cannot be decided now whether this may leave; try again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What all connections of one task share."""

    judge: Judge
    dialer: Dialer
    authority: Authority
    bounds: Bounds
    store: Store

    def book(self, count: int) -> None:
        """Books bytes that are about to leave; raises `Denied`."""
        if (refused := self.judge.sent(count)) is not None:
            raise Denied(refused.code, refused.text)

    async def decided(self, answer: Awaitable[Decision]) -> Decision:
        """The judge's answer. What fails on our side is answered, too: a cut tells nobody why."""
        try:
            async with asyncio.timeout(self.bounds.decide_s):
                return await answer
        except (OSError, Retryable) as error:
            raise Failed(503, "undecided", UNDECIDED) from error

    async def note(self, error: Denied, place: str, method: str) -> None:
        """Has a refusal written down that the judge knows nothing of."""
        if not isinstance(error, Judged | Failed):
            await self.judge.noted(place, method, error.code)


class Exchange:
    """Carries the inspected requests of one client; keeps the last server's connection."""

    def __init__(self, tools: Tools, pipe: Pipe) -> None:
        self._tools = tools
        self._pipe = pipe
        self._upstream: Upstream | None = None

    async def carry(self, asked: Asked, client: h11.Connection) -> None:
        """Answers `asked`. Raises `Denied` before the answer began, `OSError` later."""
        allowed = await self._allowed(asked)
        outcome = "cut"
        try:
            outcome = await self._carry(asked, client, allowed)
        except Denied as error:
            outcome = error.code
            raise
        finally:
            await self._tools.judge.answered(asked, outcome)

    async def _carry(self, asked: Asked, client: h11.Connection, allowed: Forward) -> str:
        """Sends what was allowed and brings the answer; returns its status."""
        sent = asked if allowed.body is None else replace(asked, body=allowed.body)
        upstream, response = await self._asked_server(sent, allowed.headers)
        answer = _Answer(self._pipe, client, _scrubbed(self._tools.judge, response, asked.method))
        try:
            await self._relay(upstream, answer)
        except Denied as error:
            if answer.has_begun:
                raise ConnectionResetError("the response broke off") from error
            raise
        return str(response.status_code)

    async def _asked_server(self, sent: Asked, headers: Headers) -> tuple[Upstream, h11.Response]:
        """Sends the request; the head of its answer, and where the rest comes from."""
        origin = Origin(sent.scheme, sent.host, sent.port)
        connection, data = self._booked(sent, headers)
        is_change = sent.method not in _READS
        if (kept := self._kept(origin, is_change=is_change)) is not None:
            if is_change:
                return kept, await kept.ask(connection, data)
            with contextlib.suppress(Gone):
                return kept, await kept.ask(connection, data)
            connection, data = self._booked(sent, headers)
        self.close()
        pipe = await self._tools.dialer.open(origin)
        made = self._upstream = Upstream(pipe, origin, self._tools.bounds)
        return made, await made.ask(connection, data)

    async def _allowed(self, asked: Asked) -> Forward:
        decision = await self._tools.decided(self._tools.judge.request(asked))
        if isinstance(decision, Refused):
            raise Judged(decision.code, decision.text)
        return decision

    def _booked(self, sent: Asked, headers: Headers) -> tuple[h11.Connection, bytes]:
        connection, data = _written(sent, headers)
        self._tools.book(len(data))
        return connection, data

    def _kept(self, origin: Origin, *, is_change: bool) -> Upstream | None:
        kept = self._upstream
        if kept is None or kept.origin != origin or not kept.is_reusable:
            return None
        is_stale = is_change and kept.idle_s > self._tools.bounds.fresh_s
        return None if is_stale else kept

    async def _relay(self, upstream: Upstream, answer: _Answer) -> None:
        bounds = self._tools.bounds
        window = Window(self._tools.judge.scrub, bounds.held_back)
        count = 0
        while isinstance(event := await upstream.next(), h11.Data):
            count += len(event.data)
            if count > bounds.response:
                raise Failed(502, "response_too_large", "The server's response is too large.")
            if piece := window.push(bytes(event.data)):
                await answer.send(piece, bounds.idle_s)
        if not isinstance(event, h11.EndOfMessage):
            raise Failed(502, "upstream_failed", "The server's response broke off.")
        trailers = _pairs(self._tools.judge, b"", event.headers.raw_items())[1:]
        await answer.finish(window.rest(), trailers, bounds.idle_s)

    def close(self) -> None:
        """Cuts the kept connection."""
        if self._upstream is not None:
            self._upstream.pipe.transport.abort()
            self._upstream = None


def _written(asked: Asked, headers: Headers) -> tuple[h11.Connection, bytes]:
    connection = h11.Connection(h11.CLIENT)
    try:
        request = h11.Request(
            method=asked.method, target=asked.target, headers=for_server(asked, headers)
        )
        pieces = [connection.send(request)]
        if asked.body:
            pieces.append(connection.send(h11.Data(data=asked.body)))
        pieces.append(connection.send(h11.EndOfMessage()))
    except h11.LocalProtocolError as error:
        raise Denied("malformed", "The request cannot be written.") from error
    return connection, b"".join(piece for piece in pieces if piece)


def _pairs(judge: Judge, first: bytes, headers: list[tuple[bytes, bytes]]) -> Headers:
    pairs = scrub_headers(judge.scrub, first, tuple(headers))
    return tuple((name.lower(), value) for name, value in pairs)


def _scrubbed(judge: Judge, response: h11.Response, method: str) -> h11.Response:
    """The response's head as the client may see it, without a length unless it has no body."""
    has_body = method != "HEAD" and response.status_code not in (204, 304)
    if has_body and tokens(response.headers, b"content-encoding") - {b"identity", b""}:
        raise Failed(502, "encoding_refused", "The server compressed its response unasked.")
    (_, reason), *pairs = _pairs(judge, response.reason, response.headers.raw_items())
    headers = list(for_client(tuple(pairs)))
    if method == "HEAD":
        headers += [pair for pair in response.headers if pair[0] == b"content-length"]
    try:
        return h11.Response(status_code=response.status_code, headers=headers, reason=reason)
    except h11.LocalProtocolError as error:
        raise Failed(502, "upstream_failed", "The response cannot be passed on.") from error


class _Answer:
    """Writes one response; a body that is whole before the head left gets a plain length."""

    def __init__(self, pipe: Pipe, client: h11.Connection, head: h11.Response) -> None:
        self._pipe = pipe
        self._client = client
        self._head: h11.Response | None = head
        self._has_length = any(name == b"content-length" for name, _ in head.headers)
        self._is_bare = head.status_code in (204, 304)

    @property
    def has_begun(self) -> bool:
        """Whether the client saw a part of it."""
        return self._head is None

    async def send(self, piece: bytes, within_s: float) -> None:
        """Sends a piece of the body, before the first one the head."""
        begun = self._begun(())
        await self._pipe.write(begun + self._made(h11.Data(data=piece)), within_s)

    async def finish(self, rest: bytes, trailers: Headers, within_s: float) -> None:
        """Sends what is left."""
        length = ((b"content-length", b"%d" % len(rest)),)
        is_whole = self._head is not None
        data = self._begun(() if self._has_length or self._is_bare else length)
        if rest:
            data += self._made(h11.Data(data=rest))
        is_chunked = not is_whole and self._client.their_http_version == b"1.1"
        end = h11.EndOfMessage(headers=list(trailers) if is_chunked else [])
        await self._pipe.write(data + self._made(end), within_s)

    def _begun(self, more: Headers) -> bytes:
        head, self._head = self._head, None
        if head is None:
            return b""
        headers = [*head.headers, *more]
        return self._made(
            h11.Response(status_code=head.status_code, headers=headers, reason=head.reason)
        )

    def _made(self, event: h11.Event) -> bytes:
        return self._client.send(event) or b""
