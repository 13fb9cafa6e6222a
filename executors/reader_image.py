"""What the reader's image needs beyond our own code: its libraries, pinned by hash.

They are laid out on this machine, from wheels only, and copied into the image: building it needs no
network and runs no code of theirs. The index is whatever pip is set up to use here.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import TYPE_CHECKING

from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOCK = "executors/reader/requirements.lock"
WITHIN_S = 600
PYTHON = "3.11"


def fetch_reader(root: Path, extras: Path, say: Callable[[str], None]) -> None:
    """Fills `extras/site` with the libraries. `UserFacing` says why it cannot."""
    say("image: fetching the reader's libraries")
    machine = platform.machine()
    platforms = [
        f"manylinux_2_28_{machine}",
        f"manylinux2014_{machine}",
        f"manylinux_2_17_{machine}",
    ]
    if machine == "x86_64":
        platforms.append("manylinux_2_26_x86_64")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile",
        "--python-version", PYTHON, "--implementation", "cp", "--target", str(extras / "site"),
        *(f"--platform={name}" for name in platforms), "-r", str(root / LOCK),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - pip of this very Python
            command, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserFacing("The reader's libraries could not be fetched in time.") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise UserFacing(f"The reader's libraries could not be fetched: {last[:300]}")
