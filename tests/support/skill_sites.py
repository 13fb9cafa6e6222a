"""Web sites out on the internet: pages by host and path, and git repositories over smart HTTP."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.web import EchoWeb

if TYPE_CHECKING:
    from pathlib import Path


class Sites(EchoWeb):
    """`pages` maps `host/path` to HTML; `repositories` maps `host/path` to a bare repository."""

    def __init__(self, folder: Path, *names: str) -> None:
        super().__init__(folder, *names)
        self.pages: dict[str, str] = {}
        self.repositories: dict[str, Path] = {}

    async def _echo(self, request: web.Request) -> web.Response:
        body = await request.read()
        host = request.host.partition(":")[0]
        self.requests.append({"method": request.method, "host": host, "path": request.path_qs})
        address = f"{host}{request.path}"
        if (page := self.pages.get(address)) is not None:
            return web.Response(text=page, content_type="text/html")
        for start, repository in self.repositories.items():
            if address.startswith(f"{start}/"):
                return await _git(request, body, repository, address.removeprefix(start))
        return web.Response(status=404, text="no such page")


async def _git(request: web.Request, body: bytes, repository: Path, path: str) -> web.Response:
    """One request of git's smart protocol, answered by git itself."""
    environment = {
        "PATH": os.environ["PATH"], "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROJECT_ROOT": str(repository), "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": request.method, "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(20):
        output, _ = await process.communicate(body)
    head, _, content = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200 OK").split()[0])
    return web.Response(status=status, body=content, headers=headers)
