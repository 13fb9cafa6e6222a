"""Runs the `git` binary on one bare repository of our own. Blocks.

Threat: git runs programs that settings, hooks and attributes name, and those may come from a folder
that a stranger filled. So the repository is bare and lies outside the skills' folder, nothing of
the user's or the system's settings is read, hooks and network are off, and whatever comes from
outside is data on standard input or an argument behind `--`.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 30.0
_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null",
    "core.quotePath=false", "core.pager=cat", "protocol.allow=never", "gc.auto=0",
    "diff.external=", "commit.gpgSign=false", "init.defaultBranch=main", "init.templateDir=",
)  # fmt: skip


class Git:
    """One bare repository."""

    def __init__(self, repository: Path, program: str = "git") -> None:
        self._repository = repository
        self._program = program

    def init(self) -> None:
        """Makes the repository if it is not there."""
        if not (self._repository / "HEAD").exists():
            self._repository.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.run("init", "--quiet", "--bare", "--", str(self._repository))

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Standard output; `UserFacing` when git refuses, `Retryable` when it does not end."""
        done = self._done(arguments, stdin)
        if done.returncode != 0:
            why = done.stderr.decode(errors="replace").strip()[:300]
            raise UserFacing(f"git {arguments[0]} failed: {why}")
        return done.stdout

    def find(self, *arguments: str) -> str | None:
        """The output as text, or None when git says no."""
        done = self._done(arguments, b"")
        return done.stdout.decode().strip() or None if done.returncode == 0 else None

    def _done(self, arguments: tuple[str, ...], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        settings = (*_SETTINGS, f"safe.directory={self._repository}")
        options = [option for setting in settings for option in ("-c", setting)]
        command = [self._program, "--literal-pathspecs", "--no-pager", *options]
        try:
            return subprocess.run(  # noqa: S603 - a list, no shell; see the top
                [*command, f"--git-dir={self._repository}", *arguments],
                input=stdin, capture_output=True, check=False, timeout=TIMEOUT_S,
                env=self._environment(), cwd=self._repository,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise UserFacing("The program git is not there.", "Install git.") from error
        except subprocess.TimeoutExpired as error:
            raise Retryable("git did not end in time") from error

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._repository),
            "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        }  # fmt: skip
