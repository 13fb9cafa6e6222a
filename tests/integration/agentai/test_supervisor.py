from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Supervised:
    """A running supervisor and what it printed."""

    def __init__(self, home: Path, kinds: tuple[str, ...]) -> None:
        self._home = home
        with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.supervised", str(home), *kinds],
                stdout=out,
                stderr=err,
                cwd=Path(__file__).parents[3],
            )

    @property
    def out(self) -> str:
        return (self._home / "out").read_text()

    @property
    def err(self) -> str:
        return (self._home / "err").read_text()

    def starts(self, kind: str) -> list[int]:
        """The process ids of each start of a part, oldest first."""
        path = self._home / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line.split()[1]) for line in lines if line.split()[0] == kind]

    def wait_for_start(self, kind: str, count: int = 1, within_s: float = 10.0) -> int:
        until(lambda: len(self.starts(kind)) >= count, within_s=within_s, what=f"start {count}")
        return self.starts(kind)[count - 1]

    def wait_until_ready(self) -> None:
        until(lambda: "ready\n" in self.out.splitlines(keepends=True), what="ready")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    made: list[Supervised] = []

    def begin(*kinds: str) -> Supervised:
        made.append(Supervised(tmp_path, kinds))
        return made[-1]

    yield begin
    for supervised in made:
        supervised.end()


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_says_ready_once_after_every_part_is_ready(supervise: Callable[..., Supervised]) -> None:
    run = supervise("good", "mute")
    run.wait_until_ready()
    os.kill(run.wait_for_start("good"), signal.SIGKILL)
    run.wait_for_start("good", 2)
    assert run.out.splitlines().count("ready") == 1
    assert run.out.splitlines()[-1] == "ready"
    assert run.out.count("chat at http://127.0.0.1/x") == 1


def test_a_part_that_is_killed_comes_back(supervise: Callable[..., Supervised]) -> None:
    run = supervise("good", "mute")
    for kind in ("good", "mute"):
        first = run.wait_for_start(kind)
        os.kill(first, signal.SIGKILL)
        assert run.wait_for_start(kind, 2) != first
    until(lambda: "good ended (SIGKILL); it is started again in 0.2 s" in run.err, what="a warning")


def test_a_part_that_keeps_dying_is_started_ever_more_slowly(
    supervise: Callable[..., Supervised],
) -> None:
    run = supervise("dying")
    run.wait_for_start("dying", 4, within_s=15)
    until(lambda: "in 1.6 s" in run.err, what="a longer delay")
    for delay in ("0.2", "0.4", "0.8"):
        assert f"dying ended (code 3); it is started again in {delay} s" in run.err
    assert "dying: ERROR the end is near" in run.err


def test_a_part_that_breaks_says_by_what(supervise: Callable[..., Supervised]) -> None:
    run = supervise("broken")
    line = "broken ended (code 1): OSError: [Errno 28] No space left on device; it is started again"
    until(lambda: line in run.err, what="the exception")


def test_a_stuck_part_is_killed_and_replaced_within_seven_seconds(
    supervise: Callable[..., Supervised],
) -> None:
    run = supervise("good")
    run.wait_until_ready()
    first = run.wait_for_start("good")
    os.kill(first, signal.SIGSTOP)
    began = time.monotonic()
    run.wait_for_start("good", 2, within_s=15)
    assert 4.5 < time.monotonic() - began < 7.5
    assert not is_alive(first)
    assert "good did not answer" in run.err


def test_a_bad_setting_ends_everything_with_its_line_and_code_2(
    supervise: Callable[..., Supervised],
) -> None:
    run = supervise("mute", "refusing")
    assert run.process.wait(timeout=15) == 2
    line = "setting MODEL_BASE_URL: must be an http:// or https:// address"
    assert run.err.strip().splitlines() == [line]
    assert not any(is_alive(pid) for pid in run.starts("mute"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_parts_and_exits_cleanly(
    supervise: Callable[..., Supervised], number: signal.Signals
) -> None:
    run = supervise("good", "mute")
    run.wait_until_ready()
    run.process.send_signal(number)
    assert run.process.wait(timeout=10) == 0
    assert not any(is_alive(pid) for kind in ("good", "mute") for pid in run.starts(kind))
    assert run.out.count("Stopping. Tasks in containers go on for two minutes") == 1


def test_a_part_that_ignores_the_stop_is_killed_in_time(
    supervise: Callable[..., Supervised],
) -> None:
    run = supervise("stubborn")
    run.wait_until_ready()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=10) == 0
    assert not is_alive(run.starts("stubborn")[0])


def test_a_second_signal_kills_at_once(supervise: Callable[..., Supervised]) -> None:
    run = supervise("stubborn")
    run.wait_until_ready()
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    time_to_handle = until(lambda: time.monotonic() - began > 0.2, what="the first signal")
    assert time_to_handle
    run.process.send_signal(signal.SIGINT)
    run.process.wait(timeout=10)
    assert time.monotonic() - began < 0.9
    assert not is_alive(run.starts("stubborn")[0])
    assert "Ending at once." in run.out


def test_no_part_outlives_a_killed_supervisor(supervise: Callable[..., Supervised]) -> None:
    run = supervise("good", "mute", "stubborn")
    run.wait_until_ready()
    run.wait_for_start("mute")
    run.process.kill()
    run.process.wait()
    pids = [pid for kind in ("good", "mute", "stubborn") for pid in run.starts(kind)]
    until(lambda: not any(is_alive(pid) for pid in pids), what="the end of all parts")


def test_what_a_part_started_itself_ends_with_it(supervise: Callable[..., Supervised]) -> None:
    run = supervise("parent")
    grandchild = run.wait_for_start("grandchild")
    os.kill(run.wait_for_start("parent"), signal.SIGKILL)
    until(lambda: not is_alive(grandchild), what="the grandchild's end")


def test_the_supervisor_is_small(supervise: Callable[..., Supervised]) -> None:
    run = supervise("good")
    run.wait_until_ready()
    unshared = psutil.Process(run.process.pid).memory_full_info().pss
    assert unshared < 16 * 2**20
