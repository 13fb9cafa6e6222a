"""How calls of the Bot API travel: parameters in, answers and failures out.

Parameters come in the address, as a form, as multipart or as JSON, as the Bot API's "Making
requests" says; a form sends numbers, switches and objects as JSON texts.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from playground.validation import ApiError, bad, check_unicode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playground.faults import Fault

Params = dict[str, Any]

_TEXTS = frozenset({
    "text", "caption", "callback_query_id", "url", "secret_token", "action", "file_id",
    "parse_mode", "language_code", "name", "description", "short_description",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file that came with a request."""

    name: str
    mime: str
    content: bytes


def read_upload(field: web.FileField) -> Upload:
    """A file out of a form; what is not Unicode in its name is replaced."""
    name = field.filename.encode("utf-8", "replace").decode("utf-8")
    with field.file:
        return Upload(name=name, mime=field.content_type, content=field.file.read())


async def read_params(request: web.Request) -> Params:
    """The parameters of a call, or a refusal that says what was wrong with them."""
    raw: dict[str, Any] = dict(request.query)
    try:
        if request.method == "POST" and request.can_read_body:
            raw |= await _read_body(request)
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "Request Entity Too Large") from None
    except (ValueError, LookupError, RecursionError):
        raise bad("can't parse the request") from None
    params = meant(raw)
    check_unicode(params)
    return params


async def _read_body(request: web.Request) -> Params:
    if request.content_type == "application/json":
        body = await request.json()
        if not isinstance(body, dict):
            raise ValueError("not an object")
        return body
    form = await request.post()
    return {
        name: read_upload(value) if isinstance(value, web.FileField) else value
        for name, value in form.items()
    }


def meant(raw: Mapping[str, Any]) -> Params:
    """Parameters as they mean: texts stay, everything else may be JSON in a text."""
    return {name: _meant(name, value) for name, value in raw.items()}


def _meant(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, str) or name in _TEXTS:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def whole(params: Params, name: str, default: int) -> int:
    """A whole number among the parameters, or a refusal."""
    value = params.get(name)
    if value in (None, ""):
        return default
    if not isinstance(value, int) or abs(value) >= 2**63:
        raise bad(f"can't parse {name}: expected a number")
    return value


def success(result: Any) -> web.Response:  # noqa: ANN401 - JSON
    """The answer to a call that worked."""
    return web.json_response({"ok": True, "result": result})


def refusal(error: ApiError) -> web.Response:
    """The answer to a call that was refused."""
    body: dict[str, Any] = {
        "ok": False, "error_code": error.code, "description": error.description,
    }  # fmt: skip
    if error.retry_after is not None:
        body["parameters"] = {"retry_after": error.retry_after}
    return web.json_response(body, status=error.code)


async def befall(request: web.Request, fault: Fault | None) -> bool:
    """What goes wrong before the call is performed; returns whether the caller was hung up on."""
    match fault.kind if fault else None:
        case "403":
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        case "409":
            raise ApiError(409, "Conflict: terminated by other getUpdates request")
        case "429":
            seconds = fault.retry_after if fault else 1
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", seconds)
        case "500":
            raise ApiError(500, "Internal Server Error")
        case "502":
            raise ApiError(502, "Bad Gateway")
        case "drop_before":
            hang_up(request)
            return True
        case "hang":
            await asyncio.sleep(fault.seconds if fault else 0)
    return False


def hang_up(request: web.Request) -> None:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
