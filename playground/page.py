"""The chat page and its API, behind a random key in the path.

Threat: another page in the same browser, or another user of the machine, finds the port. So the key
(128 random bits) is compared in constant time, the Host header must be a loopback name (DNS
rebinding), and the page may load and talk to nothing but this server.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web

from playground.person import IMAGES, NotPossible
from playground.state import Shown
from playground.wire import read_upload

if TYPE_CHECKING:
    from playground.person import Person
    from playground.state import State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
PLAYABLE = frozenset({
    "audio/ogg", "audio/mpeg", "audio/mp4", "audio/webm", "audio/wav", "audio/x-wav", "video/mp4",
    "video/webm",
})  # fmt: skip
HOSTS = frozenset({"127.0.0.1", "localhost"})
PING_EVERY_S = 15.0
UNREAD_CAP = 1_000  # events that wait for a slow page


class Page:
    """Serves the page to the person and carries their actions."""

    def __init__(self, *, key: str, state: State, person: Person) -> None:
        self._key = key
        self._state = state
        self._person = person
        self._watchers: set[asyncio.Queue[bytes | None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """What the server adds to its application."""
        guarded = self._guarded
        return [
            web.get("/{key}/", guarded(self._index)),
            web.get("/{key}/static/{name}", guarded(self._static)),
            web.get("/{key}/api/state", guarded(self._get_state)),
            web.get("/{key}/api/events", guarded(self._events)),
            web.get("/{key}/api/file/{id}", guarded(self._file)),
            web.post("/{key}/api/send", guarded(self._send)),
            web.post("/{key}/api/upload", guarded(self._upload)),
            web.post("/{key}/api/sound", guarded(self._sound)),
            web.post("/{key}/api/share", guarded(self._share)),
            web.post("/{key}/api/edit", guarded(self._edit)),
            web.post("/{key}/api/press", guarded(self._press)),
            web.post("/{key}/api/react", guarded(self._react)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guard(request: web.Request) -> web.StreamResponse:
            host = (request.host or "").rsplit(":", 1)[0]
            given = request.match_info["key"].encode("utf-8", "replace")
            if host not in HOSTS:
                return web.Response(status=403, text="only from this computer")
            if not hmac.compare_digest(given, self._key.encode()):
                return web.Response(status=404)
            try:
                return await handler(request)
            except NotPossible as error:
                return web.Response(status=400, text=str(error))
            except web.HTTPRequestEntityTooLarge:
                return web.Response(status=413, text="That is too big; 50 MB at most.")
            except (ValueError, LookupError, TypeError, RecursionError):
                return web.Response(status=400, text="That was not understood.")

        return guard

    # --- the page ---

    async def _index(self, _: web.Request) -> web.Response:
        return _asset("index.html")

    async def _static(self, request: web.Request) -> web.Response:
        return _asset(request.match_info["name"])

    async def _get_state(self, _: web.Request) -> web.Response:
        bot, me = self._state.bot, self._state.owner
        shown = [m for m in self._state.messages.values() if m.chat_id == me["id"]][-500:]
        return web.json_response({
            "bot": {"name": bot["first_name"], "username": bot["username"]},
            "me": {"id": me["id"], "name": me["first_name"]},
            "commands": self._state.commands,
            "messages": [self._state.as_page(m) for m in shown],
        }, headers=HEADERS)  # fmt: skip

    async def _file(self, request: web.Request) -> web.Response:
        file = self._state.files.get(request.match_info["id"])
        if file is None:
            return web.Response(status=404)
        is_image = file.mime in IMAGES or file.mime in PLAYABLE
        name = quote(file.name, safe="", errors="replace")
        return web.Response(
            body=file.content, content_type=file.mime if is_image else "application/octet-stream",
            headers={
                **HEADERS,
                "Content-Disposition": f"{'inline' if is_image else 'attachment'}; "
                f"filename*=UTF-8''{name}",
            },
        )  # fmt: skip

    # --- live events ---

    def tell(self, kind: str, data: Any) -> None:  # noqa: ANN401 - JSON or a message
        """Sends an event to every open page."""
        if isinstance(data, Shown):
            if data.chat_id != self._state.owner["id"]:
                return
            data = self._state.as_page(data)
        line = f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
        for queue in [*self._watchers]:
            if queue.qsize() < UNREAD_CAP:
                queue.put_nowait(line)
            else:  # it missed something: it must connect again and load everything
                self._dismiss(queue)

    def close(self) -> None:
        """Ends all event streams; open pages connect again."""
        for queue in [*self._watchers]:
            self._dismiss(queue)

    def _dismiss(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._watchers.discard(queue)
        queue.put_nowait(None)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            line: bytes | None = b"retry: 1000\n\n"
            while line is not None:
                await answer.write(line)
                line = await _next(queue)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._watchers.discard(queue)
        return answer

    # --- what the person does ---

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        message_id = self._person.send(
            _typed(body["text"]), reply_to=_reply(body.get("reply_to")),
            quote=_typed(body.get("quote", "")),
        )  # fmt: skip
        return web.json_response({"message_id": message_id})

    async def _share(self, request: web.Request) -> web.Response:
        """A location, a contact, a poll …, or a text as if somebody else had written it."""
        body = await request.json()
        content = json.loads(_typed(json.dumps(body["content"])))
        if not isinstance(content, dict):
            raise TypeError("not an object")
        message_id = self._person.send_content(
            _typed(body["kind"]), content, text=_typed(body.get("text", ""))
        )
        return web.json_response({"message_id": message_id})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        uploads = [read_upload(f) for f in form.getall("files") if isinstance(f, web.FileField)]
        found = [(u.name, u.mime, u.content) for u in uploads]
        ids = self._person.send_files(
            found, caption=_typed(form.get("caption", "")), reply_to=_reply(form.get("reply_to"))
        )
        return web.json_response({"message_ids": ids})

    async def _sound(self, request: web.Request) -> web.Response:
        form = await request.post()
        field = form["file"]
        if not isinstance(field, web.FileField):
            raise TypeError("not a file")
        upload, kind = read_upload(field), str(form.get("kind", "voice"))
        message_id = self._person.send_sound(
            upload.content, kind=kind, name=upload.name, mime=upload.mime.partition(";")[0],
            seconds=int(float(str(form.get("seconds", "0")))),
            caption=_typed(form.get("caption", "")), reply_to=_reply(form.get("reply_to")),
        )  # fmt: skip
        return web.json_response({"message_id": message_id})

    async def _edit(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._person.edit(int(body["message_id"]), _typed(body["text"]))
        return web.json_response({})

    async def _press(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._person.press(int(body["message_id"]), str(body["data"]))
        return web.json_response({})

    async def _react(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._person.react(int(body["message_id"]), str(body["emoji"])[:8])
        return web.json_response({})


def _typed(value: object) -> str:
    """A text as a keyboard can make it: half symbols are replaced."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value.encode("utf-8", "replace").decode("utf-8")


def _reply(value: object) -> int | None:
    if value in (None, "", 0):
        return None
    if not isinstance(value, (int, str)):
        raise TypeError("not a message's id")
    return int(value)


async def _next(queue: asyncio.Queue[bytes | None]) -> bytes | None:
    """The next event; a sign of life when there is none for a while; None at the end."""
    try:
        async with asyncio.timeout(PING_EVERY_S):
            return await queue.get()
    except TimeoutError:
        return b": still here\n\n"


def _asset(name: str) -> web.Response:
    asset = files("playground").joinpath("web").joinpath(name)
    kind = TYPES.get(name.rpartition(".")[2])
    if kind is None or "/" in name or not asset.is_file():
        return web.Response(status=404)
    return web.Response(
        body=asset.read_bytes(), content_type=kind, charset="utf-8", headers=HEADERS
    )
