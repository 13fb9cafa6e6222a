"""Keeps the parts of one instance running: starts, hears, replaces and stops them.

One thread and one selector, standard library only: this process lives as long as the instance and
should cost next to nothing (an asyncio loop alone would double it). Decisions are in
`agentai.health`; here is what carries them out. The kernel ends every part when this process dies,
however it dies.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from agentai.health import Verdict, Word, beaten, ended, judge
from agentai.part import Child, Part
from agentai.report import State, restart_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import FrameType

LONGEST_WAIT_S = 1.0
STOP_LIMIT_S = 9.0
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Failure)\b")  # a traceback's last line


class Listener(Protocol):
    """Hears what happens; prints it, in the product."""

    def warn(self, text: str) -> None:
        """Something an operator should know."""

    def logged(self, name: str, line: str) -> None:
        """A part logged a warning or worse."""

    def changed(self, states: Sequence[State]) -> None:
        """A part became ready or said something."""

    def stopping(self, asked: int) -> None:
        """The end was asked for, the `asked`-th time."""


class Supervisor:
    """Runs `parts` until a signal, or until one of them reports a bad setting.

    Parts start in the order given and stop in the order of their `stop_rank`, equal ranks together.
    """

    def __init__(self, parts: Sequence[Part], *, logs: Path, listener: Listener) -> None:
        self._selector = selectors.DefaultSelector()
        self._children = [Child(part, logs, self._selector) for part in parts]
        self._listener = listener
        self._asked_to_stop = 0
        self._told_stop = 0
        self._stopping = False
        self._rank_since: tuple[int, float] | None = None
        self._stop_until = 0.0
        self._exit_code = 0

    def run(self) -> int:
        """Supervises until the end; returns the exit code (2: a part refused its settings)."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda: _drain(wake_read))
        restore = _catch_signals(wake_write, self._on_signal)
        try:
            while self._step():
                pass
        finally:
            for child in self._children:
                child.kill()
                child.close()
            restore()
            self._selector.close()
            os.close(wake_read)
            os.close(wake_write)
        return self._exit_code

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number != signal.SIGCHLD:
            self._asked_to_stop += 1

    def _step(self) -> bool:
        """One round: wait, hear everything that was said, then decide. False when all is over."""
        for key, _ in self._selector.select(self._wait_s()):
            key.data()
        now = time.monotonic()
        self._hear(now)
        self._reap(now)
        if self._asked_to_stop or self._stopping:
            self._tell_stop()
            return self._stop(now)
        for child in self._children:
            if not self._stopping:  # one part may have given up for all
                self._tend(child, now)
        return True

    def _wait_s(self) -> float:
        """Until the next planned start, at most a second."""
        if self._stopping or self._asked_to_stop:
            return 0.05
        now = time.monotonic()
        starts = [c.vitals.start_at - now for c in self._children if c.vitals.started_at is None]
        return max(0.0, min([LONGEST_WAIT_S, *starts]))

    def _hear(self, now: float) -> None:
        """Takes in the beats before anything is judged: if we are late, the part is not."""
        news = False
        for child in self._children:
            for line in child.take_shown():
                self._listener.logged(child.part.name, line)
            for beat in child.take_beats():
                child.vitals = beaten(child.vitals, now)
                if beat.word is Word.READY:
                    child.vitals = replace(child.vitals, is_ready=True)
                    child.text = beat.text
                    news = True
                elif beat.word is Word.SAY and beat.text not in child.sayings:
                    child.sayings.append(beat.text)
                    news = True
        if news:
            self._listener.changed(self.states())

    def states(self) -> tuple[State, ...]:
        """Every part, as it is now."""
        return tuple(
            State(
                name=child.part.name,
                is_ready=child.is_ready,
                text=child.text,
                sayings=tuple(child.sayings),
            )
            for child in self._children
        )

    def _reap(self, now: float) -> None:
        for child in self._children:
            code = child.poll()
            if code is None:
                continue
            child.vitals = ended(child.vitals, now, code=code)
            if (
                self._stopping
                or judge(now, child.vitals, beats=child.part.beats) is Verdict.GIVE_UP
            ):
                continue
            ending = _ending(code, child.log.last_line)
            reason = "did not answer" if child.was_silent else ending
            delay = child.vitals.start_at - now
            self._listener.warn(restart_line(child.part.name, reason=reason, delay_s=delay))

    def _tend(self, child: Child, now: float) -> None:
        match judge(now, child.vitals, beats=child.part.beats):
            case Verdict.START:
                if problem := child.start(now):
                    child.vitals = ended(child.vitals, now, code=-1)
                    self._listener.logged(child.part.name, f"cannot be started: {problem}")
            case Verdict.KILL:
                child.was_silent = True
                child.kill()
            case Verdict.GIVE_UP:
                self._exit_code = 2
                self._stopping = True
                self._listener.warn(
                    child.log.last_line or f"{child.part.name} refuses its settings"
                )
            case Verdict.LEAVE:
                pass

    def _tell_stop(self) -> None:
        if self._told_stop < (asked := min(self._asked_to_stop, 2)):
            self._told_stop = asked
            self._listener.stopping(asked)

    def _stop(self, now: float) -> bool:
        """Stops rank by rank; a second signal, or the limit, kills what is left."""
        if not self._stop_until:
            self._stopping = True
            self._stop_until = now + STOP_LIMIT_S
        left = [child for child in self._children if child.is_running]
        if not left:
            return False
        if self._asked_to_stop > 1 or now > self._stop_until:
            for child in left:
                child.kill()
            return True
        self._stop_rank(
            [c for c in left if c.part.stop_rank == min(x.part.stop_rank for x in left)], now
        )
        return True

    def _stop_rank(self, children: Sequence[Child], now: float) -> None:
        rank = children[0].part.stop_rank
        if self._rank_since is None or self._rank_since[0] != rank:
            self._rank_since = (rank, now)
            for child in children:
                child.ask_to_stop()
        for child in children:
            if now - self._rank_since[1] > child.part.stop_s:
                child.kill()


def _ending(code: int, last_line: str) -> str:
    """How a part ended, and the exception that it ended by."""
    cause = f": {last_line[:200]}" if code > 0 and _EXCEPTION.match(last_line) else ""
    return f"ended ({_reason(code)}){cause}"


def _reason(code: int) -> str:
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"code {code}"


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 512):
            pass
    except BlockingIOError:
        return


def _catch_signals(
    wake: int, handler: Callable[[int, FrameType | None], None]
) -> Callable[[], None]:
    """Routes the signals that matter to `handler`, with a wake-up; returns what undoes it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.signal(number, handler) for number in numbers}
    wake_before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def restore() -> None:
        signal.set_wakeup_fd(wake_before)
        for number, old in before.items():
            signal.signal(number, old)

    return restore
