"""A Python package index on the wire: pages by the simple repository API, wheels made by hand."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping


def wheel(name: str, version: str, files: Mapping[str, str], needs: tuple[str, ...] = ()) -> bytes:
    """A wheel of pure Python."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    members = {
        **files, f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return out.getvalue()


def sdist(name: str, version: str, setup: str) -> bytes:
    """A source archive whose build runs `setup`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"{name}-{version}/setup.py")
        info.size = len(setup)
        archive.addfile(info, io.BytesIO(setup.encode()))
    return out.getvalue()


class PackageIndex:
    """Serves `files` (name of a file → bytes); `asked` are the projects that were asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    def add(self, name: str, version: str, files: Mapping[str, str], *needs: str) -> None:
        self.files[f"{name}-{version}-py3-none-any.whl"] = wheel(name, version, files, needs)

    def environment(self) -> dict[str, str]:
        """What pip needs to ask this index and no other."""
        return {
            "PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"{self.url}/simple/",
            "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/simple/{project}/", self._project)
        app.router.add_get("/file/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _project(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        self.asked.append(project)
        links = "".join(
            f'<a href="/file/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>\n'
            for name, content in self.files.items()
            if name.split("-")[0].lower() == project
        )
        return web.Response(text=f"<html><body>{links}</body></html>", content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["name"])
        if content is None:
            raise web.HTTPNotFound
        return web.Response(body=content)
