"""This machine: its Python, the instance's folder and key, and the room on its disk."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from typing import TYPE_CHECKING

from agentai.checks.setting import checked_env
from core.errors import UserFacing

if TYPE_CHECKING:
    from pathlib import Path

ROOM_MB = 1024
OLDEST_PYTHON = (3, 11, 0)


async def python() -> str:
    """The interpreter."""
    found = sys.version_info[:3]
    version = ".".join(str(n) for n in found)
    if found < OLDEST_PYTHON:
        raise UserFacing(f"Python {version} is too old.", "Install Python 3.11 or newer.")
    return version


async def home() -> str:
    """The instance's folder: ours, and closed to others."""
    folder = checked_env().home
    if not folder.is_dir():
        raise _no_folder(folder)
    facts = folder.stat()
    if facts.st_uid != os.geteuid():
        raise UserFacing(f"{folder} belongs to another user.", f"chown -R {os.geteuid()} {folder}")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserFacing(
            f"{folder} cannot be written: {error.strerror}.",
            "Make it writable for this user, or set AGENTAI_HOME to a folder that is.",
        ) from error
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise UserFacing(f"Others may look into {folder}.", f"chmod 700 {folder}")
    return str(folder)


def _no_folder(folder: Path) -> UserFacing:
    if folder.exists():
        return UserFacing(f"{folder} is no folder.", "Set AGENTAI_HOME to a folder.")
    if not os.access(folder.parent, os.W_OK):
        return UserFacing(
            f"{folder} does not exist, and {folder.parent} cannot be written.",
            "Make that folder writable for this user, or set AGENTAI_HOME to another.",
        )
    return UserFacing(f"{folder} does not exist.", "`agentai up` makes it.")


async def secret_key() -> str:
    """The key that seals stored secrets: there, long enough, and readable by nobody else."""
    env = checked_env()
    env.need_secret_key()
    path = env.home / "secret.key"
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UserFacing(f"Others may read {path}.", f"chmod 600 {path}")
    return "is there; keep a copy of it apart from the backups"


async def disk() -> str:
    """Room for the database, files and containers."""
    folder = checked_env().home
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < ROOM_MB:
        raise UserFacing(
            f"Only {free_mb} MB are free at {folder}.", f"Make room: at least {ROOM_MB} MB."
        )
    return f"{free_mb // 1024} GB free"
