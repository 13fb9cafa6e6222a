"""The owner's files in a folder: listed, copied for tasks, committed to, and restored.

Crash semantics: a commit is wholly there or not at all once `recover` has run, which happens at
start and before every commit (see `core.workspace.journal`). A commit with an id that is done is
not done again. One lock serialises processes and threads; everything here blocks.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from core.errors import Bug, Retryable, UserFacing
from core.workspace import apply, folder, paths, snapshot
from core.workspace.journal import Journal, Journals
from core.workspace.types import (
    RECEIVED,
    Bounds,
    Change,
    Changes,
    Entry,
    FileState,
    Recovered,
    UndoResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from core.workspace.types import Copied

OWNER_WAITS_S = 2.0  # for the lock; other messages wait behind the owner's command
_ASK_AGAIN = "Nothing was changed. Ask for the task again."
_BUSY = "Your files are being changed right now; try again in a moment."


class Files(Protocol):
    """Where the owner's files live; a folder now, any S3 perhaps later."""

    def list(self, glob: str = "*") -> list[Entry]:
        """The files that match, by path."""

    def read(self, path: str, *, cap: int) -> bytes:
        """The content of one file, up to `cap` bytes."""

    def commit(
        self,
        commit_id: str,
        task: int,
        *,
        changes: Changes,
        staging: Path,
        expect: Mapping[str, str | None],
    ) -> None:
        """Carries out approved changes, all or none."""

    def undo(self, task: int | None = None, *, commit_id: str | None = None) -> UndoResult:
        """Takes back the last commit that was not taken back yet."""


