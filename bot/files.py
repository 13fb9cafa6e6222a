"""Documents that the owner sends: noted at once, fetched in the background, kept at home.

A file is fetched once. Until then the message it came with waits (a minute at most), so that a task
gets the file and not its promise. Telegram gives bots files of up to 20 MB; a bigger one is refused
with a clear sentence. One that the disk does not take fails by itself, and one that cannot be had
now is tried again later, each time after a longer pause; the others go on. An archive is checked
once it is here, and deleted if it is refused. What is no speech and no sticker also goes among the
owner's files, below `received/`.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.archives import check_archive, is_archive
from bot.disk import disk_trouble
from bot.route import Route
from bot.telegram_api import InDoubt, Refused, Unsent
from bot.texts import FILE_TOO_BIG
from core.errors import UserFacing
from core.sql import load_queries
from core.wake import Wake, again_on_failure
from core.workspace.receiving import check_room, receive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bot.outbox_store import OutboxStore
    from bot.telegram_api import TelegramApi
    from bot.updates import Message, SentFile
    from core.db import Database, Row, Session
    from core.workspace import OwnerFiles

log = logging.getLogger(__name__)
SQL = load_queries(__package__ or "bot")

MAX_BYTES = 20 * 1024 * 1024
LOOK_EVERY_S = 10.0
FIRST_PAUSE_S, LAST_PAUSE_S = 2.0, 300.0
NOT_KEPT = frozenset({"sticker", "voice", "video_note"})


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file of the owner.

    `path` is None until it was fetched, `error` says why it never will be.
    """

    id: int
    name: str
    path: str | None
    error: str | None


def too_big(sent: SentFile) -> str:
    """The sentence for a file beyond the Bot API's limit."""
    return FILE_TOO_BIG.format(name=sent.name, size=round(sent.size / 1024 / 1024))


class FileStore:
    """The owner's files in Postgres."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, session: Session, message: Message, *, error: str | None) -> int:
        """Notes the file of `message`; returns its number."""
        sent = message.file
        assert sent is not None  # noqa: S101 - the caller looked
        number: int = await session.fetchval(
            SQL["add_file"], message.sender.chat_id, message.message_id, sent.file_id, sent.name,
            sent.mime, sent.size, error, sent.kind,
        )  # fmt: skip
        return number

    async def of_message(
        self, session: Session, chat_id: int, telegram_id: int
    ) -> tuple[StoredFile, ...]:
        """The files that came with a message."""
        rows = await session.fetch(SQL["files_of_message"], chat_id, telegram_id)
        return tuple(StoredFile(**row) for row in rows)


class Later:
    """Which files are not to be tried yet; each pause is twice the one before, up to a bound.

    It is forgotten with the process: after a restart each is tried at once. `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}
        self._pauses: dict[int, float] = {}

    def hold(self, number: int, *, at_least_s: float) -> float:
        """Not before some seconds from now, which are returned."""
        doubled = min(2 * self._pauses.get(number, FIRST_PAUSE_S / 2), LAST_PAUSE_S)
        self._pauses[number] = doubled
        pause_s = max(doubled, at_least_s)
        self._until[number] = self._clock() + pause_s
        return pause_s

    def held(self) -> list[int]:
        """Those whose time has not come."""
        now = self._clock()
        return [number for number, until in self._until.items() if until > now]

    def next_s(self, most_s: float) -> float:
        """Seconds until the time of one of them comes, at most `most_s`."""
        now = self._clock()
        return min([most_s, *(until - now for until in self._until.values() if until > now)])

    def drop(self, number: int) -> None:
        """It needs no pause any more."""
        self._until.pop(number, None)
        self._pauses.pop(number, None)


class Fetcher:
    """Fetches what was noted. Run `step` forever. `on_fetched` hears of chat, number and path."""

    on_fetched: Callable[[int, int, Path], Awaitable[None]] | None = None
    owner_files: OwnerFiles | None = None

    def __init__(
        self, *, database: Database, api: TelegramApi, store: OutboxStore, folder: Path,
        wake_lane: Callable[[int], None], wake_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        self._db = database
        self._api = api
        self._store = store
        self._folder = folder
        self._wake_lane = wake_lane
        self._wake_outbox = wake_outbox
        self._news = Wake(LOOK_EVERY_S)
        self._later = Later()

    def wake(self) -> None:
        """There is a file to fetch."""
        self._news.set()

    async def step(self) -> None:
        """Fetches all that can be had now. Raises `Retryable` while Postgres is away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._later.next_s(LOOK_EVERY_S)):
                await self._news.wait()
        with again_on_failure(self._news):
            while rows := await self._db.fetch(SQL["files_to_fetch"], self._later.held()):
                for row in rows:
                    await self._try(row)

    async def _try(self, row: Row) -> None:
        """Fetches one file; what Telegram does not give now waits, and holds up no other."""
        try:
            await self._fetch(row)
        except (Unsent, InDoubt) as error:
            pause_s = self._later.hold(row["id"], at_least_s=error.after_s)
            log.warning(
                "a file could not be fetched, again in %.0f s: %s", pause_s, error,
                extra={"file": row["id"]},
            )  # fmt: skip
        else:
            self._later.drop(row["id"])

    async def _fetch(self, row: Row) -> None:
        """Fetches and checks one file; a cancelled check ends by itself and leaves nothing."""
        number, chat_id, name = row["id"], row["chat_id"], row["name"]
        target = self._folder / str(number) / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(check_room, self._folder, row["size"])
            size = await self._api.download(row["file_id"], target, cap=MAX_BYTES)
            if is_archive(name):
                await asyncio.to_thread(check_archive, target)
            kept_as = await self._keep(target, row)
        except Refused as error:
            await self._failed(number, chat_id, _not_fetched(name, str(error)))
        except (UserFacing, OSError) as error:
            why = error if isinstance(error, UserFacing) else disk_trouble(name, error)
            await asyncio.to_thread(shutil.rmtree, target.parent, ignore_errors=True)
            await self._failed(number, chat_id, why.sentence())
        else:
            await self._db.execute(SQL["file_fetched"], number, str(target), size, kept_as)
            if self.on_fetched is not None:
                await self.on_fetched(chat_id, number, target)
        self._wake_lane(chat_id)

    async def _keep(self, target: Path, row: Row) -> str | None:
        """The path of its copy among the owner's files; None for what does not belong there."""
        if self.owner_files is None or row["kind"] in NOT_KEPT:
            return None
        return await asyncio.to_thread(receive, self.owner_files, target, row["name"])

    async def _failed(self, number: int, chat_id: int, text: str) -> None:
        route = Route()
        async with self._db.transaction() as session:
            route.session = session
            await session.execute(SQL["file_failed"], number, text)
            await route.say(self._store, chat_id, text)
        self._wake_outbox()


def _not_fetched(name: str, reason: str) -> str:
    if "too big" in reason.lower():
        return f"{name} is too big. Bots can receive files of up to 20 MB."
    return f"I could not fetch {name}: {reason}"
