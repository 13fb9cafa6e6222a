"""A skill's files on their way into a container: read by digest, put where nobody there can write.

    HOME/skill_cargo/SHA256 ──► slot's socket folder/skill ──► /run/agentai/skill, read-only

Threat: a file changes on its way, a path leads out of the folder, or the task changes what it runs
next. So every byte is checked against the digest in the task's order, every component of a path is
opened without following links, and the folder is one that the container sees read-only. Blocks.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.workspace import folder, paths
from executors.slots import put_file

if TYPE_CHECKING:
    from pathlib import Path

    from core.skill_orders import OrderFile, SkillOrder

NAME = "skill"
FILE_MODE, FOLDER_MODE = 0o444, 0o755
FILE_CAP = 5 * 1024 * 1024


def give_files(order: SkillOrder, cargo: Path, sock: Path) -> None:
    """Puts the skill's files into the open slot; again after a restart, with the same outcome.

    Raises UserFacing when one is missing or not what the order says.
    """
    with folder.closing(folder.open_root(sock)) as above:
        with suppress(FileExistsError):
            os.mkdir(NAME, FOLDER_MODE, dir_fd=above)
        with folder.closing(os.open(NAME, folder.FOLDER, dir_fd=above)) as root:
            os.fchmod(root, FOLDER_MODE)
            for file in order.files:
                _put(root, file, _content(cargo, file))


def _content(cargo: Path, file: OrderFile) -> bytes:
    path = paths.checked(file.path)
    try:
        descriptor = os.open(cargo / file.sha256, folder.FILE)
        with open(descriptor, "rb") as source:  # noqa: PTH123 - a descriptor
            content = source.read(FILE_CAP + 1)
    except OSError as error:
        raise UserFacing(f"the skill's file {paths.shown(path)} is missing") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise UserFacing(f"the skill's file {paths.shown(path)} is not what it was")
    return content


def _put(root: int, file: OrderFile, content: bytes) -> None:
    with folder.closing(folder.open_parent(root, file.path, is_made=True)) as parent:
        put_file(parent, file.path.rsplit("/", 1)[-1], content, mode=FILE_MODE)
