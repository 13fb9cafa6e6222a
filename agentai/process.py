"""Starts child processes that cannot outlive this one.

Standard library only, and cheap to import: the supervisor lives here all day.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The user and group ids that a child runs as; it has no other groups."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A program to run, complete: it inherits no variable and no open file of ours.

    `account` None keeps our own, `umask` -1 too. `death_signal` is what the kernel sends the child
    when we die without a word.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    account: Account | None = None
    death_signal: signal.Signals = signal.SIGKILL
    umask: int = -1


def start(
    command: Command, *, output: int, inherit: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Starts `command` in a session of its own, so that Ctrl-C reaches only us.

    Both output streams go to the descriptor `output`; `inherit` lists further descriptors the child
    keeps. Raises `OSError` when the program cannot be run.
    """
    account = command.account
    return subprocess.Popen(  # noqa: S603 - argv comes from our own code, never through a shell
        command.argv,
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=inherit,
        start_new_session=True,
        umask=command.umask,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_die_with_parent(command.death_signal),
    )


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """What the child does before exec; after the change of user, which would undo it."""
    parent = os.getpid()

    def arrange() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before the request was in place
            os._exit(1)

    return arrange
