"""The page's API: who gets in, what the person does, what the page is told."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from playground.page import UNREAD_CAP
from tests.integration.playground.conftest import OWNER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from telegram import Bot

    from playground.server import PlaygroundServer

KEYBOARD = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}


@pytest.fixture
async def page(telegram: PlaygroundServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=telegram.chat_url, timeout=10) as client:
        yield client


class Events:
    """The page's event stream."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, kind: str) -> Any:
        """The data of the next event, which must be of this kind."""
        async with asyncio.timeout(10):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "event":
                    assert value == kind
                elif name == "data":
                    return json.loads(value)
        raise AssertionError("the stream ended")


@asynccontextmanager
async def listening(page: httpx.AsyncClient) -> AsyncIterator[Events]:
    async with page.stream("GET", "api/events") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        yield Events(lines)


async def state(page: httpx.AsyncClient) -> Any:
    return (await page.get("api/state")).json()


# --- who gets in ---


async def test_only_the_key_opens_the_page(telegram: PlaygroundServer) -> None:
    assert len(telegram.key) == 32  # 128 random bits
    paths = ["", "static/main.js", "api/state", "api/events", "api/file/file000001"]
    async with httpx.AsyncClient(base_url=telegram.api_url) as stranger:
        for key in ("0" * 32, telegram.key[:-1], telegram.key.upper() + "x", "%FF"):
            for path in paths:
                assert (await stranger.get(f"/{key}/{path}")).status_code == 404
            answer = await stranger.post(f"/{key}/api/send", json={"text": "let me in"})
            assert answer.status_code == 404
        assert (await stranger.get("/")).status_code == 404
    assert telegram.updates.pending == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", ""])
async def test_another_name_for_this_computer_is_refused(
    page: httpx.AsyncClient, host: str
) -> None:
    for path in ("", "api/state"):
        answer = await page.get(path, headers={"Host": host})
        assert answer.status_code in {400, 403}
    good = await page.get("api/state", headers={"Host": "localhost:1234"})
    assert good.status_code == 200


async def test_the_page_may_load_nothing_from_elsewhere(page: httpx.AsyncClient) -> None:
    for path in ("", "static/main.js", "static/chat.css", "static/icon.svg"):
        answer = await page.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' blob: data:")
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("static/nothing.js", "static/..%2Fpage.py", "static/%2e%2e%2fserver.py"):
        assert (await page.get(path)).status_code == 404


# --- what the person does ---


