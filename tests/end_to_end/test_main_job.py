"""The main job: chat, delegate, work in a real container, result in the chat."""

import asyncio
import time

from tests.support.model_server import Body, Reply, call, last_user, say, tool_names, tool_results
from tests.support.world import World


def is_coordinator(body: Body) -> bool:
    return "delegate" in tool_names(body)


def worker_that_runs(command: str) -> Reply:
    return call("shell", command=command)


async def test_a_message_becomes_a_task_that_really_runs_python(world: World) -> None:
    def script(body: Body) -> Reply:
        results = tool_results(body)
        if is_coordinator(body):
            return (
                say("On it.")
                if results
                else call("delegate", title="six by seven", instructions="compute 6*7")
            )
        if not results:
            return worker_that_runs(
                "python3 -c 'print(6*7)' > answer.txt; cat answer.txt; echo $USER$(id -u)"
            )
        return call(
            "finish", result=f"It is **{results[0].splitlines()[2]}**.", files=["answer.txt"]
        )

    world.model.script = script
    await world.start()
    asked = world.says("how much is six by seven?")
    await world.sees("On it.")
    result = await world.sees("It is 42.")
    assert result.text.startswith("#1 done · six by seven")
    assert result.reply_to == asked
    assert [e["type"] for e in result.entities][:2] == ["bold", "bold"]
    document = await world.sees(lambda m: m.document is not None)
    assert world.telegram.state.files[document.document or ""].content == b"42\n"
    card = await world.sees(lambda m: m.text.startswith("#1 · Done in "))
    assert card.buttons == []
    assert "\n" not in card.text
    assert card.id < result.id
    assert sum("six by seven" in text for text in world.chat()) == 1
    assert "sk-key-that-nobody-may-see" in world.model.keys[0]


async def test_without_a_model_commands_run_and_the_rest_says_how_to_add_one(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    world.says("/run python3 -c 'print(40+2)'; exit 3")
    result = await world.sees("exit code 3")
    assert "42" in result.text
    assert result.entities[-1]["type"] == "pre"
    world.says("hello")
    assert "/config model.api_key" in (await world.sees("No model is set up yet")).text
    world.says("/task do something")
    assert "/run" in (await world.sees("/task needs a model")).text


async def test_five_tasks_run_at_once_while_chat_answers(world: World) -> None:
    def script(body: Body) -> Reply:
        if not is_coordinator(body):
            return call("finish", result="unused")
        return say(f"answer to {last_user(body)}")

    world.model.script = script
    await world.start()
    for number in range(6):
        world.says(f"/run sleep 4; echo finished-{number}")
    await world.sees(lambda m: m.text.startswith("#5 working"))
    began = time.monotonic()
    world.says("are you there?")
    await world.sees("answer to are you there?")
    assert time.monotonic() - began < 2
    world.says("/status")
    status = await world.sees("5 running, 1 queued")
    assert [b["text"] for row in status.buttons for b in row][:2] == ["Cancel #1", "Cancel #2"]
    for number in range(6):
        await world.sees(lambda m, n=number: f"finished-{n}" in m.text and "done" in m.text)


async def test_a_steered_task_hears_the_owner_and_asks_back(world: World) -> None:
    def script(body: Body) -> Reply:
        if is_coordinator(body):
            done = tool_results(body)
            return say("Started.") if done else call("delegate", title="t", instructions="work")
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
        if not results:
            return call("ask_owner", question="Red or blue?")
        if "make it dark" not in str(users[-1]):  # it works until it is told
            return call("shell", command=f"sleep 0.5; echo {len(results)}")
        return call("finish", result=f"{results[0]} / {users[-1]}")

    world.model.script = script
    await world.start()
    world.says("do it")
    question = await world.sees("#1 asks: Red or blue?")
    world.says("blue", reply_to=question.id)
    await world.sees("#1 has your answer.")
    await world.sees(lambda m: m.text.startswith("#1 working"))
    card = next(m for m in world.telegram.bot_messages() if m.text.startswith("#1 working"))
    world.says("make it dark", reply_to=card.id)
    await world.sees("#1 was told.")
    await world.sees("The owner answers: blue / The owner adds: make it dark")


async def test_cancel_stops_a_task_while_the_model_hangs(world: World) -> None:
    world.model.script = lambda _: say("too late", pause_s=60)
    await world.start()
    world.says("/run sleep 100")
    card = await world.sees(lambda m: m.text.startswith("#1 working"))
    world.says("this turn hangs")
    await asyncio.sleep(0)
    began = time.monotonic()
    world.telegram.person.press(card.id, "Cancel")
    await world.sees("#1 cancelled · sleep 100\n\nStopped by you.")
    assert time.monotonic() - began < 2
    world.says("/cancel")
    await world.sees("Nothing is running.")


async def test_a_document_can_be_used_by_a_command(world_without_model: World) -> None:
    world = world_without_model
    await world.start()
    (sent,) = world.telegram.person.send_files([("data.csv", "text/csv", b"a,b\n1,2\n")])
    await world.sees("No model is set up yet")
    world.says("/run wc -c data.csv", reply_to=sent)
    await world.sees("8 data.csv")
    world.telegram.person.send_files([("big.bin", "application/octet-stream", b"x" * (21 << 20))])
    await world.sees("Bots can receive files of up to 20 MB")


async def test_a_long_result_comes_as_a_document(world_without_model: World) -> None:
    world = world_without_model
    await world.start()
    world.says("/run seq 1 20000")
    whole = await world.sees(lambda m: m.document is not None)
    content = world.telegram.state.files[whole.document or ""].content
    assert content.splitlines()[-1] == b"20000"
    assert whole.text == "#1 the whole result"
