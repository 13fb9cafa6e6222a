"""A slot: one container, its workspace, and the line to it.

    HOME/slots/NAME/work   the workspace, mounted as /work
    HOME/slots/NAME/sock   holds the socket, mounted as /run/agentai

The folder survives the host process: after a restart the host listens at the same place, and the
worker inside dials again. The socket is bound through a descriptor of its folder, because the path
of a deep home would be too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from typing import TYPE_CHECKING

from core.spawn import Spawner
from executors.protocol import LINE_CAP, BadLine, Hello, Looked, Request, look_line, parse_line
from executors.sockets import bind_in

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

HELLO_WITHIN_S = 10.0
LOOK_WITHIN_S = 6.0
BAD_LINES_CAP = 20
CA_FILE = "ca.pem"
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Line:
    """Listens for the slot's container; at most one connection counts, the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._requests: asyncio.Queue[Request] = asyncio.Queue(maxsize=4)
        self._looks: dict[int, asyncio.Future[Looked]] = {}
        self._looks_asked = 0
        self._spawner = Spawner()
        self.connected = asyncio.Event()
        self.bad_lines = 0

    async def listen(self) -> None:
        """Begins to listen; replaces the socket of a former host process."""
        bound = bind_in(self._folder, "host.sock")
        self._server = await asyncio.start_unix_server(
            self._welcome, sock=bound, limit=LINE_CAP, backlog=4
        )

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Python 3.11 logs an error for each connection it holds itself when the loop ends."""
        self._spawner.spawn(self._accept(reader, writer), name="line")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HELLO_WITHIN_S):
                first = parse_line(await reader.readline())
            if isinstance(first, Hello):
                self._take_over(writer)
                await self._read(reader, writer)
        except (BadLine, OSError, ValueError, TimeoutError) as error:
            log.info("a container's connection ended: %s", type(error).__name__)
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None
                self.connected.clear()

    def _take_over(self, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = writer
        self.connected.set()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                request = parse_line(line)
            except BadLine as error:
                self.bad_lines += 1
                log.warning("a container sent a bad line: %s", error)
                if self.bad_lines > BAD_LINES_CAP:
                    raise
                continue
            if isinstance(request, Request) and isinstance(request.params, Looked):
                self._looked(request.params)  # past the queue: a request there may wait for hours
            elif isinstance(request, Request) and self._writer is writer:
                await self._requests.put(request)

    def _looked(self, found: Looked) -> None:
        asked = self._looks.get(found.look)
        if asked is not None and not asked.done():
            asked.set_result(found)

    async def look(self, within_s: float = LOOK_WITHIN_S) -> Looked | None:
        """What the container says it sees; None when it does not say in time."""
        self._looks_asked += 1
        number = self._looks_asked
        self._looks[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                if await self.send(look_line(number)):
                    return await self._looks[number]
        except TimeoutError:
            log.info("a container did not show what it sees")
        finally:
            del self._looks[number]
        return None

    async def next_request(self) -> Request:
        """The container's next request."""
        return await self._requests.get()

    async def send(self, line: bytes) -> bool:
        """Sends a line; False when the container is not there to read it (it will ask again)."""
        if self._writer is None:
            return False
        try:
            self._writer.write(line)
            async with asyncio.timeout(HELLO_WITHIN_S):
                await self._writer.drain()
        except (OSError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Stops listening and hangs up."""
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()


def put_file(folder: int, name: str, content: bytes, *, mode: int) -> None:
    """Writes a file into an open folder in the place of whatever has its name; follows nothing."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    file = os.open(name, NEW_FILE, mode, dir_fd=folder)
    with open(file, "wb") as out:  # noqa: PTH123 - a descriptor
        out.write(content)
        os.fchmod(file, mode)


class Slot:
    """The folders and the line of one container."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.folder = root / name
        self.work = self.folder / "work"
        self.sock = self.folder / "sock"
        self.line = Line(self.sock)

    async def prepare(self, owner: tuple[int, int]) -> None:
        """Makes the folders and listens. Only `work` belongs to the container's user."""
        for folder, mode in ((self.work, 0o700), (self.sock, 0o755)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        os.chown(self.work, *owner)
        self._give_authority()
        await self.line.listen()

    def _give_authority(self) -> None:
        """The container trusts this host's authority, whose certificate lies beside the slots."""
        given = self.folder.parent / CA_FILE
        if not given.is_file():
            return
        folder = os.open(self.sock, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            put_file(folder, CA_FILE, given.read_bytes(), mode=0o444)
        finally:
            os.close(folder)

    async def delete(self) -> None:
        """Hangs up and removes the folders."""
        await self.line.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
