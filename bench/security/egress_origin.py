"""A stub server behind every name of the egress suite: TLS and plain on one port a name.

It writes down every byte that reached it, and shows secrets back in all the ways servers do.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import html
import json
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from executors.gateway.hosts import BadHost, parse_host

if TYPE_CHECKING:
    import ssl

    from executors.gateway.authority import Authority

END = b"\r\n\r\n"
TLS_RECORD = 0x16


@dataclass
class Heard:
    """One connection that said something; `data` is what it said, decrypted."""

    host: str
    is_tls: bool
    name: str = ""
    data: bytearray = field(default_factory=bytearray)
    requests: int = 0


class Origin:
    """All servers at once: `port(name)` is where the one of that name listens."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._names: dict[int, str] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._kept = b""
        self.heard: list[Heard] = []

    def listen(self, host: str) -> int:
        """Opens the server of a name; returns its port."""
        made = socket.create_server(("127.0.0.1", 0))
        made.setblocking(False)
        self._sockets[host] = made
        self._spawn(self._accept(host, made))
        return int(made.getsockname()[1])

    def _spawn(self, work: object) -> None:
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(work))  # type: ignore[arg-type]

    async def _accept(self, host: str, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            made, _ = await loop.sock_accept(bound)
            self._spawn(self._serve(host, made))

    async def _serve(self, host: str, made: socket.socket) -> None:
        first = await _first_byte(made)
        if not first:
            made.close()
            return
        heard = Heard(host=host, is_tls=first[0] == TLS_RECORD)
        self.heard.append(heard)
        reader = asyncio.StreamReader(limit=1 << 22)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        context = self._context() if heard.is_tls else None
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, made, ssl=context)
            heard.name = self._names.get(id(transport.get_extra_info("ssl_object")), "")
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                while await self._one(heard, reader, writer):
                    pass
            finally:
                transport.abort()

    def _context(self) -> ssl.SSLContext:
        context = self._authority.server_context(parse_host("allowed.test"))

        def choose(tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            self._names[id(tls)] = name or ""
            with contextlib.suppress(BadHost):
                tls.context = self._authority.server_context(parse_host(name or ""))

        context.sni_callback = choose
        return context

    async def _one(
        self, heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = b""
        while not head.endswith(END):
            piece = await reader.read(1)
            heard.data += piece
            head += piece
            if not piece:
                return False
        lines = dict(ln.lower().split(b": ", 1) for ln in head.split(b"\r\n")[1:-2] if b": " in ln)
        body = await reader.readexactly(int(lines.get(b"content-length", b"0")))
        heard.data += body
        heard.requests += 1
        writer.write(self._answer(head, body))
        await writer.drain()
        return True

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, target, *_ = head.split(b" ")
        credentials = next(
            (ln[15:] for ln in head.split(b"\r\n") if ln.lower().startswith(b"authorization:")), b""
        ).strip()
        path = target.partition(b"?")[0].decode("latin-1").rsplit("/", 1)[-1]
        if path == "keep":
            self._kept = credentials
        shown = self._kept if path == "kept" else credentials
        return _Shown(shown, head + body).by(path, is_bare=method == b"HEAD")

    async def close(self) -> None:
        """Ends everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bound in self._sockets.values():
            bound.close()


async def _first_byte(made: socket.socket) -> bytes:
    made.setblocking(False)
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(made, ready.set)
    try:
        await ready.wait()
        return made.recv(1, socket.MSG_PEEK)
    except OSError:
        return b""
    finally:
        loop.remove_reader(made)


class _Shown:
    """Answers that hold the request's credentials, each in its way."""

    def __init__(self, credentials: bytes, request: bytes) -> None:
        self.value = credentials
        self.text = credentials.decode("latin-1")
        self.request = request

    def by(self, path: str, *, is_bare: bool) -> bytes:
        """The answer that a path asks for; any other gives the whole request back."""
        made = getattr(self, f"as_{path}", self.as_echo)()
        answer: bytes = made if isinstance(made, bytes) else _plain(made[0], made[1])
        return answer.partition(END)[0] + END if is_bare else answer

    def as_echo(self) -> tuple[bytes, bytes]:
        return b"", self.request + self.value

    def as_kept(self) -> tuple[bytes, bytes]:
        return b"", self.value

    def as_header(self) -> tuple[bytes, bytes]:
        return b"X-Echo: " + self.value + b"\r\nSet-Cookie: t=" + self.value, b"ok"

    def as_json(self) -> tuple[bytes, bytes]:
        return b"", json.dumps({"h": self.text}).replace("/", "\\/").encode()

    def as_html(self) -> tuple[bytes, bytes]:
        return b"", html.escape(self.text).encode()

    def as_quoted(self) -> tuple[bytes, bytes]:
        return b"Location: https://evil.test/?t=" + quote(self.text, safe="").encode(), b""

    def as_base64(self) -> tuple[bytes, bytes]:
        return b"", base64.b64encode(self.value.rpartition(b" ")[2])

    def as_hex(self) -> tuple[bytes, bytes]:
        return b"", self.value.hex().encode()

    def as_gzip(self) -> tuple[bytes, bytes]:
        return b"Content-Encoding: gzip", gzip.compress(self.value)

    def as_deflate(self) -> tuple[bytes, bytes]:
        return b"Content-Encoding: identity, deflate", gzip.compress(self.value)

    def as_coded(self) -> bytes:
        body = gzip.compress(self.value)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked"
        return head + END + b"%x\r\n%s\r\n0" % (len(body), body) + END

    def as_denied(self) -> bytes:
        body = b"bad credentials: " + self.value
        head = b"HTTP/1.1 401 " + self.value + b"\r\nWWW-Authenticate: " + self.value
        return head + b"\r\nContent-Length: %d" % len(body) + END + body

    def as_hints(self) -> bytes:
        return b"HTTP/1.1 103 Early\r\nLink: " + self.value + END + _plain(b"", b"ok")

    def as_chunks(self) -> bytes:
        body = b"p" * 9000 + self.value + b"q" * 9000 + self.value
        return self._chunked([body[at : at + 5] for at in range(0, len(body), 5)], b"")

    def as_edge(self) -> bytes:
        """The secret lies over every border at which a buffer of a power of two may end."""
        body = b"".join(b"p" * (1000 + step) + self.value for step in range(40))
        return self._chunked([body[at : at + 512] for at in range(0, len(body), 512)], b"")

    def as_trailer(self) -> bytes:
        return self._chunked([b"p" * 9000] * 3, b"X-Trailer: " + self.value + b"\r\n")

    def as_extension(self) -> bytes:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + END
        return head + b"2;x=" + self.value.replace(b" ", b"") + b"\r\nok\r\n0" + END

    def as_closing(self) -> bytes:
        return b"HTTP/1.0 200 OK\r\nContent-Length: %d" % len(self.value) + END + self.value

    def as_switch(self) -> bytes:
        return b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nX-E: " + self.value + END + self.value

    def as_moved(self) -> bytes:
        return b"HTTP/1.1 302 Found\r\nLocation: https://evil.test/take\r\nContent-Length: 0" + END

    def as_moved_plain(self) -> bytes:
        return b"HTTP/1.1 302 Found\r\nLocation: http://key.test/echo\r\nContent-Length: 0" + END

    @staticmethod
    def _chunked(pieces: list[bytes], trailer: bytes) -> bytes:
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" + END
        return head + body + b"0\r\n" + trailer + b"\r\n"


def _plain(more: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d" % len(body)
    return head + (b"\r\n" + more if more else b"") + END + body


def readings(data: bytes) -> list[bytes]:
    """`data` as somebody would read it who looks for a secret: decoded in the usual ways."""
    text = data.decode("latin-1")
    found = [data, unquote(text, "latin-1").encode("latin-1"), html.unescape(text).encode()]
    found.append(data.replace(b"\\/", b"/").replace(b'\\"', b'"'))
    found.append(_unchunked(data))
    return found


def _unchunked(data: bytes) -> bytes:
    """Without what separates small chunks."""
    return re.sub(rb"\r\n[0-9a-f]{1,4}\r\n", b"", data)
