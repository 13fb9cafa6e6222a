"""What becomes of a task whose container is gone when its host comes back. Pure, table-tested.

A step is written down before its tool runs. So: nothing written means that nothing ran, and the
task may simply start again. An agent's task with its workspace goes on after the last completed
step; the interrupted one is shown to the model as such. A plain command that had begun is never
repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.tasks import Step
    from core.tasks.types import TaskKind

Recovery = Literal["settle", "adopt", "requeue", "resume", "unknown"]


def recover(
    *, kind: TaskKind, steps: Sequence[Step], has_container: bool, has_workspace: bool,
    is_finishing: bool = False,
) -> Recovery:  # fmt: skip
    """The one decision. A task that had finished only waits for its changes to be settled."""
    if is_finishing:
        return "settle"
    if not steps:
        return "requeue"  # also when its container lives: it may not even have been told its task
    if has_container:
        return "adopt"
    if kind == "agent" and has_workspace:
        return "resume"
    return "unknown"
