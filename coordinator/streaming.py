"""A streamed answer: its events, and when the growing text is shown.

Pure: times are seconds of one monotonic clock, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(slots=True)
class DraftPace:
    """Shows an answer that takes long: first after `FIRST_S`, then every `NEXT_S`.

    An answer that is complete before `FIRST_S` is sent once, whole; that is the usual case.
    """

    FIRST_S: ClassVar[float] = 1.0
    NEXT_S: ClassVar[float] = 1.5
    MIN_CHARACTERS: ClassVar[int] = 40

    is_open: bool = False
    _due: float | None = None

    def is_due(self, *, now: float) -> bool:
        """Whether it is time to show the text; called whenever it grew."""
        if self._due is None:
            self._due = now + self.FIRST_S
        if now < self._due:
            return False
        self._due = now + self.NEXT_S
        return True


@dataclass(slots=True)
class Events:
    """Server-sent events out of bytes, however they are cut (the WHATWG's HTML, 9.2.6).

    Lines end by LF or CRLF; only `data` counts, the lines of one event belong together. `is_done`
    is set by the `[DONE]` with which these services end.
    """

    CAP: ClassVar[int] = 8_000_000

    is_done: bool = False
    _rest: list[bytes] = field(default_factory=list)  # of a line whose end has not come
    _data: list[bytes] = field(default_factory=list)
    _size: int = 0  # of both

    def take(self, piece: bytes) -> list[bytes]:
        """The data of the events that `piece` completes; `ValueError` for one without an end."""
        self._rest.append(piece)
        self._size += len(piece)
        if self._size > self.CAP:
            raise ValueError("an event of the answer has no end")
        if b"\n" not in piece:
            return []
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        found = [data for line in lines if (data := self._line(line.removesuffix(b"\r")))]
        self._size = len(rest) + sum(map(len, self._data)) + len(self._data)
        return found

    def _line(self, line: bytes) -> bytes | None:
        if line:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            return None
        data, self._data = b"\n".join(self._data), []
        if data == b"[DONE]":
            self.is_done = True
        return None if self.is_done else data
