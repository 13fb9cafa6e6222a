"""What every process of ours does first.

Threat: a crash writes the memory of a process to a file, and with it the instance's key and
whatever secret was open. So no process of ours leaves a core file, nor does any child of one.
Where the kernel pipes cores to a program, that program sees the limit and decides.
"""

from __future__ import annotations

import resource


def forbid_core_dumps() -> None:
    """Sets the limit for core files to 0, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
