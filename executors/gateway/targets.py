"""Request targets: what a container may write in the first line.

Threat: a path that a rule reads one way and the server another: `/public/..%2fadmin`, `/a;b`,
`//host`, `/%252e%252e/`. Such paths are refused, never repaired, raw and after decoding once and
twice. Request smuggling lives in the head; see `wire`.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from core.errors import Denied
from executors.gateway.hosts import Host, parse_host, parse_port

_STRANGE = re.compile(r"[^\x21-\x7e]|[\\#]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_BAD_PATH = re.compile(rb"//|[\x00-\x1f\x7f\\;]|/\.{1,2}(?:/|$)")
_ABSOLUTE = re.compile(r"http://([^/?#]*)(.*)", re.DOTALL)


class Place(NamedTuple):
    """Where an absolute target leads."""

    host: Host
    port: int
    target: str


def check_target(target: str) -> None:
    """Raises `Denied` (`path_refused`) for a target that may be read in two ways."""
    path = target.partition("?")[0]
    if not path.startswith("/") or _STRANGE.search(target) or _is_ambiguous(path.encode("latin-1")):
        raise Denied("path_refused", "The request's path may be read in two ways.")


def _is_ambiguous(path: bytes) -> bool:
    if b"%" not in path:
        return _BAD_PATH.search(path) is not None
    if _BAD_ESCAPE.search(path):
        return True
    once = unquote_to_bytes(path)
    twice = unquote_to_bytes(once)
    return any(
        _BAD_PATH.search(seen) or seen.count(b"/") != path.count(b"/") or not _is_utf8(seen)
        for seen in (path, once, twice)
    )


def _is_utf8(path: bytes) -> bool:
    """Whether it is text: `%c0%ae` is none, but lax servers read a dot in it."""
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def split_absolute(url: str) -> Place:
    """Takes `http://host[:port]/path` apart; raises `Denied` for any other target."""
    found = _ABSOLUTE.fullmatch(url)
    if found is None:
        raise Denied("malformed", "A proxy takes CONNECT host:port or http://host/path.")
    authority, target = found.groups()
    name, colon, port = authority.partition(":")
    return Place(parse_host(name), parse_port(port) if colon else 80, target or "/")


def check_same_host(header: str, host: Host, port: int) -> None:
    """Raises `Denied` (`host_mismatch`) unless a Host header names this place."""
    if header.lower() not in (host, f"{host}:{port}"):
        raise Denied("host_mismatch", "The Host header names another place than the connection.")


def host_header(host: Host, port: int, *, default: int) -> bytes:
    """The Host header for this place."""
    return (host if port == default else f"{host}:{port}").encode()
