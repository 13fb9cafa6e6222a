"""Requests that ask the server to read another method or place than their first line says. Pure.

Threat: many frameworks obey `X-HTTP-Method-Override: DELETE` in a POST, a field `_method`,
or a path in `X-Original-URL`. What the kernel judged would then not be what the server does. Such
requests are refused, even where the override says the same: nobody needs it. Servers behind CGI
read `_` in a header's name as `-`, so both count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from executors.gateway.ports import Asked, Headers

_HEADERS = frozenset(
    (
        b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-method",
        b"x-original-url", b"x-original-uri", b"x-rewrite-url", b"x-forwarded-host", b"x-host",
        b"forwarded",
    )
)  # fmt: skip
_FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")
_FIELD = re.compile(rb"(?:^|[?&;])\s*_method=|name\s*=\s*[\"']?_method\b", re.IGNORECASE)
_JSON_FIELD = re.compile(rb'"_method"\s*:', re.IGNORECASE)
_ESCAPE = re.compile(rb"\\u00([0-9a-f]{2})", re.IGNORECASE)
_GIT_FETCH = b"application/x-git-upload-pack-request"
_GIT_PATH = "/git-upload-pack"
# A line of git begins with its own length; what follows it may stand right behind.
_GIT_LINE = re.compile(
    rb"[0-9a-f]{4}want [0-9a-f]{40}|0011command=fetch|0012command=fetch\n"
    rb"|0013command=ls-refs|0014command=ls-refs\n"
)
_GZIP = b"\x1f\x8b\x08"


def is_overridden(asked: Asked) -> bool:
    """Whether a header, the query or a form's field may change what the server does."""
    if any(name.replace(b"_", b"-") in _HEADERS for name, _ in asked.headers):
        return True
    _, mark, query = asked.target.partition("?")
    if mark and _FIELD.search(unquote_to_bytes(query)):
        return True
    if not asked.body:
        return False
    if _is_form(asked.headers):
        return _FIELD.search(unquote_to_bytes(asked.body)) is not None
    return _JSON_FIELD.search(_ESCAPE.sub(_letter, asked.body)) is not None and _is_json(asked)


def _is_json(asked: Asked) -> bool:
    return any(b"json" in value.lower() for value in _all(asked.headers, "content-type"))


def _letter(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])


def _is_form(headers: Headers) -> bool:
    return any(value.lower().lstrip().startswith(_FORMS) for value in _all(headers, "content-type"))


def is_git_fetch(asked: Asked) -> bool:
    """Whether it is git's own way to read: a POST with nothing in it but what git wants to have."""
    if asked.method != "POST" or not asked.target.endswith(_GIT_PATH) or "?" in asked.target:
        return False
    if _all(asked.headers, "content-type") != [_GIT_FETCH]:
        return False
    if _all(asked.headers, "content-encoding") == [b"gzip"]:
        return asked.body.startswith(_GZIP)
    return _GIT_LINE.match(asked.body) is not None


def _all(headers: Headers, name: str) -> list[bytes]:
    return [value for key, value in headers if key == name.encode()]
