"""The worker: the only program of ours inside a task's container.

It connects to the host's socket, waits for its task, works on it, reports, and exits. It is
untrusted: whatever it says is checked by the host, and all it holds is the task. Everything it
needs is imported before it connects, so that a warm worker starts its first command within
milliseconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":  # run as a file in isolated mode: our packages are three folders up
    sys.path[0:0] = [str(Path(__file__).resolve().parents[2])]

from executors.worker.agent import run_agent
from executors.worker.clock import WorkClock
from executors.worker.command import run_shell_task
from executors.worker.link import Gone, Link, Refused

SOCKET = os.environ.get("AGENTAI_SOCKET", "/run/agentai/host.sock")
WORK = Path(os.environ.get("AGENTAI_WORK", "/work"))


def main() -> int:
    """Works on one task; 0 when its end was reported."""
    link = Link(SOCKET)
    try:
        task = link.wait_for_task()
        clock = WorkClock(task["limits"]["time_s"])
        run = run_shell_task if task["kind"] == "shell" else run_agent
        run(link, task, WORK, clock)
    except (Gone, Refused) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
