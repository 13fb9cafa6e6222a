"""The chat as the owner lives it, with the real serving process."""

import asyncio
import json
import time
from pathlib import Path

import httpx

from core.db import Database
from tests.support.model_server import Body, call, last_user, say, tool_results
from tests.support.world import OWNER, TOKEN, World


def echo(body: Body) -> object:
    users = []
    for message in body["messages"]:
        users = [] if message["role"] == "assistant" else [*users, message]
    return say("heard: " + " | ".join(m["content"] for m in users if m["role"] == "user"))


async def start(world: World) -> None:
    world.model.script = echo  # type: ignore[assignment]
    await world.start(with_executor=False)


async def test_a_stranger_gets_nothing_at_all(world: World) -> None:
    await start(world)
    person = world.telegram.person
    person.send("hello", user_id=666)
    person.send("/start", user_id=666)
    person.send("/run id", user_id=666)
    person.send("hello from a group", chat_id=-100)
    world.says("/help")
    shown = await world.sees("What I can do")
    person.press((await status(world)).id, "Refresh", user_id=666)
    person.react(shown.id, "👍")
    world.says("and me?")
    await world.sees("heard: and me?")
    others = [m for m in world.telegram.state.messages.values() if m.is_bot and m.chat_id != OWNER]
    assert others == []
    calls = [(m, p) for _, m, p in world.telegram.calls if p.get("chat_id") not in {None, OWNER}]
    assert calls == []


async def status(world: World) -> object:
    world.says("/status")
    return await world.sees("Nothing is running.")


async def test_the_holder_of_the_link_becomes_the_owner_once(tmp_path: Path, world: World) -> None:
    del world.env["AGENTAI_OWNER_ID"]
    world.model.script = echo  # type: ignore[assignment]
    world.serve.start()
    said = await world.serve.ready()
    async with asyncio.timeout(10):
        while "start=" not in said:
            said += await world.serve.said()
    token = said.split("start=")[1].split()[0]
    world.says("hello")
    world.says("/start wrong")
    world.says(f"/start {token}")
    await world.sees("I work for you, and only for you")
    world.telegram.person.send(f"/start {token}", user_id=666)
    world.says("now?")
    await world.sees("heard: now?")
    assert len(world.chat()) == 2


async def test_updates_delivered_twice_are_answered_once(world: World) -> None:
    await start(world)
    world.telegram.updates.duplicates = 3
    for number in range(4):
        world.says(f"number {number}")
        await world.sees(f"number {number}")
    world.says("that is all")  # answered after whatever came before it
    await world.sees("heard: that is all")
    assert len(world.chat()) == 5


async def test_a_malformed_update_does_not_stop_the_others(world: World) -> None:
    await start(world)
    for broken in ({"message": {"message_id": "x"}}, {"message": 5}, {"callback_query": {}}, {}):
        world.telegram.updates.add(**broken)
    world.telegram.updates.add(message={
        "message_id": 10**6, "date": 0, "chat": {"id": OWNER, "type": "private"},
        "from": {"id": OWNER, "is_bot": False, "first_name": "n"}, "text": "nul \x00 and \ud800",
    })  # fmt: skip
    world.says("still there?")
    await world.sees("still there?")
    database = await Database.connect(world.env["DATABASE_URL"], size=1)
    errors = await database.fetchval("select count(*) from inbox where error is not null")
    waiting = await database.fetchval("select count(*) from inbox where handled_at is null")
    await database.close()
    assert (errors, waiting) == (3, 0)


async def test_a_pasted_text_of_several_messages_is_one(world: World) -> None:
    await start(world)
    world.says("start " + "x" * 4090 + " middle " + "y" * 4000 + " end")
    answer = await world.sees(lambda m: m.text.endswith("end"))
    assert " | " not in answer.text
    assert len(world.model.requests) == 1


async def test_an_album_is_one_message(world: World) -> None:
    await start(world)
    files = [(f"{n}.txt", "text/plain", b"content") for n in range(3)]
    world.telegram.person.send_files(files, caption="compare these")
    answer = await world.sees("compare these")
    assert all(f"{n}.txt, 7 bytes" in answer.text for n in range(3))
    assert len(world.chat()) == 1


async def test_an_edited_message_is_a_correction(world: World) -> None:
    await start(world)
    asked = world.says("flights to Rome")
    await world.sees("heard: flights to Rome")
    world.telegram.person.edit(asked, "flights to Roma Street")
    await world.sees("heard: [correction] flights to Roma Street")
    world.telegram.person.edit(asked, "flights to Roma Street")
    world.says("and back")  # answered after whatever came before it
    await world.sees("heard: and back")
    assert len(world.chat()) == 3


async def test_an_edit_reaches_the_turn_that_has_not_answered(world: World) -> None:
    world.model.script = lambda body: say(
        f"heard: {last_user(body)}", pause_s=30 if last_user(body) == "wrong" else 0
    )
    await world.start(with_executor=False)
    asked = world.says("wrong")
    async with asyncio.timeout(10):
        while not world.model.requests:
            await asyncio.sleep(0.01)
    world.telegram.person.edit(asked, "right")
    await world.sees("heard: right")
    assert len(world.chat()) == 1


async def test_an_edit_of_what_led_to_a_task_corrects_the_task(world: World) -> None:
    def script(body: Body) -> object:
        done = tool_results(body)
        return say("Started.") if done else call("delegate", title="t", instructions="i")

    world.model.script = script  # type: ignore[assignment]
    await world.start(with_executor=False)
    asked = world.says("report on 2024")
    await world.sees("Started.")
    world.telegram.person.edit(asked, "report on 2025")
    await world.sees("#1 knows about your correction.")
    world.says("/status")
    await world.sees("0 running, 1 queued")


