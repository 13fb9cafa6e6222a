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

from aiohttp import web

from playground.methods import Upload
from playground.state import Shown
from playground.validation import ApiError

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
HOSTS = frozenset({"127.0.0.1", "localhost"})
PING_EVERY_S = 15.0
UPLOAD_CAP = 60 * 1024 * 1024


class Page:
    """Serves the page to the person and carries their actions."""

    def __init__(self, *, key: str, state: State, person: Person) -> None:
        self._key = key
        self._state = state
        self._person = person
        self._watchers: set[asyncio.Queue[bytes]] = set()

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
            except ApiError as error:
                return web.Response(status=error.code, text=error.description)
            except (ValueError, KeyError, TypeError):
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
        is_image = file.mime in {"image/png", "image/jpeg", "image/webp", "image/gif"}
        return web.Response(
            body=file.content,
            content_type=file.mime if is_image else "application/octet-stream",
            headers={**HEADERS, "Content-Disposition": "inline" if is_image else "attachment"},
        )

    # --- live events ---

    def tell(self, kind: str, data: Any) -> None:  # noqa: ANN401 - JSON or a message
        """Sends an event to every open page."""
        if isinstance(data, Shown):
            if data.chat_id != self._state.owner["id"]:
                return
            data = self._state.as_page(data)
        line = f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
        for queue in self._watchers:
            if queue.qsize() < 1000:
                queue.put_nowait(line)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            await answer.write(b": hello\n\n")
            while True:
                try:
                    async with asyncio.timeout(PING_EVERY_S):
                        line = await queue.get()
                except TimeoutError:
                    line = b": still here\n\n"
                await answer.write(line)
        except ConnectionError:
            return answer
        finally:
            self._watchers.discard(queue)

    # --- what the person does ---

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        message_id = self._person.send(str(body["text"]), reply_to=body.get("reply_to"))
        return web.json_response({"message_id": message_id})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        uploads = [read_upload(f) for f in form.getall("files") if isinstance(f, web.FileField)]
        found = [(u.name, u.mime, u.content) for u in uploads]
        caption, reply = str(form.get("caption", "")), str(form.get("reply_to", ""))
        ids = self._person.send_files(
            found, caption=caption, reply_to=int(reply) if reply.isdecimal() else None
        )
        return web.json_response({"message_ids": ids})

    async def _edit(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._person.edit(int(body["message_id"]), str(body["text"]))
        return web.json_response({})

    async def _press(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._person.press(int(body["message_id"]), str(body["data"]))
        return web.json_response({})

    async def _react(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._person.react(int(body["message_id"]), str(body["emoji"])[:8])
        return web.json_response({})


def read_upload(field: web.FileField) -> Upload:
    """A file out of a form."""
    with field.file:
        return Upload(field.filename, field.content_type, field.file.read())


def _asset(name: str) -> web.Response:
    asset = files("playground").joinpath("web").joinpath(name)
    kind = TYPES.get(name.rpartition(".")[2])
    if kind is None or "/" in name or not asset.is_file():
        return web.Response(status=404)
    return web.Response(
        body=asset.read_bytes(), content_type=kind, charset="utf-8", headers=HEADERS
    )
