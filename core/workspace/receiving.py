"""Files that the owner sends and files that the owner deletes, as commits of their own.

What is received goes below `received/` under a free name; the same content under the same name is
kept once, so a fetch that is repeated after a crash changes nothing. It is not what /undo takes
back by itself: that is for changes. A deletion is, until its former content is pruned. Both block.
"""

from __future__ import annotations

import glob
import hashlib
import secrets
import shutil
import tempfile
import unicodedata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.workspace import paths
from core.workspace.types import RECEIVED, THE_OWNER, Change, Changes, FileState

if TYPE_CHECKING:
    from core.workspace.store import OwnerFiles

FOLDER = "received"
TRIES = 1000
SPARE_BYTES = 200 * 1024 * 1024


def receive(files: OwnerFiles, source: Path, name: str) -> str:
    """Takes a copy of `source` in; returns its path.

    Raises `Retryable` while others hold the files, `UserFacing` when it cannot be kept.
    """
    size = source.stat().st_size
    check_room(files.folder, size)
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        with source.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        state = FileState(size=size, sha256=digest)
        path, is_there = _place(files, _fitting(name), state)
        if not is_there:
            shutil.copyfile(source, Path(folder) / digest)
            changes = Changes(items=(Change(path=path, before=None, after=state),))
            files.commit(
                f"received-{secrets.token_hex(8)}", RECEIVED, changes=changes,
                staging=Path(folder), expect=changes.digests(),
            )  # fmt: skip
    return path


def check_room(folder: Path, size: int) -> None:
    """Refuses what would fill the disk; some room is left for everything else."""
    if shutil.disk_usage(folder).free < size + SPARE_BYTES:
        raise UserFacing(
            "The disk of this machine is almost full, so I did not take the file.",
            "Make room there, then send it again.",
        )


def delete(files: OwnerFiles, path: str, expected: FileState, *, commit_id: str) -> None:
    """Deletes the one file, if it still is what the owner was shown; the same id does it once."""
    if files.is_done(commit_id):
        return
    changes = Changes(items=(Change(path=path, before=expected, after=None),))
    with tempfile.TemporaryDirectory() as nothing:
        files.commit(
            commit_id, THE_OWNER, changes=changes, staging=Path(nothing),
            expect=changes.digests(),
        )  # fmt: skip


def state_of(files: OwnerFiles, path: str) -> FileState | None:
    """What the file holds now; None when there is none."""
    paths.checked(path)
    return files.states([glob.escape(path)]).get(path)


def _place(files: OwnerFiles, name: str, state: FileState) -> tuple[str, bool]:
    """The path for a new file, and whether it is there already."""
    known = {entry.path: entry.size for entry in files.list(f"{FOLDER}/*")}
    plain = PurePosixPath(name)
    for number in range(1, TRIES):
        numbered = name if number == 1 else f"{plain.stem} ({number}){plain.suffix}"
        path = f"{FOLDER}/{numbered}"
        if path not in known:
            return path, False
        if known[path] == state.size and state_of(files, path) == state:
            return path, True
    raise UserFacing(f"There are too many files called {paths.shown(name)}.")


def _fitting(name: str) -> str:
    """The name as a workspace takes it."""
    kept = unicodedata.normalize("NFC", name).strip()
    if paths.refusal(f"{FOLDER}/{kept}") is None and "/" not in kept:
        return kept
    suffix = PurePosixPath(kept).suffix
    return (
        f"file{suffix}" if suffix.isascii() and paths.refusal(f"file{suffix}") is None else "file"
    )
