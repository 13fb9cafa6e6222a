"""What was done to the owner's files: commits carried out, taken back, finished after a crash.

Every change is written in a journal before it is begun (see `core.workspace.journal`), so a commit
is wholly there or not at all once `recover` has run. The caller holds the lock; all of it blocks.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import Bug, UserFacing
from core.workspace import apply, paths
from core.workspace.journal import Journal
from core.workspace.types import RECEIVED, Recovered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from core.workspace.journal import Journals
    from core.workspace.types import Change

ASK_AGAIN = "Nothing was changed. Ask for the task again."


class History:
    """Over the `journals` of one folder; `root` is that folder, open."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals

    def is_done(self, commit_id: str) -> bool:
        """Whether a commit of this id was carried out."""
        return any(j.commit_id == commit_id and j.state == "done" for j in self._journals.all())

    def commit(
        self, root: int, journal: Journal, *, staging: Path, modes: Mapping[str, int]
    ) -> Journal:
        """Carries out what `journal` says, all or none; once done, its id does nothing again.

        Raises UserFacing, with nothing changed, when the files are not as the changes say.
        """
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
            raise translated(error) from error
        return self._journals.write(begun.moved("done"))

    def undo(self, root: int, task: int | None, commit_id: str | None) -> Journal:
        """Takes back the newest commit, of the task if given, that was not taken back yet.

        With a `commit_id` that is done, nothing happens again.
        """
        history = self._journals.all()
        done = next((j for j in history if j.commit_id == commit_id and j.undoes), None)
        return done or self._undo(root, _last(history, task), commit_id)

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
        return self.commit(root, fresh, staging=staging, modes=last.modes)

    def recover(self, root: int, *, is_strict: bool = True) -> tuple[Recovered, ...]:
        """Finishes what a crash cut off, forwards or backwards; strict: raises for what is left."""
        self._journals.sweep()
        cut_off = [j for j in self._journals.all() if j.state != "done"]
        recovered = tuple(self._settle(root, journal) for journal in cut_off)
        if is_strict and any(item.outcome == "left" for item in recovered):
            raise UserFacing("An earlier change of your files could not be finished yet.")
        return recovered

    def prune(self, *, days: float, max_bytes: int) -> int:
        """Forgets old commits; returns how many."""
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

    def _place(self, root: int, commit_id: str) -> apply.Place:
        return apply.Place(root=root, kept=self._journals.kept(commit_id))

    def _withdraw(self, root: int, journal: Journal) -> None:
        was_applied = journal.state != "preparing"
        if was_applied:
            journal = self._journals.write(journal.moved("withdrawn"))
        place = self._place(root, journal.commit_id)
        apply.withdraw(place, journal, was_applied=was_applied)
        self._journals.drop(journal.commit_id)

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


def new_journal(commit_id: str, task: int, changes: tuple[Change, ...]) -> Journal:
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


def translated(error: UserFacing | OSError) -> UserFacing:
    """What went wrong, for the owner."""
    if isinstance(error, UserFacing):
        return error
    return UserFacing(f"Your files could not be reached: {error.strerror}.", ASK_AGAIN)
