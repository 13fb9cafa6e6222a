"""Messages arrive, in order, once: with a real database and Telegram's faults over the wire."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.delivery import AlbumPayload, DeletePayload, FilePayload, Method, TextPayload
from bot.outbox import Outbox
from bot.outbox_store import OutboxStore
from bot.pacing import Pacer
from bot.telegram_api import TelegramApi
from core.db import Database
from core.migrate import migrate
from core.spawn import forever, held
from playground.server import PlaygroundServer
from tests.support.world import OWNER, TOKEN


class Setting:
    """An outbox that can be started, killed and started again."""

    def __init__(self, database: Database, telegram: PlaygroundServer) -> None:
        self.database = database
        self.telegram = telegram
        self.store = OutboxStore(database)

    async def enqueue(self, *texts: str) -> None:
        async with self.database.transaction() as session:
            for text in texts:
                await self.store.enqueue(session, OWNER, TextPayload(text=text), method="text")

    async def enqueue_deletion(self, message_id: int) -> None:
        payload = DeletePayload(message_id=message_id)
        async with self.database.transaction() as session:
            await self.store.enqueue(session, OWNER, payload, method="delete")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Outbox]:
        api = TelegramApi(TOKEN, self.telegram.api_url)
        self.store = OutboxStore(self.database)
        await self.store.load()
        outbox = Outbox(store=self.store, api=api, pacer=Pacer())
        async with held(forever(outbox.step, name="outbox"), name="outbox"):
            yield outbox
        await api.hang_up()

    def texts(self) -> list[str]:
        return [m.text for m in self.telegram.bot_messages()]


@pytest.fixture
async def setting(database_url: str) -> AsyncIterator[Setting]:
    database = await Database.connect(database_url)
    await migrate(database)
    telegram = PlaygroundServer(token=TOKEN, owner_id=OWNER)
    await telegram.start()
    yield Setting(database, telegram)
    await telegram.stop()
    await database.close()


async def test_messages_arrive_in_order(setting: Setting) -> None:
    await setting.enqueue(*(f"message {n}" for n in range(25)))
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "message 24")
    assert setting.texts() == [f"message {n}" for n in range(25)]


@pytest.mark.parametrize("kind", ["429", "500", "502", "drop_before", "drop_after"])
async def test_whatever_goes_wrong_once_a_message_arrives_exactly_once(
    setting: Setting, kind: str
) -> None:
    setting.telegram.faults.add("sendMessage", kind)  # type: ignore[arg-type]
    await setting.enqueue("first", "second")
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "second")
    assert setting.texts() == ["first", "second"]


async def test_a_send_cut_off_by_a_kill_is_found_and_not_repeated(setting: Setting) -> None:
    setting.telegram.person.send("the owner's message before")
    setting.telegram.faults.add("sendMessage", "hang", seconds=30)
    await setting.enqueue("only once")
    async with setting.running():  # left while the call hangs: the row stays in `sending`
        await until(
            lambda: (
                any(m == "sendMessage" for _, m, _ in setting.telegram.calls)
                or not setting.telegram.faults._planned
            )
        )
    setting.telegram.state.add(OWNER, setting.telegram.state.bot_id, text="only once")
    setting.telegram.person.send("the owner's message after")
    async with setting.running():
        await setting.enqueue("next")
        await setting.telegram.wait_for(lambda m: m.text == "next")
    assert setting.texts() == ["only once", "next"]


async def test_a_send_that_never_arrived_is_repeated(setting: Setting) -> None:
    setting.telegram.faults.add("sendMessage", "drop_before", count=1)
    setting.telegram.faults.add("editMessageText", "502", count=1)
    await setting.enqueue("must arrive")
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "must arrive")
    assert setting.texts() == ["must arrive"]


async def test_a_document_in_doubt_is_found_by_its_caption(setting: Setting) -> None:
    setting.telegram.faults.add("sendDocument", "drop_after")
    file = FilePayload(filename="a.txt", caption="#1 a.txt", content="aGVsbG8=")
    async with setting.database.transaction() as session:
        await setting.store.enqueue(session, OWNER, file, method="file")
    async with setting.running():
        await setting.enqueue("after")
        await setting.telegram.wait_for(lambda m: m.text == "after")
    assert setting.texts() == ["#1 a.txt", "after"]
    document = setting.telegram.bot_messages()[0].document
    assert setting.telegram.state.files[document or ""].content == b"hello"


async def test_a_message_that_telegram_refuses_does_not_block_the_next(setting: Setting) -> None:
    await setting.enqueue("x" * 5000, "next")
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "next")
    row = await setting.database.fetchrow("select error from outbox where state = 'failed'")
    assert row is not None
    assert "too long" in row["error"]


async def test_a_file_that_is_gone_is_told_and_does_not_block_the_next(setting: Setting) -> None:
    file = FilePayload(filename="a.txt", caption="c", path="/nowhere/a.txt")
    async with setting.database.transaction() as session:
        await setting.store.enqueue(session, OWNER, file, method="file")
    await setting.enqueue("next")
    async with setting.running():
        await setting.telegram.wait_for(lambda m: "a.txt is gone" in m.text)
    assert "next" in setting.texts()


async def test_an_edit_of_a_deleted_message_is_sent_as_a_new_one(setting: Setting) -> None:
    async with setting.running() as outbox:
        await setting.enqueue("draft")
        outbox.wake()
        draft = await setting.telegram.wait_for(lambda m: m.text == "draft")
        draft.deleted = True
        await until_sent(setting.database)
        row = await setting.database.fetchrow("select id from outbox")
        assert row is not None
        async with setting.database.transaction() as session:
            await setting.store.enqueue(
                session, OWNER, TextPayload(text="final"), method="edit", edit_of=row["id"]
            )
        outbox.wake()
        await setting.telegram.wait_for(lambda m: m.text == "final")
    assert setting.texts() == ["final"]


@pytest.mark.parametrize("kind", ["429", "502", "drop_before", "drop_after"])
async def test_a_message_with_a_secret_is_deleted_whatever_goes_wrong(
    setting: Setting, kind: str
) -> None:
    secret = setting.telegram.person.send("the secret")
    setting.telegram.faults.add("deleteMessage", kind)  # type: ignore[arg-type]
    await setting.enqueue_deletion(secret)
    await setting.enqueue("next")
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "next")
    assert setting.telegram.state.messages[secret].deleted
    assert setting.texts() == ["next"]


async def test_a_deletion_cut_off_by_a_kill_is_done_afterwards(setting: Setting) -> None:
    secret = setting.telegram.person.send("the secret")
    setting.telegram.faults.add("deleteMessage", "hang", seconds=30)
    await setting.enqueue_deletion(secret)
    async with setting.running():  # left while the call hangs
        await until(lambda: not setting.telegram.faults._planned)
    assert not setting.telegram.state.messages[secret].deleted
    async with setting.running():
        await until_sent(setting.database)
    assert setting.telegram.state.messages[secret].deleted


async def test_a_message_that_is_gone_is_deleted_and_one_that_stays_is_told(
    setting: Setting,
) -> None:
    gone = setting.telegram.person.send("gone")
    setting.telegram.state.messages[gone].deleted = True
    old = setting.telegram.person.send("old")
    setting.telegram.state.messages[old].date -= 3 * 24 * 3600
    await setting.enqueue_deletion(gone)
    await setting.enqueue_deletion(old)
    async with setting.running():
        told = await setting.telegram.wait_for(lambda m: "could not delete your message" in m.text)
    assert "Please delete it yourself" in told.text
    assert len(setting.texts()) == 1


async def until_sent(database: Database) -> None:
    async with asyncio.timeout(10):
        while await database.fetchval("select count(*) from outbox where state <> 'sent'"):
            await asyncio.sleep(0.01)


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


def a_picture(name: str, content: bytes = b"\x89PNG\r\n\x1a\n1") -> FilePayload:
    return FilePayload(
        filename=name, caption=f"#1 {name}", content=base64.b64encode(content).decode()
    )


async def put(setting: Setting, payload: AlbumPayload | FilePayload, method: Method) -> None:
    async with setting.database.transaction() as session:
        await setting.store.enqueue(session, OWNER, payload, method=method, task_no=1)


@pytest.mark.parametrize("kind", ["429", "500", "502", "drop_before", "drop_after"])
async def test_an_album_arrives_exactly_once_and_so_does_what_follows(
    setting: Setting, kind: str
) -> None:
    setting.telegram.faults.add("sendMediaGroup", kind)  # type: ignore[arg-type]
    setting.telegram.faults.add("sendDocument", kind)  # type: ignore[arg-type]
    await put(setting, AlbumPayload(photos=(a_picture("a.png"), a_picture("b.png"))), "album")
    await put(setting, a_picture("c.csv"), "file")
    await setting.enqueue("after")  # when it is there, what is before it is noted as sent
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "after")
    assert setting.texts() == ["#1 a.png", "#1 b.png", "#1 c.csv", "after"]
    async with setting.database.session() as session:
        ids = [m.id for m in setting.telegram.bot_messages()[:3]]
        found = [await setting.store.shown(session, OWNER, message_id) for message_id in ids]
    assert [shown.task_no if shown else None for shown in found] == [1, 1, 1]


async def test_a_picture_that_telegram_refuses_goes_as_a_file(setting: Setting) -> None:
    await put(setting, a_picture("broken.png", b"no picture"), "photo")
    async with setting.running():
        shown = await setting.telegram.wait_for(lambda m: m.text == "#1 broken.png")
    assert shown.document is not None


async def test_an_album_with_a_refused_picture_goes_one_by_one(setting: Setting) -> None:
    broken = a_picture("broken.png", b"no picture")
    await put(setting, AlbumPayload(photos=(a_picture("a.png"), broken)), "album")
    async with setting.running():
        await setting.telegram.wait_for(lambda m: m.text == "#1 broken.png")
    shown = setting.telegram.bot_messages()
    assert [(m.text, m.photo is not None) for m in shown] == [
        ("#1 a.png", True), ("#1 broken.png", False),
    ]  # fmt: skip


async def test_a_message_that_is_seen_before_its_sending_is_written_down_is_known_as_such(
    setting: Setting,
) -> None:
    await setting.enqueue("one")
    await setting.database.execute("update outbox set state = 'sending', after_id = 3")
    assert await setting.store.is_unnoted(OWNER, 4)
    assert not await setting.store.is_unnoted(OWNER, 3)
    assert not await setting.store.is_unnoted(OWNER + 1, 4)
    await setting.database.execute("update outbox set state = 'sent', message_id = 4")
    assert not await setting.store.is_unnoted(OWNER, 4)
    assert not await setting.store.is_unnoted(OWNER, 5)