async def test_an_edit_of_what_was_told_to_a_task_reaches_it_too(world: World) -> None:
    def script(body: Body) -> object:
        done = tool_results(body)
        return say("Started.") if done else call("delegate", title="t", instructions="i")

    world.model.script = script  # type: ignore[assignment]
    await world.start(with_executor=False)
    world.says("report on 2024")
    card = await world.sees("#1")
    told = world.says("hurry up", reply_to=card.id)
    await world.sees("#1 was told.")
    world.telegram.person.edit(told, "take your time")
    await world.sees("#1 knows about your correction.")
    world.says("/cancel 1")
    await world.sees("cancelled")
    world.telegram.person.edit(told, "no, hurry")
    await world.sees("#1 no longer listens")


async def test_a_choice_is_taken_once(world: World) -> None:
    def script(body: Body) -> object:
        if last_user(body) == "go":
            return call("ask_owner", question="Tea or coffee?", choices=["Tea", "Coffee"])
        return say(f"You chose {last_user(body)}.")

    world.model.script = script  # type: ignore[assignment]
    await world.start(with_executor=False)
    world.says("go")
    question = await world.sees("Tea or coffee?")
    world.telegram.person.press(question.id, "Coffee")
    world.telegram.person.press(question.id, "Tea")
    await world.sees("You chose Coffee.")
    await world.sees(lambda m: m.id == question.id and not m.buttons)
    assert not any("Tea." in text for text in world.chat())


async def test_settings_are_versioned_and_a_key_is_never_kept_readable(
    world_without_model: World,
) -> None:
    world = world_without_model
    world.model.script = lambda body: say("with a model now")
    await world.start(with_executor=False)
    key = "sk-very-secret-key-0123456789"
    asked = world.says(f"/config model.api_key {key}")
    await world.sees("model.api_key is now set (version 1)")
    world.says(f"/config model.base_url {world.model.url}")
    await world.sees("(version 2)")
    world.says("/config model.coordinator some-model")
    await world.sees("(version 3)")
    world.says("hello")
    await world.sees("with a model now")
    assert world.model.keys == [f"Bearer {key}"]
    world.says("/config tasks.parallel 999")
    await world.sees("tasks.parallel must be from 1 to 50.")
    world.says("/config history")
    assert key not in (await world.sees("model.coordinator = some-model")).text
    world.says("/config rollback 1")
    await world.sees("The settings of version 1 count again, as version 4.")
    world.says("/config")
    overview = await world.sees("Settings, version 4")
    assert "model.api_key = set" in overview.text
    assert world.telegram.state.messages[asked].deleted
    database = await Database.connect(world.env["DATABASE_URL"], size=1)
    tables = [
        r["t"]
        for r in await database.fetch(
            "select table_name as t from information_schema.tables where table_schema = 'public'"
        )
    ]
    for table in tables:
        rows = await database.fetch(f"select to_jsonb(t)::text as row from {table} t")
        assert not any(key in row["row"] for row in rows), table
    await database.close()
    assert key not in (world.home / "serve.log").read_text()


async def test_a_long_answer_grows_in_one_message(world: World) -> None:
    words = " ".join(f"word{n}" for n in range(200))
    world.model.script = lambda body: say(words, chunks=20, chunk_s=0.25)
    await world.start(with_executor=False)
    world.says("tell me a story")
    await world.sees(lambda m: m.text.endswith("…"))
    final = await world.sees(lambda m: m.text == words)
    assert final.edits >= 2
    assert len(world.chat()) == 1
    assert any(method == "sendChatAction" for _, method, _ in world.telegram.calls)


async def test_a_new_conversation_forgets_the_old_one(world: World) -> None:
    await start(world)
    world.says("my name is Ann")
    await world.sees("heard: my name is Ann")
    world.says("/new")
    await world.sees("A new conversation.")
    world.says("who am I?")
    await world.sees("who am I?")
    assert "Ann" not in json.dumps(world.model.bodies[-1]["messages"])


async def test_telegram_away_for_a_while_costs_only_time(world: World) -> None:
    await start(world)
    world.telegram.faults.add("*", "502", count=6)
    world.says("are you there?")
    await world.sees("heard: are you there?", 40)
    assert world.chat() == ["heard: are you there?"]


async def test_webhook_mode_takes_only_calls_with_the_secret(world: World) -> None:
    port = free_port()
    world.env["TELEGRAM_WEBHOOK_URL"] = f"http://127.0.0.1:{port}/hook"
    await start(world)
    async with httpx.AsyncClient() as stranger:
        for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}):
            answer = await stranger.post(
                f"http://127.0.0.1:{port}/hook", json={"update_id": 1}, headers=headers
            )
            assert answer.status_code == 401
    world.says("through the hook")
    await world.sees("heard: through the hook")


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_status_and_cancel_answer_while_the_model_hangs(world: World) -> None:
    world.model.script = lambda body: say("never", pause_s=60)
    await world.start(with_executor=False)
    world.says("think about it")
    world.says("/run sleep 1")
    await world.sees("#1 queued")
    began = time.monotonic()
    world.says("/status")
    await world.sees("0 running, 1 queued")
    world.says("/cancel 1")
    await world.sees("#1 cancelled · sleep 1")
    assert time.monotonic() - began < 2
    assert TOKEN not in (world.home / "serve.log").read_text()
