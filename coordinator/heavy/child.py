"""One heavy process, seen from the serving one.

It gets an environment made for it, no descriptor but its two pipes, and no secret: what a job needs
comes with its call, through the pipe.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.heavy.frames import HEADER_BYTES, BadFrame, Json, length, parse
from core.errors import AgentAIError, Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coordinator.heavy.jobs import Lane, Reach

log = logging.getLogger(__name__)

OnProgress = Callable[[float, str], None]

START_S = 30.0
ATTACHED_CAP = 64 << 20
PIECE = 256 << 10
GONE = UserFacing("The file is not there any more, or it has changed.", "Send it again.")
_HOME = Path(__file__).resolve().parents[2]
_PASSED = ("PATH", "LANG", "LC_ALL", "TZ")
_PASSED_TO_CONNECT = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HF_ENDPOINT",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file that goes with a call."""

    path: Path
    size: int

    @classmethod
    def of(cls, path: Path) -> Attachment:
        """Looks at the file; `UserFacing` when it is not there or too large."""
        try:
            size = path.stat().st_size
        except OSError as error:
            raise GONE from error
        if size > ATTACHED_CAP:
            raise UserFacing(
                f"The file is larger than {ATTACHED_CAP >> 20} MB.", "Send a smaller one."
            )
        return cls(path=path, size=size)


class ChildDied(AgentAIError):  # noqa: N818 - an event, not a mistake
    """The process ended, or said something that is no frame, before it had answered."""


def environment(lane: Lane, ours: Mapping[str, str]) -> dict[str, str]:
    """The variables of a heavy process: ours only by name, never a secret of the instance."""
    names = _PASSED + (_PASSED_TO_CONNECT if lane.may_connect else ())
    return {
        **{name: ours[name] for name in names if name in ours},
        "HOME": "/nonexistent",
        "OMP_NUM_THREADS": str(min(lane.threads, os.cpu_count() or 1)),
        "MALLOC_ARENA_MAX": "1",
        "MEM0_TELEMETRY": "False",
        "MEM0_DIR": "/proc/self",  # exists and cannot be written: mem0 keeps no file of its own
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Child:
    """A running heavy process; one exchange at a time."""

    def __init__(self, process: asyncio.subprocess.Process, reach: Reach) -> None:
        self._process = process
        # By a descriptor, not a number: the number may be somebody else's by then. And asking the
        # library to kill would reap the process behind the back of asyncio's watcher.
        self._handle = os.pidfd_open(process.pid)
        self.reach = reach

    @classmethod
    async def start(cls, lane: Lane, reach: Reach) -> Child:
        """Starts one and waits until it is ready; `Retryable` when it cannot start.

        Cancelling ends it.
        """
        argv = [sys.executable, "-P", "-m", "coordinator.heavy", lane.name, str(os.getpid())]
        argv += [f"r:{folder}" for folder in sorted(reach.read)]
        argv += [f"w:{folder}" for folder in sorted(reach.write)]
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=pipe, stdout=pipe, stderr=null, cwd=_HOME,
                env=environment(lane, os.environ), start_new_session=True,
            )  # fmt: skip
            child = cls(process, reach)
        except OSError as error:
            raise Retryable(f"the {lane.name} process cannot start", 5.0) from error
        try:
            async with asyncio.timeout(START_S):
                ready = await child._read()
        except (ChildDied, TimeoutError) as error:
            child.kill()
            raise Retryable(f"the {lane.name} process did not start", 5.0) from error
        except asyncio.CancelledError:
            child.kill()
            raise
        if ready.get("cage") != ["files", "calls"]:
            log.warning(
                "this kernel cages heavy work only partly",
                extra={"lane": lane.name, "holds": ready.get("cage")},
            )
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet, as far as we know."""
        return self._process.returncode is None

    async def exchange(
        self, frame: bytes, attached: Attachment | None, on_progress: OnProgress
    ) -> Json:
        """Sends a call, returns the answer; `ChildDied` when there is none.

        Cancelling, or any error, leaves the pipe in mid-word: kill the process then.
        """
        await self._send(frame)
        if attached is not None:
            await self._send_file(attached)
        while "share" in (body := await self._read()):
            share = body["share"]
            on_progress(share if isinstance(share, float) else 0.0, str(body.get("text", "")))
        return body

    async def _send(self, part: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was made with a pipe
        try:
            self._process.stdin.write(part)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise ChildDied("the process is gone") from error

    async def _send_file(self, attached: Attachment) -> None:
        """Piece by piece, so that a large file never lies in our memory."""
        left = attached.size
        try:
            file = await asyncio.to_thread(attached.path.open, "rb")
            with file:
                while left and (part := await asyncio.to_thread(file.read, min(left, PIECE))):
                    await self._send(part)
                    left -= len(part)
        except OSError as error:
            raise GONE from error
        if left:
            raise GONE

    async def _read(self) -> Json:
        assert self._process.stdout is not None  # noqa: S101 - it was made with a pipe
        try:
            header = await self._process.stdout.readexactly(HEADER_BYTES)
            return parse(await self._process.stdout.readexactly(length(header)))
        except (asyncio.IncompleteReadError, ConnectionError, BadFrame) as error:
            raise ChildDied("the process gave no answer") from error

    def hang_up(self) -> None:
        """Lets it end by itself: it does when its pipe closes. Call `kill` all the same, later."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """Ends it now; asyncio reaps it."""
        if self._handle >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = -1

    async def gone(self) -> None:
        """Waits until it has ended, which it is about to; a few seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._process.wait()

    def pss_mb(self) -> float:
        """Its memory: proportional set size, in MB."""
        try:
            text = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            return 0.0
        lines = (line.split() for line in text.splitlines() if line.startswith("Pss:"))
        return next((int(words[1]) / 1024 for words in lines), 0.0)
