"""The parts' log files, kept small, and which of their lines an operator should see at once."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_BYTES = 5 * 2**20
_SHOWN = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback")
_LOOK_AT = 120
_NOISE = (
    "Memory overcommit",  # Valkey's advice for servers that save to disk; ours does not
    # Postgres, to a part that asks too early: parts ask until it answers.
    "FATAL:  the database system is starting up",
    "FATAL:  the database system is not yet accepting connections",
)


def is_worth_showing(line: str) -> bool:
    """Whether a log line is a warning or worse. The word must stand where a log format puts it."""
    start = line[:_LOOK_AT]
    return bool(_SHOWN.search(start)) and not any(noise in start for noise in _NOISE)


class LogFile:
    """Appends to one file; past `largest` bytes the file becomes `.1` and a new one begins."""

    def __init__(self, path: Path, *, largest: int = LARGEST_BYTES) -> None:
        self._path = path
        self._largest = largest
        self._descriptor = self._open()
        self._rest = b""
        self.last_line = ""

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def write(self, data: bytes) -> tuple[str, ...]:
        """Appends `data`; returns the lines now complete that are worth showing."""
        try:
            if os.fstat(self._descriptor).st_size > self._largest:
                self._rotate()
            os.write(self._descriptor, data)
        except OSError:  # a full disk must not take the supervisor down with it
            pass
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-self._largest // 64 :]
        texts = [line.decode("utf-8", "replace").rstrip() for line in lines]
        self.last_line = next((text for text in reversed(texts) if text), self.last_line)
        return tuple(text for text in texts if is_worth_showing(text))

    def finish(self) -> None:
        """Counts an unfinished last line as complete: its writer has ended."""
        if self._rest:
            self.write(b"\n")

    def _rotate(self) -> None:
        os.close(self._descriptor)
        self._path.replace(self._path.with_suffix(".log.1"))
        self._descriptor = self._open()

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)
