"""Takes kept updates to where they belong: one transaction each, in order.

The gate comes first. Then commands, presses, replies to tasks and edits are dealt with at once,
whatever the coordinator is doing; an ordinary message becomes pending and wakes the lane. An update
is marked as handled in the same commit as what it caused, so each takes effect exactly once. One
that cannot be handled is marked with its error and told to the owner; it never blocks those behind
it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.disk import disk_trouble
from bot.gate import admits
from bot.route import Route
from bot.updates import Message, Other, Press, split_command
from bot.wire import MalformedUpdate, read_update
from core.errors import Retryable, UserFacing
from core.sql import load_queries
from core.wake import Wake, again_on_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.commands import Commands
    from bot.conversing import Conversing
    from bot.correcting import Correcting
    from bot.facts import Facts
    from bot.inbox import InboxStore
    from bot.ownership import Ownership
    from bot.presses import Presses
    from bot.route import After
    from bot.updates import Update
    from core.db import Database

log = logging.getLogger(__name__)
SQL = load_queries(__package__ or "bot")

LOOK_EVERY_S = 5.0
BATCH = 200
NOT_HANDLED = "I could not handle your last message ({reason}). Please send it again."


class Dispatcher:
    """Run `step` forever; `wake` when updates were kept."""

    def __init__(
        self, *, database: Database, inbox: InboxStore, facts: Facts, ownership: Ownership,
        commands: Commands, presses: Presses, conversing: Conversing, correcting: Correcting,
        after: After,
    ) -> None:  # fmt: skip
        self._db = database
        self._inbox = inbox
        self._facts = facts
        self._ownership = ownership
        self._commands = commands
        self._presses = presses
        self._conversing = conversing
        self._correcting = correcting
        self._after = after
        self._news = Wake(LOOK_EVERY_S)

    def wake(self) -> None:
        """There are updates to handle."""
        self._news.set()

    async def step(self) -> None:
        """Handles all there is.

        Raises `Retryable` while Postgres is away; nothing is skipped by that.
        """
        await self._news.wait()
        with again_on_failure(self._news):
            updates = await self._inbox.waiting(limit=BATCH)
            await self._handle_all(updates)
        if len(updates) == BATCH:
            self._news.set()  # there may be more; what comes meanwhile says so itself

    async def _handle_all(self, updates: Sequence[tuple[int, str]]) -> None:
        routes: list[Route] = []
        try:
            for update_id, payload in updates:
                routes.append(await self._handle(update_id, payload))
        finally:
            self._after.all(routes)  # one wake-up for the whole batch

    async def _handle(self, update_id: int, payload: str) -> Route:
        try:
            return await self._in_one_commit(update_id, read_update(payload))
        except Retryable:
            raise
        except MalformedUpdate as error:
            log.warning("malformed update: %s", error, extra={"update": update_id})
            return await self._give_up(update_id, str(error))
        except OSError as error:  # such as a full disk, which the owner can do something about
            log.exception("an update could not be handled", extra={"update": update_id})
            told = _not_handled(error).sentence()
            return await self._give_up(update_id, type(error).__name__, told=told)
        except Exception as error:  # the update gate: one bad update must not hold up the rest
            log.exception("an update could not be handled", extra={"update": update_id})
            reason = type(error).__name__
            return await self._give_up(update_id, reason, told=NOT_HANDLED.format(reason=reason))

    async def _in_one_commit(self, update_id: int, update: Update) -> Route:
        route = Route()
        if isinstance(update, Press | Message):
            await self._presses.wait_until_noted(update)
        async with self._db.transaction() as session:
            is_light = _is_light(update)
            if await session.fetchval(SQL["mark_handled"], update_id, None, is_light) is None:
                return route
            route.session = session
            await self._route(route, update)
        return route

    async def _route(self, route: Route, update: Update) -> None:
        if isinstance(update, Other):
            return
        owner_id = await self._facts.owner_id()
        if not admits(update.sender, owner_id):
            if isinstance(update, Message) and owner_id is None:
                await self._ownership.try_claim(route, update)
            return
        self._after.saw(update.message_id)
        try:
            await self._route_owner(route, update)
        except UserFacing as error:
            await route.say(self._after.store, update.sender.chat_id, error.sentence())

    async def _route_owner(self, route: Route, update: Message | Press) -> None:
        if isinstance(update, Press):
            await self._presses.handle(route, update)
        elif update.is_edit:
            await self._correcting.edited(route, update)
        elif not update.is_forwarded and (command := split_command(update.text)) is not None:
            await self._commands.handle(route, update, *command)
        else:
            await self._conversing.message(route, update)

    async def _give_up(self, update_id: int, reason: str, *, told: str = "") -> Route:
        route = Route()
        async with self._db.transaction() as session:
            route.session = session
            await session.execute(SQL["mark_handled"], update_id, reason, False)
            owner_id = await self._facts.owner_id()
            if told and owner_id is not None:
                await route.say(self._after.store, owner_id, told)
        return route


def _not_handled(error: OSError) -> UserFacing:
    """What the owner reads when a file or a connection failed while a message was handled."""
    try:
        return disk_trouble("what your last message asked for", error)
    except OSError:
        return UserFacing(NOT_HANDLED.format(reason=type(error).__name__))


def _is_light(update: Update) -> bool:
    """Whether its commit need not wait for the disk: an ordinary message's.

    A crash of Postgres may undo such a commit, but only whole and with all that came after it; the
    update then waits in the inbox again. Whatever leaves this machine waits for a later commit.
    """
    return (
        isinstance(update, Message)
        and not update.is_edit
        and (update.is_forwarded or split_command(update.text) is None)
    )
