"""The owner's files in a folder: listed, copied for tasks, committed to, and restored.

Crash semantics: a commit is wholly there or not at all once `recover` has run, which happens at
start and before every commit (see `core.workspace.history`). A commit with an id that is done is
not done again. One lock serialises processes and threads; everything here blocks.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import Retryable, UserFacing
from core.workspace import apply, folder, paths, snapshot
from core.workspace.history import ASK_AGAIN, History, new_journal, translated
from core.workspace.journal import Journals
from core.workspace.types import Bounds, Entry, UndoResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from core.workspace.journal import Journal
    from core.workspace.types import Changes, Copied, FileState, Recovered

OWNER_WAITS_S = 2.0  # for the lock; other messages wait behind the owner's command
_BUSY = "Your files are being changed right now; try again in a moment."


class OwnerFiles:
    """The owner's `folder`; `versions` is a private folder for journals and former contents."""

    def __init__(
        self, folder: Path, versions: Path, *, owner_waits_s: float = OWNER_WAITS_S
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self._journals = Journals(versions)
        self._history = History(self._journals)
        self.owner_waits_s = owner_waits_s

    def states(self, globs: Sequence[str]) -> dict[str, FileState]:
        """What the matching files hold now."""
        with self._journals.lock(is_shared=True), self._root() as root:
            found = [f.path for f in snapshot.wanted(root, globs) if not f.why]
            states = ((path, apply.state_of(root, path)) for path in found)
            return {path: state for path, state in states if state}

    def list(self, glob: str = "*") -> list[Entry]:
        """The files that match, by path; links and odd names are not among them."""
        with self._root() as root:
            found = [(f.path, f.status) for f in snapshot.wanted(root, [glob]) if not f.why]
        return [_entry(path, status) for path, status in found if status]

    def read(self, path: str, *, cap: int) -> bytes:
        """The content of one file; raises UserFacing if it is no plain file or past `cap` bytes."""
        paths.checked(path)
        with self._root() as root:
            try:
                content = _content(root, path, cap=cap)
            except FileNotFoundError as error:
                raise UserFacing(f"There is no file {paths.shown(path)}.") from error
            except UserFacing as error:
                text = f"{paths.shown(path)} cannot be read: {error.text}."
                raise UserFacing(text, error.hint) from error
        if len(content) > cap:
            raise UserFacing(f"{paths.shown(path)} is too large to read.")
        return content

    def copy_in(
        self,
        globs: Sequence[str],
        target: Path,
        *,
        owner_ids: tuple[int, int],
        bounds: Bounds | None = None,
    ) -> Copied:
        """Copies the matching files for a task; `owner_ids` are the container's (uid, gid)."""
        bounds = bounds or Bounds()
        with self._journals.lock(is_shared=True), self._root() as root:
            return snapshot.copy_in(root, target, globs=globs, owner_ids=owner_ids, bounds=bounds)

    def commit(
        self,
        commit_id: str,
        task: int,
        *,
        changes: Changes,
        staging: Path,
        expect: Mapping[str, str | None],
    ) -> None:
        """Carries out approved changes, all or none; `expect` is `Changes.digests` as approved.

        Raises UserFacing, with nothing changed, if a content or a file is not as it was approved.
        """
        if changes.digests() != dict(expect) or len(expect) != len(changes.items):
            raise UserFacing("The changes are not those that were approved.", ASK_AGAIN)
        for change in changes.items:
            paths.checked(change.path)
        journal = new_journal(commit_id, task, changes.items)
        with self._journals.lock(), self._root() as root:
            self._history.recover(root)
            self._history.commit(root, journal, staging=staging, modes={})

    def is_done(self, commit_id: str) -> bool:
        """Whether a commit of this id was carried out; what was cut off is settled first."""
        with self._journals.lock(), self._root() as root:
            self._history.recover(root)
            return self._history.is_done(commit_id)

    def undo(self, task: int | None = None, *, commit_id: str | None = None) -> UndoResult:
        """Takes back the last commit, of the task if given, that was not taken back yet.

        Repeated, it walks back; there is no way forward again. With a `commit_id` that is done,
        nothing happens again. Raises UserFacing if there is none, a file changed since, or the
        files are being changed for longer than 2 s.
        """
        try:
            done = self._undone(task, commit_id)
        except Retryable as error:
            raise UserFacing(_BUSY) from error
        return UndoResult(
            commit_id=done.commit_id, undone=done.undoes, task=done.task, changes=done.changes
        )

    def _undone(self, task: int | None, commit_id: str | None) -> Journal:
        with self._journals.lock(patience_s=self.owner_waits_s), self._root() as root:
            self._history.recover(root)
            return self._history.undo(root, task, commit_id)

    def recover(self) -> tuple[Recovered, ...]:
        """Finishes what a crash cut off, forwards or backwards; may run any number of times."""
        with self._journals.lock(), self._root() as root:
            return self._history.recover(root, is_strict=False)

    def prune(self, *, days: float = 30, max_bytes: int = 1024**3) -> int:
        """Forgets old commits, which then cannot be undone; returns how many."""
        with self._journals.lock():
            return self._history.prune(days=days, max_bytes=max_bytes)

    @contextmanager
    def _root(self) -> Iterator[int]:
        try:
            with folder.closing(folder.open_root(self.folder)) as root:
                yield root
        except OSError as error:
            raise translated(error) from error


def _entry(path: str, status: os.stat_result) -> Entry:
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return Entry(path=path, size=status.st_size, modified=modified)


def _content(root: int, path: str, *, cap: int) -> bytes:
    pieces: list[bytes] = []
    left = cap + 1
    with (
        folder.closing(folder.open_parent(root, path)) as parent,
        folder.closing(folder.open_file(parent, path.rsplit("/", 1)[-1])) as file,
    ):
        while left > 0 and (piece := os.read(file, left)):
            pieces.append(piece)
            left -= len(piece)
    return b"".join(pieces)
