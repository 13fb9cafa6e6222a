"""What `agentai up` tells the operator: what runs where, where to chat, how to stop. Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READY = "ready"
STOPPING = (
    "\nStopping. Tasks in containers go on for two minutes: start again by then, and nothing of "
    "them is broken off.\nLater they continue from their last certain step, or say that it is in "
    "doubt. Ctrl-C again ends at once."
)
STOPPING_NOW = "\nEnding at once. Nothing is lost; the next start clears up."
STOPPED = "Stopped."
_WIDTH = 11


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One part: whether it works, where it is or what it is doing, and its lines to show."""

    name: str
    is_ready: bool
    text: str = ""
    sayings: tuple[str, ...] = ()


def heading(home: Path) -> str:
    """The first lines, printed before anything runs."""
    return f"AgentAI keeps everything in {home}, its logs in {home}/logs. Ctrl-C stops it.\n"


class StartReport:
    """Turns what is known about the parts into lines, each once, with `ready` as the last."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._is_complete = False

    def lines(self, states: Sequence[State]) -> tuple[str, ...]:
        """The lines that are new since the last call."""
        fresh = [line for state in states for line in self._about(state)]
        if not self._is_complete and states and all(state.is_ready for state in states):
            self._is_complete = True
            fresh.append(READY)
        return tuple(fresh)

    def _about(self, state: State) -> list[str]:
        lines: list[str] = []
        if state.is_ready and state.name not in self._told:
            self._told.add(state.name)
            text = state.text.removeprefix(f"{state.name}: ")
            is_said = text not in {"", state.name}
            lines.append(_row(state.name, text if is_said else "runs"))
        for saying in state.sayings:
            if saying not in self._told:
                self._told.add(saying)
                label, colon, text = saying.partition(": ")
                lines.append(_row(label, text) if colon and " " not in label else saying)
        return lines


def _row(label: str, text: str) -> str:
    return f"  {label:<{_WIDTH}} {text}"


def restart_line(name: str, *, reason: str, delay_s: float) -> str:
    """One line about a part that ended and will be started again."""
    return f"{name} {reason}; it is started again in {delay_s:.1f} s"


class Repeats:
    """Holds back a line shown a short while ago; lines that differ only in numbers are one."""

    def __init__(self, *, every_s: float = 60.0) -> None:
        self._every_s = every_s
        self._shown: dict[str, float] = {}

    def is_news(self, line: str, now: float) -> bool:
        """Whether `line` should be shown at `now` (seconds of a monotonic clock)."""
        key = re.sub(r"[0-9]+", "0", line)
        self._shown = {k: t for k, t in self._shown.items() if now - t < self._every_s}
        if key in self._shown:
            return False
        self._shown[key] = now
        return True
