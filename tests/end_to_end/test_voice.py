"""Voice notes with the real processes: heard, shown, answered, answered aloud."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coordinator.heavy.client import Heavy
from core.db import Database
from tests.support.eleven_server import KEY, VOICES, Eleven
from tests.support.model_server import Body, Reply, call, last_user, say, tool_names, tool_results
from tests.support.speech import TINY_MODEL, voice_note, word_errors

if TYPE_CHECKING:
    from pathlib import Path

    from playground.state import Shown
    from tests.support.world import World


QUESTION = "Please remind me to call the dentist on Monday morning"


def send(world: World, words: str, folder: Path, **how: object) -> int:
    note = voice_note(words, folder)
    return world.telegram.person.send_sound(note, seconds=4, **how)  # type: ignore[arg-type]


async def listens(world: World, *, with_executor: bool = False) -> None:
    await world.start(with_executor=with_executor)
    world.says(f"/config voice.model {TINY_MODEL}")
    await world.sees("voice.model")


def is_voice(shown: Shown) -> bool:
    return shown.voice is not None


async def test_a_voice_note_is_shown_as_text_and_answered_like_a_typed_message(
    world: World, tmp_path: Path
) -> None:
    world.model.script = lambda body: say(f"I answer to: {last_user(body)}")
    await listens(world)
    sent = send(world, QUESTION, tmp_path)
    heard = await world.sees(lambda m: m.text.startswith("Heard: "))
    assert heard.text == f"Heard: {QUESTION}."
    assert heard.reply_to == sent
    assert [e["type"] for e in heard.entities] == ["blockquote"]
    await world.sees(f"I answer to: {QUESTION}.")
    calls = [params for _, method, params in world.telegram.calls if method == "sendMessage"]
    assert [c.get("disable_notification") for c in calls if c["text"] == heard.text] == [True]
    assert not any(map(is_voice, world.telegram.bot_messages()))


async def test_a_kill_while_it_listens_repeats_the_listening_and_not_the_answer(
    world: World, tmp_path: Path
) -> None:
    world.model.script = lambda body: say(f"I answer to: {last_user(body)}")
    await listens(world)
    database = await Database.connect(world.env["DATABASE_URL"], size=1)
    send(world, f"{QUESTION}. " * 4, tmp_path)
    async with asyncio.timeout(30):
        while await database.fetchval("select max(attempts) from voice_notes") != 1:
            await asyncio.sleep(0.01)
    world.serve.kill()
    assert await database.fetchval("select state from voice_notes") == "waiting"
    await database.close()
    world.serve.start()
    await world.serve.ready()
    await world.sees("I answer to: Please remind me")
    world.says("done?")
    await world.sees("I answer to: done?")
    assert sum(text.startswith("Heard: ") for text in world.chat()) == 1
    assert sum("I answer to: Please" in text for text in world.chat()) == 1


async def test_spoken_words_steer_and_answer_a_task_and_cancel_another(
    world: World, tmp_path: Path
) -> None:
    def script(body: Body) -> Reply:
        if "delegate" in tool_names(body):
            done, said = tool_results(body), last_user(body)
            if "cancel" in said.lower():
                return say("Cancelled.") if done else call("cancel_task", no=1)
            return say("Started.") if done else call("delegate", title="t", instructions="work")
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
        if not results:
            return call("ask_owner", question="Which colour?")
        if len(results) == 1:
            return call("shell", command="sleep 60")
        return call("finish", result=f"{results[0]} / {users[-1]}")

    world.model.script = script
    await listens(world, with_executor=True)
    world.says("do it")
    question = await world.sees("#1 asks: Which colour?")
    send(world, "I would like the blue one", tmp_path, reply_to=question.id)
    await world.sees("#1 has your answer.")
    card = await world.sees(lambda m: m.text.startswith("#1 working"))
    send(world, "make the house very dark", tmp_path, reply_to=card.id)
    await world.sees("#1 was told.")
    database = await Database.connect(world.env["DATABASE_URL"], size=1)
    rows = await database.fetch("select kind, text, key from task_inputs order by id")
    await database.close()
    assert [row["kind"] for row in rows] == ["answer", "steer"]
    assert "blue" in rows[0]["text"].lower()
    assert not any(row["key"].startswith("update:") for row in rows)
    send(world, "cancel the first one", tmp_path)
    await world.sees(lambda m: m.text.startswith("#1 cancelled"))


async def test_an_answer_to_a_voice_note_comes_back_as_one(world: World, tmp_path: Path) -> None:
    eleven = Eleven()
    await eleven.start()
    answer = "The train to Berlin leaves at nine in the morning."
    world.model.script = lambda _: say(f"{answer}\n\n```\ncode is not read out\n```")
    await listens(world)
    world.says(f"/config voice.speech_url {eleven.url}")
    await world.sees("voice.speech_url")
    world.says(f"/secret set ELEVENLABS api.elevenlabs.io {KEY}")
    await world.sees("ELEVENLABS is kept")
    world.says("/voice list")
    listed = await world.sees("Press a voice to hear it.")
    world.telegram.person.press(listed.id, f"v:p:{VOICES[1]['voice_id']}")
    sample = await world.sees(lambda m: m.text == "Brian" and is_voice(m))
    world.telegram.person.press(sample.id, "Use this voice")
    await world.sees("I speak with Brian from now on.")
    world.says("/voice auto")
    await world.sees("I answer aloud when you speak to me")
    world.says("typed")
    await world.sees(answer)
    send(world, QUESTION, tmp_path)
    spoken = await world.sees(lambda m: is_voice(m) and m.text == "")
    said = [one["text"] for one in eleven.spoken]
    assert said[1:] == [answer]
    assert {one["voice"] for one in eleven.spoken} == {VOICES[1]["voice_id"]}
    assert {one["output_format"] for one in eleven.spoken} == {"opus_48000_32"}
    path = tmp_path / "spoken.ogg"
    path.write_bytes(world.telegram.state.files[spoken.voice or ""].content)
    heavy = Heavy()
    body = await heavy.call("transcribe", {"path": str(path), "model": TINY_MODEL}, timeout_s=100)
    await heavy.close()
    wrong, of = word_errors(answer, str(body["text"]))
    assert wrong <= of * 0.2
    eleven.failure = (401, {"status": "quota_exceeded", "message": "0 credits remaining"})
    for number in range(2):
        send(world, f"{QUESTION} number {number}", tmp_path)
        await world.sees(
            lambda m, n=number: (
                str(m.text).count("Heard") == 1
                and (sum(t.startswith("Heard") for t in world.chat()) == n + 2)
            )
        )
    await world.sees("quota at ElevenLabs is used up")
    await eleven.stop()
    told = [text for text in world.chat() if text.startswith("I answer in text only")]
    assert len(told) == 1
    assert KEY not in (world.home / "serve.log").read_text()
