"""The journal of a commit, and what a crash leaves of it.

(no journal)   nothing was begun; the folder of the commit is swept away
preparing      former contents and new ones are being copied; the owner's files are untouched
applying       everything is copied and on disk; from here on a crash is finished forwards
withdrawn      applying failed; from here on a crash is finished backwards
done           all files are in place; kept for `/undo` until pruned

versions/lock                  one process at a time
versions/COMMIT/journal.json   replaced by rename, so that it is whole at all times
versions/COMMIT/old/SHA256     what the files held before
FOLDER/.agentai-COMMIT/N       what change N will put in place, on the same disk
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from core.errors import Bug, Retryable
from core.workspace.types import Change, state_from_json, state_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

State = Literal["preparing", "applying", "withdrawn", "done"]

PATIENCE_S = 30.0
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Journal:
    """One commit; `number` orders commits, `at` is seconds since the epoch.

    `modes` are those of the former files, `made` the folders that the commit creates, `emptied`
    those that it removes if nothing is left in them.
    """

    commit_id: str
    number: int
    task: int
    at: float
    changes: tuple[Change, ...]
    state: State = "preparing"
    undoes: str = ""
    modes: Mapping[str, int] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()

    @property
    def work(self) -> str:
        """The name of the commit's own folder among the owner's files."""
        return f".agentai-{self.commit_id}"

    def moved(self, state: State) -> Journal:
        """The same commit in another state."""
        return replace(self, state=state)

    def to_json(self) -> str:
        """The journal as text."""
        fields = {name: getattr(self, name) for name in _PLAIN}
        changes = [[c.path, state_to_json(c.before), state_to_json(c.after)] for c in self.changes]
        return json.dumps({**fields, "modes": dict(self.modes), "changes": changes})

    @classmethod
    def from_json(cls, text: str) -> Journal:
        """Reads what `to_json` wrote; raises Bug for anything else."""
        try:
            found = json.loads(text)
            found["changes"] = tuple(
                Change(path=path, before=state_from_json(before), after=state_from_json(after))
                for path, before, after in found["changes"]
            )
            found["made"], found["emptied"] = tuple(found["made"]), tuple(found["emptied"])
            journal = cls(**found)
        except (ValueError, KeyError, TypeError) as error:
            raise Bug("the journal of a commit cannot be read") from error
        if journal.state not in get_args(State):
            raise Bug("the journal of a commit is in no known state")
        return journal


_PLAIN = ("commit_id", "number", "task", "at", "state", "undoes", "made", "emptied")


class Journals:
    """All journals below one private folder; who waits for it is patient for `patience_s`."""

    def __init__(self, versions: Path, *, patience_s: float = PATIENCE_S) -> None:
        self.versions = versions
        self._patience_s = patience_s

    @contextmanager
    def lock(self, *, is_shared: bool = False, patience_s: float | None = None) -> Iterator[None]:
        """Holds the folder; the kernel lets go for a dead process.

        Retryable after `patience_s`, else after that of the folder.
        """
        self.versions.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.versions / "lock").open("ab") as file:
            mode = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
            _lock(file.fileno(), mode, self._patience_s if patience_s is None else patience_s)
            yield

    def home(self, commit_id: str) -> Path:
        """The folder of a commit; raises Bug if the id is no plain word."""
        if not _ID.fullmatch(commit_id):
            raise Bug("a commit's id has 1 to 64 letters, digits, `-` or `_`")
        return self.versions / commit_id

    def kept(self, commit_id: str) -> Path:
        """The folder of the former contents of a commit, each under its SHA-256."""
        return self.home(commit_id) / "old"

    def all(self) -> list[Journal]:
        """All commits, oldest first; those without a journal were never begun."""
        files = self.versions.glob("*/journal.json")
        return sorted((Journal.from_json(f.read_text()) for f in files), key=lambda j: j.number)

    def begin(self, journal: Journal) -> Journal:
        """Makes the folder of a commit and writes its first journal."""
        self.kept(journal.commit_id).mkdir(mode=0o700, parents=True)
        return self.write(journal)

    def write(self, journal: Journal) -> Journal:
        """Puts the journal on disk; after a crash it is the former or this one."""
        home = self.home(journal.commit_id)
        fresh = home / "journal.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(journal.to_json())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(home / "journal.json")
        for folder in (home, self.versions):
            sync(folder)
        return journal

    def drop(self, commit_id: str) -> None:
        """Forgets a commit; the journal goes first, so that a crash leaves nothing half."""
        home = self.home(commit_id)
        (home / "journal.json").unlink(missing_ok=True)
        shutil.rmtree(home)
        sync(self.versions)

    def sweep(self) -> None:
        """Removes the folders of commits that were never begun or are half forgotten."""
        for home in self.versions.iterdir():
            if home.is_dir() and not (home / "journal.json").exists():
                shutil.rmtree(home)

    def size(self, commit_id: str) -> int:
        """Bytes that the former contents of a commit take."""
        return sum(file.stat().st_size for file in self.kept(commit_id).iterdir())


def sync(folder: Path) -> None:
    """Makes renames in the folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, mode: int, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise Retryable("the files are being changed by another process") from error
            time.sleep(0.02)
        else:
            return
