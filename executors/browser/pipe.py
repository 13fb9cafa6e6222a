"""The DevTools protocol over a pair of pipes: JSON messages that end with a zero byte.

A pipe and no port: what runs in the page, or beside it, cannot dial it. One thread; whoever waits
also handles what comes in between, so an answer and an event can never block each other.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 1 << 20
PIECES_AT_ONCE = 100
MESSAGE_CAP = 64 * 1024 * 1024
FREE_FROM = 10  # descriptors below are given to the browser
Event = dict[str, Any]


class BrowserGone(Exception):  # noqa: N818 - a state of the world
    """The browser's process has ended."""


class CallFailed(Exception):  # noqa: N818 - the browser's word
    """The browser refused a call; the text is its own."""


class TooSlow(Exception):  # noqa: N818 - a state of the world
    """The browser or the page did not answer in time."""


class Pipe:
    """Messages to and from one browser. `on_event` sees what is no answer."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._read, self.browser_writes = _pair()
        self.browser_reads, self._write = _pair()
        os.set_blocking(self._read, False)
        self._buffer = bytearray()
        self._scanned = 0
        self._next_id = 0
        self._answers: dict[int, Event] = {}
        self._awaited: set[int] = set()
        self.is_gone = False
        self._is_closed = False

    @property
    def descriptor(self) -> int:
        """Becomes readable when the browser says something."""
        return self._read

    def send(self, method: str, params: dict[str, Any], session: str | None) -> int:
        """Sends a call; returns its number."""
        self._next_id += 1
        message: Event = {"id": self._next_id, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._awaited.add(self._next_id)
        self._write_all(json.dumps(message).encode() + b"\0")
        return self._next_id

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._write, view) :]
            except OSError:
                self.is_gone = True
                raise BrowserGone from None

    def answer(self, number: int) -> dict[str, Any] | None:
        """The result of a call, if it is there. Raises `CallFailed`."""
        found = self._answers.pop(number, None)
        if found is None:
            return None
        self._awaited.discard(number)
        if "error" in found:
            raise CallFailed(str(found["error"].get("message")))
        result: dict[str, Any] = found.get("result", {})
        return result

    def forget(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        self._awaited.discard(number)
        self._answers.pop(number, None)

    def take(self) -> None:
        """Reads what is there and hands out events. Raises `BrowserGone` at the end."""
        try:
            piece = os.read(self._read, PIECE)
        except BlockingIOError:
            return
        self._buffer += piece
        if not piece or len(self._buffer) > MESSAGE_CAP:
            self.is_gone = True
            raise BrowserGone
        for message in self._whole():
            self._sort(message)

    def take_all(self) -> None:
        """Reads what is there up to the end of the process, if that has come; bounded."""
        for _ in range(PIECES_AT_ONCE):
            if not select.select([self._read], [], [], 0)[0]:
                return
            self.take()

    def _whole(self) -> list[Event]:
        found: list[Event] = []
        while (end := self._buffer.find(b"\0", self._scanned)) >= 0:
            found.append(json.loads(bytes(self._buffer[:end])))
            del self._buffer[: end + 1]
            self._scanned = 0
        self._scanned = len(self._buffer)
        return found

    def _sort(self, message: Event) -> None:
        if "id" not in message:
            self._on_event(message)
        elif message["id"] in self._awaited:
            self._answers[message["id"]] = message

    def wait(self, until: float, also: int | None = None) -> bool:
        """Waits for the browser, and for the descriptor `also`: whether that one is ready."""
        asked = [self._read] if also is None else [self._read, also]
        ready, _, _ = select.select(asked, [], [], max(0.0, until - time.monotonic()))
        if self._read in ready:
            self.take()
        return also is not None and also in ready

    def close(self) -> None:
        """Closes our ends; the browser ends when it sees that."""
        self.is_gone = True
        if not self._is_closed:  # a second time would close what has these numbers by then
            self._is_closed = True
            os.close(self._read)
            os.close(self._write)


def _pair() -> tuple[int, int]:
    """A pipe whose descriptors are out of the way of those that the browser gets."""
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FREE_FROM) for end in low)
    for end in low:
        os.close(end)
    return high[0], high[1]
