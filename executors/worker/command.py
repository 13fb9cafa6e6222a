"""Runs shell commands within limits, and tasks that are one command."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from executors.worker import network
from executors.worker.counters import Counters, read_counters
from executors.worker.link import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from executors.worker.clock import WorkClock
    from executors.worker.link import Link

PIECE = 65536
OUT, OUT_CAP = "out", 10
LINGER_S = 0.1  # for output that a finished command's children still hold back
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Ran:
    """How a command ended: `code` is None when a limit stopped it, and `limit` says which."""

    output: str
    code: int | None
    limit: str | None = None


secrets: dict[str, str] = {}  # stand-ins for the owner's secrets, by name; set once with the task


def run_command(command: str, work: Path, limits: dict[str, Any], clock: WorkClock) -> Ran:
    """Runs `command` with bash in `work`; its whole process group ends with it."""
    before, refusal = read_counters(), network.last_refusal()
    process = subprocess.Popen(  # noqa: S603 - the container is the boundary, not this call
        ["/bin/bash", "-c", command],
        cwd=work,
        env={**ENVIRONMENT, **network.environment(), **packages(), **secrets, "HOME": str(work)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, limit = _read_output(process, limits["output_bytes"], clock)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    limit = limit or _limit_hit(before, code, limits)
    text = output.decode("utf-8", "replace")
    text = network.with_refusals(text, after=refusal)
    return Ran(output=text, code=None if limit else code, limit=limit)


def packages() -> dict[str, str]:
    """Where Python finds the packages that the task's skill declares; the host puts them there."""
    folder = f"{network.RUN}/packages"
    return {"PYTHONPATH": folder} if os.path.isdir(folder) else {}  # noqa: PTH112 - cheap


def _read_output(
    process: subprocess.Popen[bytes], cap: int, clock: WorkClock
) -> tuple[bytes, str | None]:
    """Reads until the command ends, its time is up, or it printed too much."""
    assert process.stdout is not None  # noqa: S101 - asked for above
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    ended = os.pidfd_open(process.pid)
    output = bytearray()
    stop_at: float | None = None
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            waiting.register(ended, selectors.EVENT_READ)
            while True:
                left = clock.left_s if stop_at is None else stop_at - time.monotonic()
                ready = {key.fd for key, _ in waiting.select(max(0.0, left))}
                if pipe in ready and not _take(pipe, output):
                    if stop_at is not None:
                        return bytes(output[:cap]), None
                    waiting.unregister(pipe)  # it may close its output and still work on
                if len(output) > cap:
                    return bytes(output[:cap]), f"Stopped: it printed more than {_size(cap)}."
                if ended in ready:
                    waiting.unregister(ended)
                    if pipe not in waiting.get_map():
                        return bytes(output), None
                    stop_at = time.monotonic() + LINGER_S
                elif stop_at is not None and time.monotonic() >= stop_at:
                    return bytes(output), None
                elif not ready and clock.left_s <= 0:
                    return bytes(output), clock.sentence
    finally:
        os.close(ended)


def _take(pipe: int, output: bytearray) -> bool:
    """Reads what is there; False at the end of the output."""
    try:
        piece = os.read(pipe, PIECE)
    except BlockingIOError:
        return True
    output += piece
    return bool(piece)


def _limit_hit(before: Counters, code: int, limits: dict[str, Any]) -> str | None:
    now = read_counters()
    if now.memory_kills > before.memory_kills:
        return f"Stopped: it used more than {limits['memory_mb']} MB of memory."
    if now.process_refusals > before.process_refusals:
        return f"Stopped: it started more than {limits['processes']} processes."
    if code in {-signal.SIGXFSZ, 128 + signal.SIGXFSZ}:
        return f"Stopped: it wrote more than {limits['disk_mb']} MB."
    return None


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:g} MB" if count >= 1024 * 1024 else f"{count // 1024} KB"


def run_shell_task(link: Link, task: dict[str, Any], work: Path, clock: WorkClock) -> None:
    """A task of kind `shell`: one command, once."""
    command = task["instructions"]
    try:
        link.request("begin_step", index=0, tool="shell", arguments={"command": command})
    except Refused as refusal:
        if refusal.kind != "denied":
            raise
        link.request("finish", state="failed", result="", reason=str(refusal), files=[])
        return
    ran = run_command(command, work, task["limits"], clock)
    link.request("end_step", index=0, result=f"exit code {ran.code}")
    reason = ran.limit
    if reason is None and ran.code != 0:
        reason = f"It ended with exit code {ran.code}."
    link.request(
        "finish", state="failed" if reason else "done", result=ran.output, reason=reason,
        files=left_in(work / OUT) if task.get("is_quiet") else [], code=ran.code,
    )  # fmt: skip


def left_in(folder: Path) -> list[str]:
    """What a quiet task hands over: the plain files that its command left in `out`."""
    try:
        names = sorted(e.name for e in os.scandir(folder) if e.is_file(follow_symlinks=False))
    except OSError:
        return []
    return [f"{folder.name}/{name}" for name in names[:OUT_CAP] if name.isprintable()]