async def test_the_state_is_what_the_page_draws(
    telegram: PlaygroundServer, bot: Bot, page: httpx.AsyncClient
) -> None:
    await bot.set_my_commands([("help", "helps")])
    asked = telegram.person.send("/help me")
    sent = await bot.send_message(OWNER, "Sure?", reply_markup=KEYBOARD, reply_to_message_id=asked)
    telegram.person.send("not the owner's chat", user_id=42)
    found = await state(page)
    assert found["bot"] == {"name": "AgentAI", "username": "agentai_playground_bot"}
    assert found["me"] == {"id": OWNER, "name": "You"}
    assert found["commands"] == [{"command": "help", "description": "helps"}]
    mine, theirs = found["messages"]
    assert (mine["id"], mine["from"], mine["text"]) == (asked, "me", "/help me")
    assert mine["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]
    assert theirs == {
        "id": sent.message_id, "from": "bot", "date": theirs["date"], "text": "Sure?",
        "entities": [], "buttons": [[{"text": "Yes", "data": "y"}]], "reply_to": asked,
        "document": None, "photo": None, "extra": {}, "sound": None,
        "edited": False, "deleted": False,
    }  # fmt: skip


async def test_a_text_reaches_the_bot_and_a_long_one_in_pieces(
    telegram: PlaygroundServer, bot: Bot, page: httpx.AsyncClient
) -> None:
    first = telegram.person.send("first")
    assert (await page.post("api/send", json={"text": " hi ", "reply_to": first})).is_success
    assert (await page.post("api/send", json={"text": "x" * 5000})).is_success
    updates = [u.message for u in await bot.get_updates(offset=0)][1:]
    assert [len(m.text or "") for m in updates if m] == [2, 4096, 904]
    assert updates[0] is not None
    assert updates[0].reply_to_message is not None
    assert updates[0].reply_to_message.message_id == first


async def test_half_symbols_from_the_page_are_replaced(bot: Bot, page: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    await page.post("api/send", content=b'{"text": "half \\ud83c"}', headers=headers)
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert update.message.text == "half ?"


async def test_one_file_is_a_message_and_several_are_an_album(
    bot: Bot, page: httpx.AsyncClient
) -> None:
    two = [("files", ("a.txt", b"aa", "text/plain")), ("files", ("b ü.csv", b"b", "text/csv"))]
    await page.post("api/upload", files=two, data={"caption": "compare"})
    await page.post("api/upload", files={"files": ("c.png", b"\x89PNG", "image/png")})
    one, other, photo = [u.message for u in await bot.get_updates()]
    assert one is not None
    assert other is not None
    assert photo is not None
    assert (one.caption, other.caption, photo.caption) == ("compare", None, None)
    assert one.media_group_id == other.media_group_id != photo.media_group_id
    assert other.document is not None
    assert (other.document.file_name, other.document.file_size) == ("b ü.csv", 1)
    assert photo.photo
    messages = (await state(page))["messages"]
    answer = await page.get(f"api/file/{messages[1]['document']['file_id']}")
    assert answer.content == b"b"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''b%20%C3%BC.csv"
    answer = await page.get(f"api/file/{messages[2]['photo']['file_id']}")
    assert answer.headers["content-type"] == "image/png"


async def test_a_file_of_the_bot_never_runs_in_the_page(bot: Bot, page: httpx.AsyncClient) -> None:
    for name in ("evil.html", "evil.svg"):
        sent = await bot.send_document(OWNER, b"<script>alert(1)</script>", filename=name)
        assert sent.document is not None
        answer = await page.get(f"api/file/{sent.document.file_id}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("send", b""), ("send", b"{"), ("send", b"[]"), ("send", b"{}"), ("send", b'{"text": 5}'),
        ("send", b'{"text": "x", "reply_to": {}}'), ("send", b"[" * 9999), ("edit", b"{}"),
        ("edit", b'{"message_id": 1, "text": "x"}'), ("press", b'{"message_id": [], "data": ""}'),
        ("press", b'{"message_id": 1, "data": "x"}'), ("react", b'{"message_id": 1}'),
        ("upload", b"{}"), ("upload", b"\xff"),
    ],
)  # fmt: skip
async def test_what_the_page_would_not_send_is_400(
    telegram: PlaygroundServer, page: httpx.AsyncClient, path: str, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    answer = await page.post(f"api/{path}", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.text.endswith(".")
    assert telegram.updates.pending == []


async def test_refusals_are_plain_words(
    telegram: PlaygroundServer, bot: Bot, page: httpx.AsyncClient
) -> None:
    sent = (await bot.send_message(OWNER, "mine")).message_id
    asked = telegram.person.send("x")
    for path, body, said in (
        ("edit", {"message_id": sent, "text": "x"}, "This message cannot be edited."),
        ("edit", {"message_id": asked, "text": " "}, "A message needs a text."),
        (
            "edit",
            {"message_id": asked, "text": "x" * 4097},
            "This text is too long for one message.",
        ),
        ("press", {"message_id": sent, "data": "y"}, "This button is gone."),
    ):
        assert (await page.post(f"api/{path}", json=body)).text == said
    caption = {"caption": "x" * 1025}
    answer = await page.post("api/upload", files={"files": ("a", b"a")}, data=caption)
    assert answer.text == "A caption may have 1024 characters at most."


# --- what the page is told ---


async def test_the_page_hears_of_everything_as_it_happens(
    bot: Bot, page: httpx.AsyncClient
) -> None:
    async with listening(page) as events:
        await page.post("api/send", json={"text": "hello"})
        mine = await events.next("message")
        assert (mine["from"], mine["text"]) == ("me", "hello")
        await bot.send_chat_action(OWNER, "typing")
        assert await events.next("action") == {"action": "typing"}
        sent = await bot.send_message(OWNER, "Sure?", reply_markup=KEYBOARD)
        assert (await events.next("message"))["buttons"] == [[{"text": "Yes", "data": "y"}]]
        await page.post("api/press", json={"message_id": sent.message_id, "data": "y"})
        query = (await bot.get_updates(offset=-1))[0].callback_query
        assert query is not None
        await bot.answer_callback_query(query.id, "Noted", show_alert=True)
        told = {"message_id": sent.message_id, "text": "Noted", "alert": True}
        assert await events.next("callback") == told
        await bot.edit_message_text("Done", OWNER, sent.message_id)
        edited = await events.next("edit")
        assert (edited["id"], edited["text"], edited["buttons"]) == (sent.message_id, "Done", [])
        await page.post("api/edit", json={"message_id": mine["id"], "text": "hello!"})
        assert (await events.next("edit"))["edited"] is True
        await bot.delete_message(OWNER, sent.message_id)
        assert await events.next("delete") == {"id": sent.message_id}
        await bot.set_my_commands([("help", "helps")])
        assert await events.next("commands") == [{"command": "help", "description": "helps"}]


async def test_other_chats_stay_out_of_the_page(
    telegram: PlaygroundServer, page: httpx.AsyncClient
) -> None:
    async with listening(page) as events:
        telegram.person.send("somebody else", user_id=42)
        telegram.person.send("me")
        assert (await events.next("message"))["text"] == "me"


async def test_a_page_that_fell_behind_must_load_again(
    telegram: PlaygroundServer, page: httpx.AsyncClient
) -> None:
    async with page.stream("GET", "api/events") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        for number in range(UNREAD_CAP + 1):  # in one go: the stream has no chance to write
            telegram.person.send(f"{number}")
        async with asyncio.timeout(10):
            told = [line async for line in lines if line.startswith("data")]
    assert len(told) == UNREAD_CAP


async def test_stopping_lets_open_pages_go_at_once(
    telegram: PlaygroundServer, page: httpx.AsyncClient
) -> None:
    async with page.stream("GET", "api/events") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        async with asyncio.timeout(0.9):
            await telegram.stop()
        assert [line async for line in lines if line] == []
