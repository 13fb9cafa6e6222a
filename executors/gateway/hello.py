"""The name in a TLS ClientHello.

Threat: a container opens a tunnel to a granted host and then asks the server there for another one
(domain fronting), or hides the name by odd framing that we read one way and the server another.
So the message is read strictly to its end (RFC 8446 section 4.1.2, RFC 6066 section 3): one
server_name extension, one name in it, no bytes left over. What the encrypted bytes say later, an
encrypted inner hello included, a spliced tunnel cannot see; where that matters, inspect.
"""

from __future__ import annotations

from core.errors import Denied
from executors.gateway.hosts import BadHost, parse_host

HANDSHAKE = 22
CLIENT_HELLO = 1
SERVER_NAME = 0
HOST_NAME = 0
RECORD_CAP = 16384


class BadHello(Denied):
    """Bytes that are no well-formed ClientHello for this tunnel."""

    def __init__(self, reason: str, code: str = "sni_refused") -> None:
        super().__init__(code, f"The tunnel is closed: {reason}.")


class _Cursor:
    """Takes pieces from the front; too few bytes are an error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise BadHello("a length is wrong")
        self._at += count
        return piece

    def number(self, size: int) -> int:
        """The next `size` bytes as a number."""
        return int.from_bytes(self.take(size), "big")

    def block(self, size: int) -> bytes:
        """A length of `size` bytes and what it counts."""
        return self.take(self.number(size))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data)


def server_name(data: bytes) -> str | None:
    """The name the client asks for, or None while bytes are missing; raises `BadHello`."""
    message = _message(data)
    if message is None:
        return None
    cursor = _Cursor(message)
    cursor.take(2 + 32)  # version, random
    for size in (1, 2, 1):  # session, cipher suites, compression
        cursor.block(size)
    extensions = _Cursor(cursor.block(2))
    if not cursor.is_done:
        raise BadHello("there are bytes after the hello")
    return _name_among(extensions)


def _message(data: bytes) -> bytes | None:
    """The handshake message in the first records, None while it is not whole."""
    joined, at = b"", 0
    while len(data) > at:
        kind, major = data[at], data[at + 1 : at + 2]
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if kind != HANDSHAKE or major not in (b"", b"\x03"):
            raise BadHello("this is not TLS", "tls_required")
        if len(data) < at + 5:
            return None
        if not 0 < length <= RECORD_CAP:
            raise BadHello("a record has a wrong length")
        joined += data[at + 5 : at + 5 + length]
        at += 5 + length
        if joined and joined[0] != CLIENT_HELLO:
            raise BadHello("the first message is no hello")
        size = int.from_bytes(joined[1:4], "big")
        if len(joined) >= 4 + size > 4:
            return _only(joined, 4 + size)
    return None


def _only(joined: bytes, size: int) -> bytes:
    if len(joined) != size:
        raise BadHello("there are bytes after the hello")
    return joined[4:]


def _name_among(extensions: _Cursor) -> str:
    names: list[bytes] = []
    while not extensions.is_done:
        kind, content = extensions.number(2), extensions.block(2)
        if kind == SERVER_NAME:
            names.append(content)
    if len(names) != 1:
        raise BadHello("the hello must name the server once")
    entries = _Cursor(names[0])
    inner = _Cursor(entries.block(2))
    kind, name = inner.number(1), inner.block(2)
    if kind != HOST_NAME or not inner.is_done or not entries.is_done:
        raise BadHello("the server's name is not written as it must be")
    try:
        return parse_host(name.decode("ascii"))
    except (UnicodeDecodeError, BadHost) as error:
        raise BadHello("the server's name cannot be used") from error
