"""An answer begins its own sending in its commit, and is sent once whatever happens then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from bot.delivery import TextPayload
from bot.outbox import Outbox
from bot.outbox_store import OutboxStore, Outgoing
from bot.pacing import Pacer
from bot.telegram_api import TelegramApi
from core.db import Database, Session
from core.errors import Retryable
from core.migrate import migrate
from core.spawn import forever, held
from playground.server import PlaygroundServer
from tests.support.world import OWNER, TOKEN


class Desk:
    """An outbox whose lane runs when the test says so."""

    def __init__(self, database: Database, telegram: PlaygroundServer) -> None:
        self.database = database
        self.telegram = telegram
        self.api = TelegramApi(TOKEN, telegram.api_url)
        self.start()

    def start(self) -> None:
        """As a new process would."""
        self.store = OutboxStore(self.database)
        self.outbox = Outbox(store=self.store, api=self.api, pacer=Pacer())

    async def states(self) -> list[str]:
        return [
            r["state"] for r in await self.database.fetch("select state from outbox order by id")
        ]

    async def sent(self, count: int) -> list[str]:
        """Runs whole steps until so many messages stand in the chat and are noted.

        A step that is cut right after its last commit would leave that send in doubt.
        """
        async with asyncio.timeout(20):
            while (await self.states()).count("sent") < count:
                self.outbox.wake()
                with suppress(Retryable):
                    await self.outbox.step()
        return [m.text for m in self.telegram.bot_messages()]

    async def answer(self, text: str, *, fails: bool = False) -> None:
        """What a turn does with its answer."""
        async with self.outbox.lent() as begin, self.database.transaction() as session:
            await self.store.enqueue(session, OWNER, TextPayload(text=text), method="text")
            await begin(session)
            if fails:
                raise LookupError


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    database = await Database.connect(database_url)
    await migrate(database)
    telegram = PlaygroundServer(token=TOKEN, owner_id=OWNER)
    await telegram.start()
    desk = Desk(database, telegram)
    await desk.answer("first")  # the lane has not looked for doubts yet: it is only queued
    assert await desk.states() == ["queued"]
    assert await desk.sent(1) == ["first"]
    yield desk
    await desk.api.hang_up()
    await telegram.stop()
    await database.close()


async def test_an_answer_is_begun_in_its_own_commit_and_sent_once(desk: Desk) -> None:
    await desk.answer("second")
    assert await desk.states() == ["sent", "sending"]
    assert await desk.sent(2) == ["first", "second"]


async def test_what_was_queued_before_goes_first(desk: Desk) -> None:
    async with desk.database.transaction() as session:
        await desk.store.enqueue(session, OWNER, TextPayload(text="older"), method="text")
    await desk.answer("newer")
    assert await desk.states() == ["sent", "sending", "queued"]
    assert await desk.sent(3) == ["first", "older", "newer"]


async def test_a_second_answer_waits_until_the_first_is_out(desk: Desk) -> None:
    await desk.answer("second")
    await desk.answer("third")
    assert await desk.states() == ["sent", "sending", "queued"]
    assert await desk.sent(3) == ["first", "second", "third"]


async def test_a_failed_commit_sends_nothing_and_holds_nothing_up(desk: Desk) -> None:
    with pytest.raises(LookupError):
        await desk.answer("never", fails=True)
    assert await desk.states() == ["sent"]
    await desk.answer("second")
    assert await desk.sent(2) == ["first", "second"]


async def test_a_process_that_dies_after_the_commit_leaves_nothing_unsent(desk: Desk) -> None:
    await desk.answer("second")
    desk.start()
    await desk.store.load()
    assert await desk.sent(2) == ["first", "second"]


class Forgetful(OutboxStore):
    """Postgres begins a send, and the answer that says so is lost once."""

    is_heard = False

    async def take_next(self, session: Session | None = None) -> Outgoing | None:
        row = await super().take_next(session)
        if row is not None and not self.is_heard:
            self.is_heard = True
            raise Retryable("the connection broke", 0.0)
        return row


async def test_a_send_whose_beginning_was_not_heard_of_is_made_once(desk: Desk) -> None:
    desk.store = Forgetful(desk.database)
    desk.outbox = Outbox(store=desk.store, api=desk.api, pacer=Pacer())
    await desk.answer("second")  # queued: a new outbox looks for doubts first
    assert await desk.states() == ["sent", "queued"]
    assert await desk.sent(2) == ["first", "second"]


async def test_nothing_is_taken_while_an_answer_is_being_committed(desk: Desk) -> None:
    lane = held(forever(desk.outbox.step, name="outbox"), name="outbox")
    async with lane, desk.outbox.lent() as begin:
        async with desk.database.transaction() as session:
            await desk.store.enqueue(session, OWNER, TextPayload(text="other"), method="text")
        desk.outbox.wake()
        async with desk.database.transaction() as session:
            await desk.store.enqueue(session, OWNER, TextPayload(text="mine"), method="text")
            assert await desk.states() == ["sent", "queued"]
            await begin(session)
    assert await desk.sent(3) == ["first", "other", "mine"]
