"""Signs of life of a process for its supervisor, through an inherited pipe.

`AGENTAI_BEAT_FD` names the pipe. Lines: `alive` every half second from the event loop, `ready
<text>` once the process does its work, `say <text>` for the start-up report. Without the variable
nothing is written.
"""

from __future__ import annotations

import asyncio
import os

BEAT_EVERY_S = 0.5


class Beat:
    """Writes the lines; a pipe nobody reads any more is given up silently."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    @classmethod
    def from_environment(cls) -> Beat:
        """The pipe that the supervisor handed down, if any."""
        text = os.environ.get("AGENTAI_BEAT_FD", "")
        return cls(int(text) if text.isdecimal() else None)

    def _write(self, line: str) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, f"{line}\n".encode())
        except OSError:
            self._fd = None

    def ready(self, text: str) -> None:
        """The process does its work now."""
        self._write(f"ready {text}")

    def say(self, text: str) -> None:
        """A line for the operator."""
        self._write(f"say {text}")

    async def run(self) -> None:
        """Beats until cancelled."""
        while True:
            self._write("alive")
            await asyncio.sleep(BEAT_EVERY_S)
