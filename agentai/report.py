"""What `agentai up` tells the operator: what runs where, where to chat, how to stop. Pure text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READY = "ready"
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
    return f"AgentAI keeps everything in {home} (logs in {home.name}/logs). Ctrl-C stops it.\n"


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
            lines.append(f"  {state.name:<{_WIDTH}} {state.text or 'runs'}".rstrip())
        for saying in state.sayings:
            if saying not in self._told:
                self._told.add(saying)
                lines.append(saying)
        return lines


def restart_line(name: str, *, reason: str, delay_s: float) -> str:
    """One line about a part that ended and will be started again."""
    return f"{name} {reason}; it is started again in {delay_s:.1f} s"
