"""How the serving process and a heavy one talk: four bytes of length, then a JSON object. Pure.

A call whose object says `attached` is followed by that many bytes of a file.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, TypeAlias

from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = dict[str, object]

HEADER_BYTES = 4
FRAME_CAP = 64 << 20
_HEADER = struct.Struct(">I")


class BadFrame(ValueError):  # noqa: N818 - an event, not a mistake of ours
    """What arrived is not a frame of ours."""


def pack(body: Mapping[str, object], *, cap: int = FRAME_CAP) -> bytes:
    """`body` as one frame. Raises `BadFrame` when it is too large."""
    raw = json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
    if len(raw) > cap:
        raise BadFrame("the frame is too large")
    return _HEADER.pack(len(raw)) + raw


def length(header: bytes) -> int:
    """How many bytes follow a header."""
    if len(header) != HEADER_BYTES:
        raise BadFrame("the header is cut off")
    size = int(_HEADER.unpack(header)[0])
    if size > FRAME_CAP:
        raise BadFrame("the frame is too large")
    return size


def parse(raw: bytes) -> Json:
    """The object in a frame."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadFrame("the frame is not JSON") from error
    if not isinstance(body, dict):
        raise BadFrame("the frame is not an object")
    return body


def failure(error: Exception) -> Json:
    """An exception as a body. Only our own errors keep their words: others may quote content."""
    match error:
        case UserFacing():
            said: Json = {"kind": "user", "text": error.text, "hint": error.hint}
        case Retryable():
            said = {"kind": "retry", "text": str(error), "after_s": error.after_s}
        case MemoryError():
            said = {"kind": "user", "text": "That needs more memory than it may use.", "hint": ""}
        case _:
            said = {"kind": "bug", "text": f"{type(error).__name__} in {_place(error)}"}
    return {"error": said}


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