class OwnerFiles:
    """The owner's `folder`; `versions` is a private folder for journals and former contents."""

    def __init__(self, folder: Path, versions: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self._journals = Journals(versions)

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
            raise UserFacing("The changes are not those that were approved.", _ASK_AGAIN)
        for change in changes.items:
            paths.checked(change.path)
        journal = _journal(commit_id, task, changes.items)
        with self._journals.lock(), self._root() as root:
            self._recover(root)
            self._commit(root, journal, staging=staging, modes={})

    def is_done(self, commit_id: str) -> bool:
        """Whether a commit of this id was carried out; what was cut off is settled first."""
        with self._journals.lock(), self._root() as root:
            self._recover(root)
            known = self._journals.all()
        return any(j.commit_id == commit_id and j.state == "done" for j in known)

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
        with self._journals.lock(patience_s=OWNER_WAITS_S), self._root() as root:
            self._recover(root)
            history = self._journals.all()
            done = next((j for j in history if j.commit_id == commit_id and j.undoes), None)
            return done or self._undo(root, _last(history, task), commit_id)

    def recover(self) -> tuple[Recovered, ...]:
        """Finishes what a crash cut off, forwards or backwards; may run any number of times."""
        with self._journals.lock(), self._root() as root:
            return self._recover(root, is_strict=False)

    def prune(self, *, days: float = 30, max_bytes: int = 1024**3) -> int:
        """Forgets old commits, which then cannot be undone; returns how many."""
        with self._journals.lock():
            done = [j for j in self._journals.all() if j.state == "done"]
            sizes = {j.commit_id: self._journals.size(j.commit_id) for j in done}
            total, count = sum(sizes.values()), 0
            for journal in done:
                if journal.at > time.time() - days * 86_400 and total <= max_bytes:
                    break
                self._journals.drop(journal.commit_id)
                total -= sizes[journal.commit_id]
                count += 1
        return count

    @contextmanager
    def _root(self) -> Iterator[int]:
        try:
            with folder.closing(folder.open_root(self.folder)) as root:
                yield root
        except OSError as error:
            raise _translated(error) from error

    def _place(self, root: int, commit_id: str) -> apply.Place:
        return apply.Place(root=root, kept=self._journals.kept(commit_id))

    def _commit(
        self, root: int, journal: Journal, *, staging: Path, modes: Mapping[str, int]
    ) -> Journal:
        history = self._journals.all()
        if known := next((j for j in history if j.commit_id == journal.commit_id), None):
            if (known.task, known.changes) != (journal.task, journal.changes):
                raise Bug(f"two commits have the id {journal.commit_id}")
            return known
        place = self._place(root, journal.commit_id)
        begun = self._journals.begin(_numbered(journal, history))
        try:
            begun = apply.prepare(place, begun, staging=staging, modes=modes)
            begun = self._journals.write(begun.moved("applying"))
            apply.apply(place, begun, is_strict=True)
        except (UserFacing, OSError) as error:
            self._withdraw(root, begun)
            raise _translated(error) from error
        return self._journals.write(begun.moved("done"))

    def _withdraw(self, root: int, journal: Journal) -> None:
        was_applied = journal.state != "preparing"
        if was_applied:
            journal = self._journals.write(journal.moved("withdrawn"))
        place = self._place(root, journal.commit_id)
        apply.withdraw(place, journal, was_applied=was_applied)
        self._journals.drop(journal.commit_id)

    def _undo(self, root: int, last: Journal, commit_id: str | None) -> Journal:
        fresh = Journal(
            commit_id=commit_id or f"undo-{secrets.token_hex(8)}",
            number=0,
            task=last.task,
            at=time.time(),
            changes=tuple(change.inverse() for change in last.changes),
            undoes=last.commit_id,
            emptied=last.made,
        )
        staging = self._journals.kept(last.commit_id)
        return self._commit(root, fresh, staging=staging, modes=last.modes)

    def _recover(self, root: int, *, is_strict: bool = True) -> tuple[Recovered, ...]:
        self._journals.sweep()
        cut_off = [j for j in self._journals.all() if j.state != "done"]
        recovered = tuple(self._settle(root, journal) for journal in cut_off)
        if is_strict and any(item.outcome == "left" for item in recovered):
            raise UserFacing("An earlier change of your files could not be finished yet.")
        return recovered

    def _settle(self, root: int, journal: Journal) -> Recovered:
        named = Recovered(commit_id=journal.commit_id, task=journal.task, outcome="taken back")
        try:
            if journal.state != "applying":
                self._withdraw(root, journal)
                return named
            place = self._place(root, journal.commit_id)
            kept = apply.apply(place, journal, is_strict=False)
            self._journals.write(journal.moved("done"))
        except OSError:
            return Recovered(commit_id=named.commit_id, task=named.task, outcome="left")
        return Recovered(commit_id=named.commit_id, task=named.task, outcome="finished", kept=kept)


def _journal(commit_id: str, task: int, changes: tuple[Change, ...]) -> Journal:
    """A fresh journal; a folder goes when a new file takes its place."""
    new = {c.path for c in changes if c.kind == "new"}
    emptied = {
        folder
        for c in changes
        if c.kind == "deleted"
        for folder in paths.above(c.path)
        if not new.isdisjoint([folder, *paths.above(folder)])
    }
    return Journal(
        commit_id=commit_id,
        number=0,
        task=task,
        at=time.time(),
        changes=changes,
        emptied=tuple(sorted(emptied)),
    )


def _numbered(journal: Journal, history: Sequence[Journal]) -> Journal:
    return replace(journal, number=history[-1].number + 1 if history else 1)


def _last(history: Sequence[Journal], task: int | None) -> Journal:
    """The newest commit that is no undo and was not undone."""
    over = {journal.undoes for journal in history}
    for journal in reversed(history):
        is_open = not journal.undoes and journal.commit_id not in over and journal.task != RECEIVED
        if is_open and task in {None, journal.task}:
            return journal
    raise UserFacing("There is nothing to undo.")


def _translated(error: UserFacing | OSError) -> UserFacing:
    if isinstance(error, UserFacing):
        return error
    return UserFacing(f"Your files could not be reached: {error.strerror}.", _ASK_AGAIN)


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
