"""A multipart form, read only when it is written as browsers write it. Pure.

Threat: the card shows other fields than the server finds: in text before the first or after the
last part, in a part that says how it is encoded, behind a second boundary, in headers that two
readers understand differently. So nothing is skipped and nothing is decoded: what is not exactly
what a browser writes is no form here, and is shown as it is. Source: HTML, "multipart/form-data
encoding algorithm"; RFC 7578.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPE = re.compile(r'multipart/form-data; ?boundary=(?:"([\w\'+,./:=?-]+)"|([\w\'+./:=?-]+))', re.I)
_HEAD = re.compile(
    r'content-disposition: form-data; name="([^"\r\n]*)"(?:; filename="([^"\r\n]*)")?'
    r"(?:\r\ncontent-type: ([\w.+/-]+(?:; ?charset=utf-8)?))?",
    re.IGNORECASE | re.ASCII,
)
_HEAD_CAP = 8_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One field; `file` is the name of a file whose bytes are the content."""

    name: str
    content: bytes
    file: str | None = None


def parts(content_type: str, body: bytes) -> Iterator[Part]:
    """The parts in order; `ValueError` for anything that a browser does not write."""
    found = _TYPE.fullmatch(content_type.strip())
    if found is None:
        raise ValueError("no plain boundary")
    mark = b"--" + (found[1] or found[2]).encode()
    if not body.startswith(mark + b"\r\n") or not body.endswith(b"\r\n" + mark + b"--\r\n"):
        raise ValueError("text around the parts")
    inner = body[len(mark) + 2 : -len(mark) - 6]
    for piece in inner.split(b"\r\n" + mark + b"\r\n"):
        if mark in piece:
            raise ValueError("a boundary inside a part")
        yield _part(piece)


def _part(piece: bytes) -> Part:
    head, end, content = piece.partition(b"\r\n\r\n")
    found = _head(head.decode("utf-8")) if end and len(head) <= _HEAD_CAP else None
    if found is None:
        raise ValueError("a part's head is not as browsers write it")
    name, file, kind = found
    if file is None and kind is not None:
        raise ValueError("a field with a type")
    return Part(name=name, content=content, file=file)


def _head(head: str) -> tuple[str, str | None, str | None] | None:
    found = _HEAD.fullmatch(head)
    return None if found is None else (found[1], found[2], found[3])
