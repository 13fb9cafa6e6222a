"""Button presses that wait for an answer; Telegram forgets them after a while."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from playground.validation import bad

LIVES_S = 150.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Press:
    at: float
    message_id: int


class Callbacks:
    """Open presses by id. `clock` may be replaced to let time pass."""

    def __init__(self) -> None:
        self.clock = time.monotonic
        self._open: dict[str, _Press] = {}

    def open(self, message_id: int) -> str:
        """A button of this message was pressed; returns the press's id."""
        now = self.clock()
        self._open = {i: p for i, p in self._open.items() if now - p.at <= LIVES_S}
        callback_id = str(secrets.randbits(63))
        self._open[callback_id] = _Press(at=now, message_id=message_id)
        return callback_id

    def answer(self, callback_id: str) -> int:
        """Closes a press; returns its message's id, or raises when it is unknown or too old."""
        press = self._open.pop(callback_id, None)
        if press is None or self.clock() - press.at > LIVES_S:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        return press.message_id
