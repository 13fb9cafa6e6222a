"""Copies the owner's files for a task, and takes its changes out of the container's folder.

Threat: the container's folder may hold anything and change while it is read. Each file is read
once, into a private folder, and hashed on the way: what is approved is what was staged, whatever
the container does afterwards. A base file counts as deleted only if it was looked for and missing,
never because something on its path was refused. Copies are real: a hard link would let the
container write into the owner's file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.workspace import folder, paths
from core.workspace.diff import size_text
from core.workspace.types import Bounds, Change, Changes, Copied, FileState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from core.workspace.folder import Found
    from core.workspace.types import Refused

OWNER_ENTRIES = 100_000
TOLD_CAP = 100
_PARTIAL = ".part"


@dataclass(kw_only=True, slots=True)
class _Tally:
    """How much was taken, and what was not."""

    bounds: Bounds
    files: int = 0
    size: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def room(self, status: os.stat_result | None) -> int:
        """Bytes that may still be read; raises UserFacing if the file cannot be taken."""
        left = self.bounds.max_bytes - self.size
        if self.files >= self.bounds.max_files:
            raise UserFacing(f"there are more than {self.bounds.max_files:,} files")
        if status is not None and status.st_size > left:
            raise UserFacing(f"it is too large: {size_text(self.bounds.max_bytes)} are allowed")
        return left

    def count(self, state: FileState) -> None:
        self.files += 1
        self.size += state.size

    def told(self) -> Refused:
        """What was refused, for a person: the first ones, and how many more."""
        items = [(paths.shown(path), why) for path, why in self.refused.items()]
        more = len(items) - TOLD_CAP
        return (*items[:TOLD_CAP], *([("…", f"{more:,} more")] if more > 0 else []))

    def covers(self, path: str) -> bool:
        """Whether the path or a folder above it was refused, so that nothing is known of it."""
        parts = path.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return "" in self.refused or any(part in self.refused for part in above)


def copy_in(
    source: int,
    target: Path,
    *,
    globs: Sequence[str],
    owner_ids: tuple[int, int],
    bounds: Bounds,
) -> Copied:
    """Copies what the globs match from the open folder `source` to `target`, for `owner_ids`."""
    base: dict[str, FileState] = {}
    tally = _Tally(bounds=bounds)
    _make_private(target, owner_ids)
    with folder.closing(folder.open_root(target)) as inner:
        for found in wanted(source, globs):
            if paths.matches(found.path, bounds.without):
                continue
            try:
                base[found.path] = _give(found, inner, tally, owner_ids=owner_ids)
            except (UserFacing, OSError) as error:
                tally.refused[found.path] = _reason(error)
    return Copied(base=base, left_out=tally.told())


def wanted(source: int, globs: Sequence[str]) -> Iterator[Found]:
    """The owner's files that match, and what is refused on the way to one."""
    for found in folder.walk(source, entries=OWNER_ENTRIES):
        leads = found.why and any(glob.startswith(f"{found.path}/") for glob in globs)
        if found.why != paths.RESERVED and (
            leads or not found.path or paths.matches(found.path, globs)
        ):
            yield found


def _make_private(target: Path, owner_ids: tuple[int, int]) -> None:
    with suppress(FileExistsError):
        target.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(target, *owner_ids, follow_symlinks=False)


def _give(found: Found, target: int, tally: _Tally, *, owner_ids: tuple[int, int]) -> FileState:
    _accept(found)
    limit = tally.room(found.status)
    with (
        folder.closing(folder.open_file(found.folder, found.name)) as source,
        folder.closing(_make_parents(target, found.path, owner_ids)) as parent,
        folder.closing(os.open(found.name, folder.FRESH, 0o600, dir_fd=parent)) as out,
    ):
        try:
            state = folder.pour(source, out, limit=limit)
        except (UserFacing, OSError):
            os.unlink(found.name, dir_fd=parent)
            raise
        _hand_over(out, owner_ids)
    tally.count(state)
    return state


def _make_parents(target: int, path: str, owner_ids: tuple[int, int]) -> int:
    here = os.dup(target)
    for part in path.split("/")[:-1]:
        with folder.closing(here):
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=here)
            here = os.open(part, folder.FOLDER, dir_fd=here)
        _hand_over(here, owner_ids)
    return here


def _hand_over(descriptor: int, owner_ids: tuple[int, int]) -> None:
    if os.geteuid() == 0:
        os.fchown(descriptor, *owner_ids)


def collect(
    target: Path, base: Mapping[str, FileState], *, staging: Path, bounds: Bounds | None = None
) -> Changes:
    """Tells what a task changed in `target` since `base`, and stages it.

    Each content lies in `staging`, a private folder, under its SHA-256.
    """
    staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    tally = _Tally(bounds=bounds or Bounds())
    seen: dict[str, FileState] = {}
    with (
        folder.closing(folder.open_root(target)) as root,
        folder.closing(folder.open_root(staging)) as kept,
    ):
        for found in folder.walk(root, entries=3 * tally.bounds.max_files + len(base)):
            _look(found, kept, tally, base=base, seen=seen)
    gone = [path for path in base if path not in seen and not tally.covers(path)]
    changed = [path for path, state in seen.items() if base.get(path) != state]
    items = (Change(path=p, before=base.get(p), after=seen.get(p)) for p in changed + gone)
    return Changes(items=tuple(sorted(items, key=lambda c: c.path)), refused=tally.told())


def _look(
    found: Found,
    kept: int,
    tally: _Tally,
    *,
    base: Mapping[str, FileState],
    seen: dict[str, FileState],
) -> None:
    try:
        seen[found.path] = _stage(found, kept, tally, known=base.get(found.path))
    except FileNotFoundError:
        return
    except (UserFacing, OSError) as error:
        tally.refused[found.path] = _reason(error)


def _stage(found: Found, kept: int, tally: _Tally, *, known: FileState | None) -> FileState:
    _accept(found)
    with folder.closing(folder.open_file(found.folder, found.name)) as source:
        status = os.fstat(source)
        if status.st_nlink != 1:
            raise UserFacing("it has more than one name (a hard link)")
        if known and status.st_size == known.size:
            state = folder.pour(source, None, limit=known.size)
            if state == known:
                return state
            os.lseek(source, 0, os.SEEK_SET)
        state = _keep(source, kept, limit=tally.room(status))
    if state != known:
        tally.count(state)
    return state


def _keep(source: int, kept: int, *, limit: int) -> FileState:
    with suppress(FileNotFoundError):
        os.unlink(_PARTIAL, dir_fd=kept)
    with folder.closing(os.open(_PARTIAL, folder.FRESH, 0o600, dir_fd=kept)) as out:
        state = folder.pour(source, out, limit=limit)
        os.fsync(out)
    os.rename(_PARTIAL, state.sha256, src_dir_fd=kept, dst_dir_fd=kept)
    return state


def _accept(found: Found) -> None:
    if found.why:
        raise UserFacing(found.why)


def _reason(error: UserFacing | OSError) -> str:
    return error.text if isinstance(error, UserFacing) else f"{error.strerror}"
