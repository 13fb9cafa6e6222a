"""The worker: the only program of ours inside a task's container.

It connects to the host's socket, waits for its task, works on it, reports, and exits. It is
untrusted: whatever it says is checked by the host, and all it holds is the task. The relay to the
egress proxy is forked first, while this process is small; everything else is imported before it
connects, so that a warm worker starts its first command within milliseconds.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # run as a file in isolated mode: our packages are three folders up
    sys.path[0:0] = [os.path.realpath(f"{__file__}/../../..")]

from executors.worker.network import HOST_SOCKET
from executors.worker.relay import start_relay


def main() -> int:
    """Works on one task; 0 when its end was reported."""
    port = start_relay()
    if port is None:
        sys.stderr.write("worker: no relay can be started, so commands have no network\n")
    return work_on_task(port)


def work_on_task(port: int | None = None) -> int:
    """The same without a relay, unless there is one at `port`."""
    from pathlib import Path

    from executors.worker import command
    from executors.worker.agent import run_agent
    from executors.worker.clock import WorkClock
    from executors.worker.command import run_shell_task
    from executors.worker.link import Gone, Link, Refused

    link = Link(HOST_SOCKET)
    work = Path(os.environ.get("AGENTAI_WORK", "/work"))
    more = None
    if os.environ.get("AGENTAI_BOX") == "browser" and port is not None:
        from executors.browser.desk import Desk  # this box's image alone holds it

        more = Desk(link, work, port)
    try:
        task = link.wait_for_task()
        clock = WorkClock(task["limits"]["time_s"])
        if task["kind"] == "probe":
            from executors.worker.probe import run_probe_task  # no task needs it

            run_probe_task(link, task)
            return 0
        command.secrets.update({s["name"]: s["token"] for s in task.get("secrets", [])})
        if task["kind"] == "shell":
            run_shell_task(link, task, work, clock)
        else:
            run_agent(link, task, work, clock, more)
    except (Gone, Refused) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 1
    finally:
        if more is not None:
            more.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
