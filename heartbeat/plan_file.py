"""HEARTBEAT.md on disk: compiled again whenever it changed.

Without the file the shipped one counts.
A file that exists and is empty means: no checks.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from heartbeat.checks import Plan, Problem
from heartbeat.plan import compile_plan

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int, int]


def shipped() -> str:
    """The HEARTBEAT.md that comes with the product."""
    return files("heartbeat.builtin").joinpath("HEARTBEAT.md").read_text(encoding="utf-8")


class PlanFile:
    """Reads the plan; a look at an unchanged file costs one `stat`."""

    def __init__(self, path: Path, *, zone: str) -> None:
        self._path = path
        self._zone = zone
        self._stamp: Stamp | None = None
        self._plan = compile_plan(shipped(), zone=zone)

    def __call__(self) -> Plan:
        """The plan as the file has it now."""
        stamp = self._look()
        if stamp != self._stamp:
            self._plan = self._read()
            self._stamp = stamp
        return self._plan

    def _look(self) -> Stamp | None:
        try:
            seen = self._path.stat()
        except OSError:
            return None
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def _read(self) -> Plan:
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            text = shipped()
        except OSError as error:
            hint = "Make it readable for the service."
            problem = Problem(
                line=1, key="", text=f"It cannot be read: {error.strerror}.", hint=hint
            )
            return Plan(problems=(problem,))
        return compile_plan(text, zone=self._zone)
