"""Safety as an owner meets it: real processes, a real container, a web service behind TLS."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground.server import Shown
from tests.support.model_server import Body, Reply, call, say
from tests.support.web import EchoWeb
from tests.support.world import World

API, OTHER = "api.example.com", "other.example.com"
SECRET = "tok-3f9a-very-secret-value"


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[EchoWeb]:
    made = EchoWeb(tmp_path / "web", API, OTHER)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def safe(world_without_model: World, web: EchoWeb) -> World:
    """A world without a model, and a web behind the gateway."""
    world_without_model.env |= web.environment()
    await world_without_model.start()
    return world_without_model


def press(world: World, card: Shown, label: str) -> None:
    world.telegram.person.press(card.id, label)


async def until_deleted(world: World, message_id: int) -> None:
    async with asyncio.timeout(10):
        while not world.telegram.state.messages[message_id].deleted:
            await asyncio.sleep(0.02)


async def test_a_host_that_nobody_named_is_refused_with_what_to_do(
    safe: World, web: EchoWeb
) -> None:
    safe.says("/grant other.example.com")
    await safe.sees("All tasks may reach other.example.com now: reading.")
    safe.says("/run h=api; curl -sS https://$h.example.com/x; curl -sS https://other.example.com/y")
    result = await safe.sees("network: This task may not read from api.example.com yet.")
    assert "/grant api.example.com" in result.text
    assert 'echo {"method": "GET", "host": "other.example.com"' in result.text
    assert {r["host"] for r in web.requests} == {OTHER}
    safe.says("/grants")
    card = await safe.sees("What is allowed")
    press(safe, card, "Revoke 1")
    await asyncio.sleep(0)
    safe.says("/run h=other; curl -sS https://$h.example.com/z; echo over")
    await safe.sees("network: This task may not read from other.example.com yet.")
    assert len(web.requests) == 1


async def test_a_host_in_the_owners_words_may_be_read_and_nothing_else(
    safe: World, web: EchoWeb
) -> None:
    safe.says(
        "/run curl -sS https://api.example.com/a; curl -sS -m 1 -d x https://api.example.com/b"
    )
    card = await safe.sees("asks for your approval")
    assert "POST https://api.example.com/b" in card.text
    assert "Sends 1 bytes" in card.text
    await safe.sees('echo {"method": "GET"')
    assert [r["method"] for r in web.requests] == ["GET"]
    await safe.sees("Not needed any more: the task has ended.")


async def test_an_approved_request_leaves_once(safe: World, web: EchoWeb) -> None:
    post = "curl -sS -d hello https://api.example.com/b"
    safe.says(f"/run {post}; {post}; {post} -m 2")
    card = await safe.sees(lambda m: "asks for your approval" in m.text)
    press(safe, card, "Once")
    await safe.sees("Allowed, once.")
    second = await safe.sees(lambda m: "asks for your approval" in m.text and m.id != card.id)
    press(safe, second, "Deny")
    await safe.sees("You said no.")
    third = await safe.sees(
        lambda m: "asks for your approval" in m.text and m.id not in {card.id, second.id}
    )
    number = third.text.split("/deny ")[1].split()[0]
    safe.says(f"/approve {number} wrong1")
    await safe.sees("The code does not match the card.")
    result = await safe.sees("The owner said no.")
    assert result.text.count("echo {") == 1
    assert [r["body"] for r in web.requests] == ["hello"]


async def test_a_secret_is_used_and_never_seen(safe: World, web: EchoWeb) -> None:
    asked = safe.says(f"/secret set API_TOKEN api.example.com {SECRET}")
    await safe.sees("API_TOKEN is kept, for api.example.com only. I am deleting your message")
    await until_deleted(safe, asked)
    header = '-H "Authorization: Bearer $API_TOKEN"'
    safe.says(
        f"/run curl -sS {header} https://api.example.com/me; echo $API_TOKEN;"
        f" curl -sS {header} https://other.example.com/me"
    )
    card = await safe.sees("With your secret API_TOKEN")
    press(safe, card, "Until #1 ends")
    result = await safe.sees("A secret may only stand in its own header")
    assert SECRET not in result.text
    assert "Bearer agentai_secret_" in result.text
    assert [r["headers"]["authorization"] for r in web.requests] == [f"Bearer {SECRET}"]
    assert not any(SECRET in text for text in safe.chat())


async def test_a_model_asks_for_access_and_goes_on(world: World, web: EchoWeb) -> None:
    def script(body: Body) -> Reply:
        names = {tool["function"]["name"] for tool in body.get("tools", [])}
        if "finish" not in names:
            done = any(m["role"] == "tool" for m in body["messages"])
            return say("Started.") if done else call("delegate", title="t", instructions="fetch")
        results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
        steps = [
            call("shell", command="curl -sS https://api.example.com/1"),
            call("request_access", hosts=[{"host": API}]),
            call("shell", command="curl -sS https://api.example.com/2"),
        ]
        if len(results) < len(steps):
            return steps[len(results)]
        return call("finish", result=results[-1])

    world.model.script = script
    world.env |= web.environment()
    await world.start()
    world.says("please look at the news")
    card = await world.sees("Reach api.example.com: reading only")
    assert "waiting for you" in (await world.sees("waiting for you")).text
    press(world, card, "Until #1 ends")
    await world.sees('"path": "/2"')
    world.says("/grants")
    await world.sees("Nothing is allowed beyond single approvals")


async def test_changes_to_the_owners_files_are_approved_and_undone(safe: World) -> None:
    folder = safe.home / "workspace"
    (folder / "notes.md").write_text("one\ntwo\n")
    (folder / "old.txt").write_text("old")
    safe.says("/run cd files; echo three >> notes.md; rm old.txt; echo new > fresh.txt; ls")
    card = await safe.sees("asks for your approval")
    assert "Replace notes.md" in card.text
    assert "+three" in card.text
    assert "Delete old.txt" in card.text
    assert (folder / "fresh.txt").read_text() == "new\n"
    assert (folder / "old.txt").exists()
    press(safe, card, "Approve")
    await safe.sees("1 changed, 1 deleted")
    assert (folder / "notes.md").read_text() == "one\ntwo\nthree\n"
    assert not (folder / "old.txt").exists()
    safe.says("/undo")
    await safe.sees("Undone")
    assert (folder / "notes.md").read_text() == "one\ntwo\n"
    assert (folder / "old.txt").read_text() == "old"
    safe.says("/files")
    assert "notes.md" in (await safe.sees("Your files")).text


async def test_an_executor_killed_while_a_change_waits_goes_on(safe: World) -> None:
    folder = safe.home / "workspace"
    (folder / "notes.md").write_text("one\n")
    safe.says("/run echo two >> files/notes.md")
    card = await safe.sees("asks for your approval")
    safe.executor.kill()
    press(safe, card, "Approve")
    safe.executor.start()
    await safe.executor.ready()
    await safe.sees("Your files: 1 changed.")
    assert (folder / "notes.md").read_text() == "one\ntwo\n"


async def test_stop_ends_everything_and_what_it_was_allowed(safe: World, web: EchoWeb) -> None:
    safe.says("/run curl -sS -d x https://api.example.com/b; sleep 100")
    safe.says("/run sleep 200")
    await safe.sees("asks for your approval")
    await safe.sees(lambda m: m.text.startswith("#2 working"))
    began = time.monotonic()
    safe.says("/stop")
    await safe.sees("Stopping 2 tasks.")
    await safe.sees("#1 cancelled")
    await safe.sees("#2 cancelled")
    assert time.monotonic() - began < 3
    await safe.sees("Not needed any more: the task has ended.")
    assert web.requests == []
    safe.says("/audit")
    listed = await safe.sees("What happened, newest first")
    assert "everything stopped" in listed.text
    safe.says("/audit verify")
    await safe.sees("The audit trail is whole")
