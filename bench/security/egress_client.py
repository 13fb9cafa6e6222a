"""The hostile program of the egress suite: says exactly the bytes it is told, keeps all it gets."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

END = b"\r\n\r\n"
WITHIN_S = 15.0
REASON = b"x-agentai-reason: "


class Client:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.got = bytearray()

    @classmethod
    async def dial(cls, path: Path) -> Client:
        """Connects to the task's socket."""
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 22)
        return cls(reader, writer)

    async def start_tls(self, ca: Path, name: str | None) -> None:
        """Becomes TLS, asking for `name`; the certificate's name is not looked at."""
        context = ssl.create_default_context(cafile=str(ca))
        context.check_hostname = False
        await self.writer.start_tls(context, server_hostname=name)

    def say(self, data: bytes) -> None:
        """Sends bytes."""
        self.writer.write(data)

    async def ask(self, data: bytes, *, is_bare: bool = False) -> str:
        """Sends bytes; returns the status, the reason of a refusal, or `cut`."""
        self.say(data)
        return await self.outcome(is_bare=is_bare)

    async def outcome(self, *, is_bare: bool = False) -> str:
        """Reads one answer to its end."""
        try:
            async with asyncio.timeout(WITHIN_S):
                head = await self._until(END)
                await self._body(head, is_bare=is_bare)
        except (OSError, asyncio.IncompleteReadError):
            return "cut"
        for line in head.split(b"\r\n"):
            if line.lower().startswith(REASON):
                return line[len(REASON) :].decode()
        return head.split(b" ")[1].decode() if head.startswith(b"HTTP/1.") else "junk"

    async def _until(self, mark: bytes) -> bytes:
        try:
            data = await self.reader.readuntil(mark)
        except asyncio.IncompleteReadError as error:
            self.got += error.partial
            raise
        self.got += data
        return data

    async def _body(self, head: bytes, *, is_bare: bool) -> None:
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            end = await self._until(b"\r\n0\r\n")
            while not end.endswith(END):
                end += await self._until(b"\r\n")
        elif not is_bare and b"\r\ncontent-length: " in lower:
            count = int(lower.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
            self.got += await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        """Everything until the other side ends."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while piece := await self.reader.read(1 << 16):
                    self.got += piece
        except OSError:
            pass
        return bytes(self.got)

    def close(self) -> None:
        """Cuts the connection."""
        self.writer.transport.abort()


def connect(target: bytes | str, host: bytes | str | None = None) -> bytes:
    """A CONNECT, with the same Host unless another is given."""
    place = target if isinstance(target, bytes) else target.encode()
    named = place if host is None else host if isinstance(host, bytes) else host.encode()
    return b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + named + END


def request(target: str, host: str, *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """A request as bytes; a body gets its length unless a line gives one."""
    length = [f"Content-Length: {len(body)}"] if body and not _has_framing(lines) else []
    head = "\r\n".join((f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, *length))
    return head.encode("latin-1") + END + body


def _has_framing(lines: tuple[str, ...]) -> bool:
    return any(ln.lower().startswith(("content-length", "transfer-encoding")) for ln in lines)


def hello(name: bytes | None, *, more: bytes = b"", kind: int = 0) -> bytes:
    """A small ClientHello in one record; `more` are further extensions."""
    extensions = more
    if name is not None:
        entry = bytes([kind]) + len(name).to_bytes(2, "big") + name
        listed = len(entry).to_bytes(2, "big") + entry
        extensions = b"\x00\x00" + len(listed).to_bytes(2, "big") + listed + more
    body = b"\x03\x03" + b"r" * 32 + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += len(extensions).to_bytes(2, "big") + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def extension(kind: int, content: bytes) -> bytes:
    """One extension of a hello."""
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content
