"""The Bot API's methods, called by a real bot library and by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from telegram import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyParameters,
)
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut

from playground.methods import DELETABLE_S
from playground.validation import FILE_CAP
from tests.integration.playground.conftest import OWNER, TOKEN, a_bot

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from telegram import Bot

    from playground.server import PlaygroundServer

EMOJI = "\N{SLICE OF PIZZA}"
PNG = b"\x89PNG\r\n\x1a\n rest"


def keyboard(label: str = "Stop", data: str = "stop:1") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=data)]])


async def refusal(call: Awaitable[Any]) -> str:
    with pytest.raises(BadRequest) as caught:
        await call
    return caught.value.message


# --- who may call what ---


async def test_the_bot_learns_who_it_is(bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.id, me.is_bot, me.username) == (123456789, True, "agentai_playground_bot")


async def test_a_wrong_token_is_refused_with_401(telegram: PlaygroundServer) -> None:
    stranger = a_bot(telegram, "123456789:AAsomebody-elses")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    for request in stranger._request:
        await request.shutdown()
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{telegram.api_url}/bot1:x/getMe")
    assert answer.status_code == 401
    assert answer.json() == {"ok": False, "error_code": 401, "description": "Unauthorized"}


async def test_an_unknown_method_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("getRich")
    assert answer.status_code == 404
    assert answer.json() == {"ok": False, "error_code": 404, "description": "Not Found"}


async def test_parameters_come_in_every_way_that_telegram_takes(
    telegram: PlaygroundServer, client: httpx.AsyncClient
) -> None:
    sent = {"chat_id": OWNER, "text": "123", "entities": '[{"type":"bold","offset":0,"length":3}]'}
    for answer in (
        await client.get("sendMessage", params=sent),
        await client.post("sendmessage", data=sent),
        await client.post("SENDMESSAGE", files={k: (None, str(v)) for k, v in sent.items()}),
        await client.post("sendMessage", json=sent),
    ):
        result = answer.json()["result"]
        assert (result["text"], result["entities"][0]["type"]) == ("123", "bold")
    assert len(telegram.bot_messages()) == 4


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b"\xff", b"[" * 9_999, b'{"text": NaN'],
    ids=["cut", "list", "text", "bytes", "deep", "nan"],
)
async def test_a_broken_body_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("sendMessage", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["ok"] is False


async def test_half_symbols_are_400(client: httpx.AsyncClient) -> None:
    body = b'{"chat_id": 7001, "text": "half \\ud83c"}'
    headers = {"content-type": "application/json"}
    answer = await client.post("sendMessage", content=body, headers=headers)
    assert answer.json()["description"] == "Bad Request: strings must be encoded in UTF-8"


# --- sending ---


async def test_a_message_comes_back_as_it_was_kept(telegram: PlaygroundServer, bot: Bot) -> None:
    asked = telegram.person.send("how?")
    sent = await bot.send_message(
        OWNER, f" {EMOJI} so ", entities=[MessageEntity("bold", 4, 2)],
        reply_markup=keyboard(), reply_parameters=ReplyParameters(asked),
    )  # fmt: skip
    assert sent.text == f"{EMOJI} so"
    assert sent.parse_entities() == {sent.entities[0]: "so"}
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.text == "how?"
    (shown,) = telegram.bot_messages()
    assert (shown.text, shown.reply_to, shown.edits) == (f"{EMOJI} so", asked, 0)
    assert shown.buttons == [[{"text": "Stop", "callback_data": "stop:1"}]]


async def test_one_counter_gives_ids_to_all_private_chats_in_both_directions(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    first = telegram.person.send("one")
    second = (await bot.send_message(OWNER, "two")).message_id
    third = telegram.person.send("three", user_id=42)
    fourth = (await bot.send_message(42, "four")).message_id
    assert [second, third, fourth] == [first + 1, first + 2, first + 3]


@pytest.mark.parametrize(
    ("text", "why"),
    [(" \n ", "Message text is empty"), ("x" * 4097, "Message is too long"),
     (EMOJI * 2049, "Message is too long")],
)  # fmt: skip
async def test_texts_that_do_not_fit_are_refused(
    telegram: PlaygroundServer, bot: Bot, text: str, why: str
) -> None:
    assert await refusal(bot.send_message(OWNER, text)) == why
    assert telegram.bot_messages() == []


async def test_bad_entities_and_callback_data_are_refused(bot: Bot) -> None:
    half = [MessageEntity("bold", 1, 1)]
    said = await refusal(bot.send_message(OWNER, EMOJI, entities=half))
    assert said.startswith("Can't parse entities: ")
    said = await refusal(bot.send_message(OWNER, "x", reply_markup=keyboard(data="x" * 65)))
    assert said == "Button_data_invalid"
    said = await refusal(bot.send_message(OWNER, "*x*", parse_mode="MarkdownV2"))
    assert "parse modes" in said


async def test_a_chat_that_never_wrote_is_not_found(bot: Bot) -> None:
    for chat in (12345, -5, "@somebody"):
        assert await refusal(bot.send_message(chat, "hello")) == "Chat not found"
    assert (await bot.get_chat(OWNER)).first_name == "You"


async def test_a_reply_needs_its_message_unless_it_may_go_without(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    gone = ReplyParameters(999_999)
    why = "Message to be replied not found"
    assert await refusal(bot.send_message(OWNER, "x", reply_parameters=gone)) == why
    elsewhere = ReplyParameters(telegram.person.send("private", user_id=42))
    assert await refusal(bot.send_message(OWNER, "x", reply_parameters=elsewhere)) == why
    sent = await bot.send_message(
        OWNER, "x", reply_parameters=ReplyParameters(999_999, allow_sending_without_reply=True)
    )
    assert sent.reply_to_message is None


# --- editing and deleting ---


async def test_an_edit_changes_text_entities_and_buttons(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    sent = await bot.send_message(OWNER, "working", reply_markup=keyboard())
    edited = await bot.edit_message_text("done", OWNER, sent.message_id)
    assert not isinstance(edited, bool)
    assert (edited.text, edited.reply_markup) == ("done", None)
    assert edited.edit_date is not None
    await bot.edit_message_reply_markup(OWNER, sent.message_id, reply_markup=keyboard("More"))
    (shown,) = telegram.bot_messages()
    assert (shown.text, shown.edits, shown.buttons[0][0]["text"]) == ("done", 2, "More")


async def test_an_edit_that_changes_nothing_is_refused(bot: Bot) -> None:
    bold = [MessageEntity("bold", 0, 2)]
    sent = await bot.send_message(OWNER, "same", entities=bold, reply_markup=keyboard())
    said = await refusal(
        bot.edit_message_text(
            " same ", OWNER, sent.message_id, entities=[MessageEntity("bold", 1, 2)],
            reply_markup=keyboard(),
        )
    )  # fmt: skip
    assert said == (
        "Message is not modified: specified new message content and reply markup are exactly the "
        "same as a current content and reply markup of the message"
    )
    await bot.edit_message_text("same", OWNER, sent.message_id, reply_markup=keyboard())


async def test_only_own_standing_messages_can_be_edited(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    theirs = telegram.person.send("mine")
    document = await bot.send_document(OWNER, b"x", filename="x.txt")
    text = await bot.send_message(OWNER, "x")
    edit = bot.edit_message_text
    assert await refusal(edit("x", OWNER, theirs)) == "Message can't be edited"
    assert await refusal(edit("x", OWNER, 999_999)) == "Message to edit not found"
    why = "There is no text in the message to edit"
    assert await refusal(edit("x", OWNER, document.message_id)) == why
    why = "There is no caption in the message to edit"
    said = await refusal(bot.edit_message_caption(OWNER, text.message_id, caption="x"))
    assert said == why


async def test_a_deleted_message_is_gone(telegram: PlaygroundServer, bot: Bot) -> None:
    sent = await bot.send_message(OWNER, "soon gone")
    asked = telegram.person.send("also gone", reply_to=sent.message_id)
    for message_id in (sent.message_id, asked):
        assert await bot.delete_message(OWNER, message_id)
        said = await refusal(bot.delete_message(OWNER, message_id))
        assert said == "Message to delete not found"
    assert await refusal(bot.edit_message_text("x", OWNER, sent.message_id)) == (
        "Message to edit not found"
    )
    assert telegram.bot_messages() == []


async def test_a_message_can_be_deleted_for_two_days(telegram: PlaygroundServer, bot: Bot) -> None:
    sent = await bot.send_message(OWNER, "old")
    telegram.state.messages[sent.message_id].date -= DELETABLE_S + 1
    said = await refusal(bot.delete_message(OWNER, sent.message_id))
    assert said == "Message can't be deleted for everyone"


# --- files ---


async def test_a_document_goes_and_comes_unchanged(telegram: PlaygroundServer, bot: Bot) -> None:
    content = bytes(range(256)) * 100
    sent = await bot.send_document(OWNER, content, filename="every byte.bin", caption=" all ")
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size) == ("every byte.bin", len(content))
    assert sent.caption == "all"
    (shown,) = telegram.bot_messages()
    assert telegram.state.files[shown.document or ""].content == content
    file = await bot.get_file(sent.document.file_id)
    assert bytes(await file.download_as_bytearray()) == content
    again = await bot.send_document(OWNER, sent.document.file_id, caption="again")
    assert again.document is not None
    assert again.document.file_id == sent.document.file_id


async def test_a_file_may_stand_under_any_name_with_attach(
    telegram: PlaygroundServer, bot: Bot, client: httpx.AsyncClient
) -> None:
    attached = InputFile(b"by name", filename="a.txt", attach=True)
    assert (await bot.send_document(OWNER, attached)).document is not None
    answer = await client.post(
        "sendDocument", data={"chat_id": OWNER, "document": "attach://part"},
        files={"part": ("b.txt", b"by hand", "text/plain")},
    )  # fmt: skip
    assert answer.json()["result"]["document"]["mime_type"] == "text/plain"
    said = (await client.post("sendDocument", data={"chat_id": OWNER})).json()["description"]
    assert said == "Bad Request: there is no document in the request"
    unknown = {"chat_id": OWNER, "document": "AgADfile"}
    said = (await client.post("sendDocument", data=unknown)).json()["description"]
    assert said == "Bad Request: wrong file identifier/HTTP URL specified"
    contents = [telegram.state.files[m.document or ""].content for m in telegram.bot_messages()]
    assert contents == [b"by name", b"by hand"]


async def test_empty_files_long_captions_and_false_pictures_are_refused(
    telegram: PlaygroundServer, bot: Bot, client: httpx.AsyncClient
) -> None:
    said = await refusal(bot.send_document(OWNER, b"x", caption="x" * 1025))
    assert said == "Message caption is too long"
    assert await refusal(bot.send_photo(OWNER, b"no picture")) == "Image_process_failed"
    empty = {"document": ("x.txt", b"", "text/plain")}
    answer = await client.post("sendDocument", data={"chat_id": OWNER}, files=empty)
    assert answer.json()["description"] == "Bad Request: file must be non-empty"
    assert telegram.state.files == {}
    assert (await bot.send_photo(OWNER, PNG, caption="a picture")).photo


async def test_a_bot_sends_50_mb_and_fetches_20(
    telegram: PlaygroundServer, bot: Bot, client: httpx.AsyncClient
) -> None:
    fits, big = b"x" * FILE_CAP, b"x" * (FILE_CAP + 1)
    telegram.person.send_files([("fits", "text/plain", fits), ("big", "text/plain", big)])
    small, large = [u.message.document for u in await bot.get_updates()]  # type: ignore[union-attr]
    assert small is not None
    assert large is not None
    await bot.get_file(small.file_id)
    assert await refusal(bot.get_file(large.file_id)) == "File is too big"
    assert "wrong file_id" in (await refusal(bot.get_file("nothing"))).lower()
    huge = {"document": ("huge", b"x" * (52 << 20), "text/plain")}
    answer = await client.post("sendDocument", data={"chat_id": OWNER}, files=huge)
    assert answer.status_code == 413
    assert answer.json()["error_code"] == 413


async def test_files_need_the_token(telegram: PlaygroundServer, bot: Bot) -> None:
    sent = await bot.send_document(OWNER, b"secret", filename="s.txt")
    path = (await bot.get_file(sent.document.file_id)).file_path or ""
    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(path)).content == b"secret"
        assert (await stranger.get(path.replace(TOKEN, "1:x"))).status_code == 401
        assert (await stranger.get(path + "x")).status_code == 404


# --- buttons, commands and the rest ---


async def test_a_press_is_answered_once_and_for_150_seconds(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    sent = await bot.send_message(OWNER, "Sure?", reply_markup=keyboard("Yes", "y"))
    now = telegram.callbacks.clock()
    telegram.callbacks.clock = lambda: now
    telegram.person.press(sent.message_id, "y")
    telegram.person.press(sent.message_id, "Yes")
    first, second = [u.callback_query for u in await bot.get_updates()]
    assert first is not None
    assert second is not None
    assert (first.data, second.data, first.from_user.id) == ("y", "y", OWNER)
    telegram.callbacks.clock = lambda: now + 150
    assert await bot.answer_callback_query(first.id, "ok", show_alert=True)
    telegram.callbacks.clock = lambda: now + 150.1
    why = "Query is too old and response timeout expired or query id is invalid"
    for stale in (first.id, second.id, "777"):
        assert await refusal(bot.answer_callback_query(stale)) == why
    said = await refusal(bot.answer_callback_query(second.id, "x" * 201))
    assert said == "Message_too_long"


async def test_the_menu_is_set_read_and_removed(bot: Bot) -> None:
    await bot.set_my_commands([BotCommand("start", "begin"), ("help", "what I can do")])
    assert await bot.get_my_commands() == (
        BotCommand("start", "begin"), BotCommand("help", "what I can do"),
    )  # fmt: skip
    assert await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()
    assert await refusal(bot.set_my_commands([("Start", "x")])) == "Bot_command_invalid"


async def test_actions_and_reactions_are_taken(telegram: PlaygroundServer, bot: Bot) -> None:
    assert await bot.send_chat_action(OWNER, "typing")
    assert await refusal(bot.send_chat_action(OWNER, "sleeping")) == (
        "Wrong parameter action in request"
    )
    asked = telegram.person.send("thanks")
    assert await bot.set_message_reaction(OWNER, asked, ReactionTypeEmoji("👍"))
    assert await refusal(bot.set_message_reaction(OWNER, 999_999)) == "Message to react not found"


# --- faults ---


@pytest.mark.parametrize(
    ("kind", "error"), [("403", Forbidden), ("500", NetworkError), ("502", NetworkError)]
)
async def test_a_planned_refusal_befalls_as_many_calls_as_planned(
    telegram: PlaygroundServer, bot: Bot, kind: Any, error: type[Exception]
) -> None:
    telegram.faults.add("sendMessage", kind, count=2)
    await bot.get_me()
    for _ in range(2):
        with pytest.raises(error):
            await bot.send_message(OWNER, "x")
    await bot.send_message(OWNER, "arrives")
    assert [m.text for m in telegram.bot_messages()] == ["arrives"]


async def test_too_many_requests_says_when_to_come_back(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    telegram.faults.add("*", "429", retry_after=7)
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(OWNER, "x")
    assert caught.value.retry_after == timedelta(seconds=7)


async def test_flood_control_lets_a_burst_pass_and_can_be_switched_off(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    telegram.faults.flood_control = True
    burst = [bot.send_message(OWNER, f"{n}") for n in range(20)]
    refused = await asyncio.gather(*burst, return_exceptions=True)
    assert any(isinstance(error, RetryAfter) for error in refused)
    assert 5 <= len(telegram.bot_messages()) <= 8
    await bot.send_chat_action(OWNER, "typing")
    telegram.faults.clear()
    await bot.send_message(OWNER, "on it goes")


async def test_a_lost_answer_hides_whether_the_call_was_performed(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    telegram.faults.add("sendMessage", "drop_before")
    with pytest.raises(NetworkError):
        await bot.send_message(OWNER, "lost")
    telegram.faults.add("sendMessage", "drop_after")
    with pytest.raises(NetworkError):
        await bot.send_message(OWNER, "kept")
    assert [m.text for m in telegram.bot_messages()] == ["kept"]


async def test_a_call_that_hangs_is_given_up_and_leaves_nothing(
    telegram: PlaygroundServer, bot: Bot
) -> None:
    telegram.faults.add("sendMessage", "hang", seconds=60)
    with pytest.raises(TimedOut):
        await bot.send_message(OWNER, "x", read_timeout=0.2)
    await bot.send_message(OWNER, "next")
    assert [m.text for m in telegram.bot_messages()] == ["next"]
