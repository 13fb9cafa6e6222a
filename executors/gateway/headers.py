"""Which headers pass, in both directions.

Threat: a hop-by-hop header that one side drops and the other obeys; a compressed or partial
response in which a secret cannot be recognised; a server that speaks with the gateway's voice.
Rules: RFC 9110 section 7.6.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from executors.gateway.targets import host_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from executors.gateway.ports import Asked, Headers

OURS = b"x-agentai-"  # what a container may believe to come from the gateway
_HOPS = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# The proxy sets these itself, or (ranges) they would cut a secret into pieces nobody recognises.
_OURS = frozenset(
    (b"host", b"content-length", b"expect", b"accept-encoding", b"range", b"if-range")
)
_WITH_BODY = ("POST", "PUT", "PATCH")


def tokens(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> set[bytes]:
    """All comma-separated values of `name`, in lower case."""
    return {
        token.strip().lower()
        for key, value in headers
        if key == name
        for token in value.split(b",")
    }


def without_hops(headers: Headers) -> Headers:
    """Drops what belongs to one connection only."""
    dropped = _HOPS | tokens(headers, b"connection")
    return tuple((name, value) for name, value in headers if name not in dropped)


def for_judge(headers: Headers) -> Headers:
    """A container's headers without those that the proxy sets."""
    return tuple(pair for pair in without_hops(headers) if pair[0] not in _OURS)


def for_server(asked: Asked, headers: Headers) -> list[tuple[bytes, bytes]]:
    """The judge's headers, and ours around them."""
    default = 443 if asked.scheme == "https" else 80
    made = [(b"Host", host_header(asked.host, asked.port, default=default))]
    lowered = tuple((name.lower(), value) for name, value in headers)
    made += for_judge(lowered)
    made.append((b"Accept-Encoding", b"identity"))
    if asked.body or asked.method in _WITH_BODY:
        made.append((b"Content-Length", b"%d" % len(asked.body)))
    return made


def for_client(headers: Headers) -> Headers:
    """A server's headers without those of its connection and its framing, and without ours."""
    return tuple(
        pair
        for pair in without_hops(headers)
        if pair[0] != b"content-length" and not pair[0].startswith(OURS)
    )
