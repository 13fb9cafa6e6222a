"""One supervised part: what it is, and the process that it is at this moment."""

from __future__ import annotations

import os
import selectors
import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agentai.health import Beat, Vitals, read_beats, started
from agentai.logs import LogFile
from agentai.process import Command, start
from core.errors import AgentAIError, UserFacing

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

BEAT_VARIABLE = "AGENTAI_BEAT_FD"
_CHUNK = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What to run under a name.

    `prepare` is called before every start and returns the command. A part that `beats` reports on
    the descriptor named by `AGENTAI_BEAT_FD`: `alive` twice a second, `ready TEXT` once it works,
    `say TEXT` for the operator. Parts of the lowest `stop_rank` are asked to stop first, by
    `stop_signal`, and killed after `stop_s` seconds.
    """

    name: str
    prepare: Callable[[], Command]
    beats: bool
    stop_rank: int
    stop_s: float
    stop_signal: signal.Signals = signal.SIGTERM
    text: str = ""


class Child:
    """The process of one part, its two pipes and its log."""

    def __init__(self, part: Part, logs: Path, selector: selectors.BaseSelector) -> None:
        self.part = part
        self.vitals = Vitals()
        self.log = LogFile(logs / f"{part.name}.log")
        self.text = part.text
        self.sayings: list[str] = []
        self.was_silent = False
        self._selector = selector
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: dict[int, bytes] = {}
        self._beat_pipe = -1
        self._beats: list[Beat] = []
        self._shown: list[str] = []

    @property
    def is_running(self) -> bool:
        """Whether its process has not been seen to end."""
        return self._process is not None

    @property
    def is_ready(self) -> bool:
        """Whether it does its work; a part that never beats is ready while it runs."""
        return self.vitals.is_ready if self.part.beats else self.is_running

    def start(self, now: float) -> str | None:
        """Starts the process; returns why it could not."""
        output_read, output_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        beat_read, beat_write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(output_write, True)
        try:
            command = self.part.prepare()
            if self.part.beats:
                command = replace(command, env={**command.env, BEAT_VARIABLE: str(beat_write)})
            inherit = (beat_write,) if self.part.beats else ()
            self._process = start(command, output=output_write, inherit=inherit)
        except (OSError, AgentAIError) as error:
            os.close(output_read)
            os.close(beat_read)
            return " ".join(said(error).split())
        finally:
            os.close(output_write)
            os.close(beat_write)
        os.set_blocking(beat_read, False)
        self._watch(output_read, beat_read)
        self.was_silent = False
        self.vitals = started(self.vitals, now)
        return None

    def _watch(self, output: int, beat: int) -> None:
        self._beat_pipe = beat
        for descriptor in (output, beat):
            self._pipes[descriptor] = b""
            self._selector.register(
                descriptor, selectors.EVENT_READ, lambda d=descriptor: self._read(d)
            )

    def _read(self, descriptor: int) -> bool:
        """Takes in one piece; False when there is none now."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._unwatch(descriptor)
            return False
        if descriptor == self._beat_pipe:
            beats, self._pipes[descriptor] = read_beats(self._pipes[descriptor] + data)
            self._beats += beats
        else:
            self._shown += self.log.write(data)
        return True

    def _unwatch(self, descriptor: int) -> None:
        if self._pipes.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)
            os.close(descriptor)

    def take_beats(self) -> list[Beat]:
        """What it said since the last call."""
        taken, self._beats = self._beats, []
        return taken

    def take_shown(self) -> list[str]:
        """The log lines worth showing since the last call."""
        taken, self._shown = self._shown, []
        return taken

    def poll(self) -> int | None:
        """The exit code, once, when the process has just ended; its last words are in the log."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        _signal_group(self._process.pid, signal.SIGKILL)  # whatever it had started itself
        for descriptor in list(self._pipes):
            while self._read(descriptor):
                pass
            self._unwatch(descriptor)
        self._process = None
        self.log.finish()
        return code

    def ask_to_stop(self) -> None:
        """Sends the stop signal to the process, if it runs."""
        if self._process is not None:
            self._process.send_signal(self.part.stop_signal)
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills the process and what it started."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)
            self._process.kill()

    def close(self) -> None:
        """Waits for a killed process and closes the log."""
        if self._process is not None:
            self._process.wait()
            self.poll()
        self.log.close()


def said(error: OSError | AgentAIError) -> str:
    """What an operator is told of an error, with what to do about it."""
    return error.sentence() if isinstance(error, UserFacing) else str(error)


def _signal_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return
