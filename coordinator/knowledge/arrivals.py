"""How documents come in: files sent in the chat, and files that lie in the owner's folder.

Each is copied to our own folder first and then queued in one commit, so that nothing is taken twice
and the owner may delete theirs. Run `chat_step` and `folder_step` forever.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.knowledge.formats import may_read, refuse
from coordinator.knowledge.store import NewDocument
from core.errors import UserFacing
from core.wake import Wake, again_on_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from coordinator.knowledge.ports import Notices
    from coordinator.knowledge.store import Store, Wanted
    from core.db import Database

CHAT_EVERY_S = 30.0
FOLDER_EVERY_S = 15.0
FILES_CAP = 5_000
NAME_CAP = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What tells that a file changed."""

    size: int
    changed_ns: int


class Arrivals:
    """Takes files in. `on_news` is called when there is something to read."""

    def __init__(
        self, *, database: Database, store: Store, notices: Notices, kept: Path, folder: Path,
        on_news: Callable[[], None],
    ) -> None:  # fmt: skip
        self._db = database
        self._store = store
        self._notices = notices
        self._kept = kept
        self._folder = folder
        self._on_news = on_news
        self._fetched = Wake(CHAT_EVERY_S)
        self.folder_every_s = FOLDER_EVERY_S
        self._is_tidy = False
        self._before: dict[str, Stamp] = {}
        self._taken: dict[str, Stamp] = {}

    def wake(self) -> None:
        """A file may have been fetched."""
        self._fetched.set()

    # --- from the chat ---

    async def chat_step(self) -> None:
        """Takes what was fetched. Raises `Retryable` while Postgres is away."""
        if not self._is_tidy:
            await self.tidy()
            self._is_tidy = True
        with again_on_failure(self._fetched):
            while (wanted := await self._store.wanted()) is not None:
                await self._take(wanted)
        await self._fetched.wait()

    async def _take(self, wanted: Wanted) -> None:
        new, text = None, ""
        if wanted.path is not None:  # else the fetcher has told why
            try:
                new = await asyncio.to_thread(
                    self.keep, Path(wanted.path), wanted.name, chat_id=wanted.chat_id
                )
            except UserFacing as error:
                text = error.sentence()
        async with self._db.transaction() as session:
            await self._store.had(session, wanted.file_id)
            if new is not None and await self._store.add(session, new) is None:
                text = f"{wanted.name} is there already, unchanged."
                await asyncio.to_thread(Path(new.path).unlink, missing_ok=True)
            if text:
                await self._notices.say(session, wanted.chat_id, text)
        self._notices.wake()
        self._on_news()

    def keep(self, source: Path, name: str, *, chat_id: int | None = None) -> NewDocument:
        """Copies a file to our folder; made to be called in a thread.

        `UserFacing` says why it cannot become a document.
        """
        name = name.rpartition("/")[2][-NAME_CAP:]
        self._kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            refuse(name, source.stat().st_size)
            target = self._kept / secrets.token_hex(8)
            shutil.copyfile(source, target)
        except OSError as error:
            raise UserFacing(f"{name} cannot be read: {error.strerror}.") from error
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return NewDocument(
            name=name, digest=digest, path=str(target), size=target.stat().st_size,
            source="folder" if chat_id is None else "chat", chat_id=chat_id,
        )  # fmt: skip

    # --- from the folder ---

    async def folder_step(self) -> None:
        """Looks at the folder; what is new or changed and stays so for one look is taken."""
        seen = await asyncio.to_thread(scan, self._folder)
        settled = [
            name for name, stamp in sorted(seen.items())
            if self._before.get(name) == stamp and self._taken.get(name) != stamp
        ]  # fmt: skip
        if settled:
            await self._take_from_folder(settled, seen)
        self._before = seen
        await asyncio.sleep(self.folder_every_s)

    async def _take_from_folder(self, names: list[str], seen: dict[str, Stamp]) -> None:
        left = await self._store.left()
        for name in names:
            try:
                new = await asyncio.to_thread(self.keep, self._folder / name, name)
            except UserFacing:
                self._taken[name] = seen[name]
                continue
            is_new = False
            if left.get(name) != new.digest:
                async with self._db.transaction() as session:
                    is_new = await self._store.add(session, new) is not None
            if not is_new:
                await asyncio.to_thread(Path(new.path).unlink, missing_ok=True)
            self._taken[name] = seen[name]
        self._on_news()

    async def tidy(self) -> None:
        """Deletes copies that no document needs: what a kill left behind. Call it before others."""
        needed = await self._store.paths()
        await asyncio.to_thread(self._drop_all_but, needed)

    def _drop_all_but(self, needed: frozenset[str]) -> None:
        if self._kept.is_dir():
            for path in self._kept.iterdir():
                if str(path) not in needed:
                    path.unlink(missing_ok=True)


def scan(folder: Path) -> dict[str, Stamp]:
    """The documents of a folder: plain files at its top that can be read. No links."""
    found: dict[str, Stamp] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) >= FILES_CAP:
                    break
                if entry.is_file(follow_symlinks=False) and may_read(entry.name):
                    status = entry.stat(follow_symlinks=False)
                    found[entry.name] = Stamp(size=status.st_size, changed_ns=status.st_mtime_ns)
    except OSError:
        return {}
    return found
