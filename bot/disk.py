"""What the owner reads when this machine's disk does not take something. Pure."""

from __future__ import annotations

import errno

from core.errors import UserFacing

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
BARRED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def disk_trouble(what: str, error: OSError) -> UserFacing:
    """Why `what` could not be kept, and what to do; raises `error` again when no disk is meant."""
    if error.errno is None:  # a timeout or a lost connection comes as an OSError, too
        raise error
    if error.errno in FULL:
        return UserFacing(
            f"I could not keep {what}: the disk of the machine I run on is full.",
            "Make room there, then send it again.",
        )
    if error.errno in BARRED:
        return UserFacing(
            f"I could not keep {what}: I may not write to my folder on the machine I run on.",
            "`agentai doctor` on that machine says more. Then send it again.",
        )
    return UserFacing(
        f"I could not keep {what}: the disk of the machine I run on failed ({error.strerror}).",
        "Please send it again. If that fails too, `agentai doctor` on that machine says more.",
    )
