"""Updates over real HTTP: confirmation, long polls, conflicts, webhooks, restarts."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiohttp import web
from telegram.error import BadRequest, Conflict, NetworkError, TimedOut

from core.spawn import held
from playground.server import PlaygroundServer
from tests.integration.playground.conftest import OWNER, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from telegram import Bot, Update

OTHER = "terminated by other getUpdates request; make sure that only one bot instance is running"
HOOKED = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook "
    "first"
)


def texts(updates: tuple[Update, ...]) -> list[str | None]:
    return [u.effective_message.text if u.effective_message else None for u in updates]


async def polling(telegram: PlaygroundServer, count: int = 1) -> None:
    """Waits until so many polls have reached the server."""
    async with asyncio.timeout(10):
        while sum(method == "getUpdates" for _, method, _ in telegram.calls) < count:
            await asyncio.sleep(0.005)


# --- confirmation ---


async def test_updates_stay_until_a_greater_offset_confirms_them(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    for text in ("one", "two", "three"):
        telegram.person.send(text)
    first = await bot.get_updates()
    assert texts(first) == ["one", "two", "three"]
    assert [u.update_id - first[0].update_id for u in first] == [0, 1, 2]
    assert texts(await bot.get_updates()) == ["one", "two", "three"]
    assert texts(await bot.get_updates(offset=first[1].update_id)) == ["two", "three"]
    assert texts(await bot.get_updates(offset=0)) == ["two", "three"]
    assert texts(await bot.get_updates(offset=first[2].update_id + 1)) == []


async def test_a_negative_offset_forgets_all_but_the_last(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    for text in ("one", "two", "three"):
        telegram.person.send(text)
    assert texts(await bot.get_updates(offset=-2)) == ["two", "three"]
    assert texts(await bot.get_updates()) == ["two", "three"]
    assert texts(await bot.get_updates(offset=-9)) == ["two", "three"]


async def test_the_limit_cuts_an_answer_and_confirms_nothing(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    for number in range(120):
        telegram.person.send(f"{number}")
    assert texts(await bot.get_updates(limit=2)) == ["0", "1"]
    assert len(await bot.get_updates()) == 100
    assert len(await bot.get_updates(limit=1000)) == 100


@pytest.mark.parametrize("name", ["offset", "limit", "timeout"])
async def test_numbers_that_are_none_are_refused(client: httpx.AsyncClient, name: str) -> None:
    for value in ("x", "[]", "{}", "1e400", str(2**70)):
        answer = await client.get("getUpdates", params={name: value})
        assert answer.status_code == 400, value


async def test_an_answer_may_be_delivered_twice(telegram: PlaygroundServer, bot: Bot) -> None:
    telegram.updates.duplicates = 1
    telegram.person.send("one")
    assert texts(await bot.get_updates()) == ["one", "one"]
    assert texts(await bot.get_updates()) == ["one"]


async def test_an_answer_lost_on_the_way_is_delivered_again(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    telegram.person.send("one")
    telegram.faults.add("getUpdates", "drop_after")
    with pytest.raises(NetworkError):
        await bot.get_updates()
    assert texts(await bot.get_updates()) == ["one"]


async def test_reactions_come_only_to_a_bot_that_asks(telegram: PlaygroundServer, bot: Bot) -> None:
    sent = await bot.send_message(OWNER, "nice?")
    telegram.person.react(sent.message_id, "👍")
    assert await bot.get_updates(allowed_updates=["message", "message_reaction"]) == ()
    telegram.person.react(sent.message_id, "👍")
    telegram.person.edit(telegram.person.send("typo"), "text")
    (message,) = [u for u in await bot.get_updates() if u.message]
    (reaction,) = [u.message_reaction for u in await bot.get_updates() if u.message_reaction]
    assert message.message is not None
    assert reaction.new_reaction[0].emoji == "👍"  # type: ignore[union-attr]
    assert len(await bot.get_updates(allowed_updates=[])) == 2
    telegram.person.edit(message.message.message_id, "text again")
    assert texts(await bot.get_updates())[-1] == "text again"


# --- long polls ---


async def test_a_long_poll_answers_at_once_when_there_is_news(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    async with held(bot.get_updates(timeout=20), name="poll") as poll:
        await polling(telegram)
        began = time.monotonic()
        telegram.person.send("news")
        assert texts(await poll) == ["news"]
    assert time.monotonic() - began < 1


async def test_a_long_poll_without_news_ends_empty_after_its_time(bot: Bot) -> None:
    began = time.monotonic()
    assert await bot.get_updates(timeout=1) == ()
    assert 0.9 < time.monotonic() - began < 3


async def test_the_older_of_two_polls_is_ended(telegram: PlaygroundServer, bot: Bot) -> None:
    async with (
        held(bot.get_updates(timeout=20), name="older") as older,
        held(polling(telegram), name="arrived") as arrived,
    ):
        await arrived
        async with held(bot.get_updates(timeout=20), name="newer") as newer:
            with pytest.raises(Conflict, match=OTHER):
                await older
            telegram.person.send("for the newer one")
            assert texts(await newer) == ["for the newer one"]


async def test_a_poll_whose_connection_closed_does_not_count(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    with pytest.raises(TimedOut):
        await bot.get_updates(timeout=20, read_timeout=-19.8)
    async with asyncio.timeout(5):
        while telegram.updates._poller is not None:
            await asyncio.sleep(0.005)
    telegram.person.send("still here")
    assert texts(await bot.get_updates(timeout=5)) == ["still here"]


async def test_stopping_lets_a_waiting_poll_go_at_once(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    async with held(bot.get_updates(timeout=20), name="poll") as poll:
        await polling(telegram)
        began = time.monotonic()
        await telegram.stop()
        with pytest.raises(NetworkError):
            await poll
    assert time.monotonic() - began < 0.9


# --- webhooks ---


class Receiver:
    """A bot's webhook that refuses as often as it is told."""

    def __init__(self) -> None:
        self.refusals: list[int] = []
        self.got: list[tuple[str | None, Any]] = []
        self.tries = 0
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        self.tries += 1
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        self.got.append((secret, await request.json()))
        return web.Response()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Receiver]:
        app = web.Application()
        app.router.add_post("/hook", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield self
        await runner.cleanup()

    async def texts(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.got) < count:
                await asyncio.sleep(0.01)
        return [update["message"]["text"] for _, update in self.got]


async def test_a_webhook_gets_updates_in_order_with_the_secret(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    telegram.person.send("before")
    async with Receiver().open() as receiver:
        await bot.set_webhook(receiver.url, secret_token="only-we-know_1")
        for number in range(5):
            telegram.person.send(f"{number}")
        assert await receiver.texts(6) == ["before", "0", "1", "2", "3", "4"]
        assert {secret for secret, _ in receiver.got} == {"only-we-know_1"}
        info = await bot.get_webhook_info()
        assert (info.url, info.pending_update_count) == (receiver.url, 0)


async def test_an_update_is_pushed_again_until_it_is_taken(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    async with Receiver().open() as receiver:
        receiver.refusals = [500, 302]
        await bot.set_webhook(receiver.url)
        telegram.person.send("one")
        telegram.person.send("two")
        assert await receiver.texts(2) == ["one", "two"]
        assert receiver.tries == 4
        info = await bot.get_webhook_info()
        assert "302" in (info.last_error_message or "")
    telegram.person.send("nobody listens")
    async with asyncio.timeout(10):
        while "302" in ((await bot.get_webhook_info()).last_error_message or ""):
            await asyncio.sleep(0.02)
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook()
    assert texts(await bot.get_updates()) == ["nobody listens"]


async def test_polls_and_a_webhook_exclude_each_other(telegram: PlaygroundServer, bot: Bot) -> None:
    async with Receiver().open() as receiver, held(bot.get_updates(timeout=20), name="p") as poll:
        await polling(telegram)
        await bot.set_webhook(receiver.url)
        with pytest.raises(Conflict, match="terminated by setWebhook request"):
            await poll
        with pytest.raises(Conflict, match=HOOKED):
            await bot.get_updates()
        await bot.set_webhook("")
        assert (await bot.get_webhook_info()).url == ""
        assert await bot.get_updates() == ()


async def test_pending_updates_can_be_dropped(telegram: PlaygroundServer, bot: Bot) -> None:
    telegram.person.send("old")
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == ()


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://127.0.0.1/", "nonsense", "https://", "http://[", "x:0"]
)
async def test_an_address_that_cannot_be_a_webhook_is_refused(bot: Bot, url: str) -> None:
    with pytest.raises(BadRequest, match=r"(?i)an https url must be provided"):
        await bot.set_webhook(url)
    assert (await bot.get_webhook_info()).url == ""


async def test_a_secret_that_no_header_can_carry_is_refused(bot: Bot) -> None:
    with pytest.raises(BadRequest, match="unallowed characters"):
        await bot.set_webhook("https://example.org/", secret_token="a b\n")


# --- restarts ---


async def test_a_restart_loses_nothing_and_repeats_no_id(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "chat.sqlite3"
    async with httpx.AsyncClient() as client:
        first = PlaygroundServer(token=TOKEN, owner_id=OWNER, state_path=path, key="k" * 32)
        await first.start()
        base = f"{first.api_url}/bot{TOKEN}/"
        asked = first.person.send("waiting")
        first.person.send_files([("a.txt", "text/plain", b"content")], caption="a file")
        menu = {"commands": [{"command": "help", "description": "helps"}]}
        await client.post(base + "setMyCommands", json=menu)
        answer = await client.post(base + "sendMessage", json={"chat_id": OWNER, "text": "draft"})
        sent = answer.json()["result"]["message_id"]
        edit = {"chat_id": OWNER, "message_id": sent, "text": "final"}
        await client.post(base + "editMessageText", json=edit)
        await first.stop()

        second = PlaygroundServer(token=TOKEN, owner_id=OWNER, state_path=path, key="k" * 32)
        await second.start()
        base = f"{second.api_url}/bot{TOKEN}/"
        pending = (await client.get(base + "getUpdates")).json()["result"]
        assert [u["message"].get("text", "a file") for u in pending] == ["waiting", "a file"]
        assert second.state.commands == menu["commands"]
        assert [(m.text, m.edits) for m in second.bot_messages()] == [("final", 1)]
        document = pending[1]["message"]["document"]["file_id"]
        assert second.state.files[document].content == b"content"
        assert second.person.send("next") == sent + 1
        assert second.updates.pending[-1]["update_id"] == pending[-1]["update_id"] + 1
        assert asked == sent - 2
        await second.stop()


async def test_what_was_confirmed_and_pushed_stays_so_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    async with Receiver().open() as receiver, httpx.AsyncClient() as client:
        first = PlaygroundServer(token=TOKEN, owner_id=OWNER, state_path=path)
        await first.start()
        hook = {"url": receiver.url, "secret_token": "s", "allowed_updates": ["message"]}
        await client.post(f"{first.api_url}/bot{TOKEN}/setWebhook", json=hook)
        first.person.send("one")
        await receiver.texts(1)
        await first.stop()
        second = PlaygroundServer(token=TOKEN, owner_id=OWNER, state_path=path)
        await second.start()
        second.person.edit(second.person.send("two"), "an edit nobody asked for")
        assert await receiver.texts(2) == ["one", "two"]
        assert receiver.got[1][0] == "s"
        await second.stop()
        assert len(receiver.got) == 2


async def test_changes_are_saved_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    running = PlaygroundServer(token=TOKEN, owner_id=OWNER, state_path=path)
    await running.start()
    running.person.send("not lost by a kill")
    async with asyncio.timeout(10):
        while running._unsaved or running._dirty.is_set():
            await asyncio.sleep(0.02)
    await running._save()  # waits for a write that is under way
    later = PlaygroundServer(token=TOKEN, owner_id=OWNER, state_path=path)
    assert [m.text for m in later.state.messages.values()] == ["not lost by a kill"]
    await running.stop()
    await later.stop()
