"""What the owner sees of tasks, skills and recordings, with the real processes, killed and not."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from tests.end_to_end.test_skills import drop, menu, press, skill
from tests.support.model_server import say
from tests.support.speech import voice_note

if TYPE_CHECKING:
    from pathlib import Path

    from playground.state import Shown
    from tests.support.world import World


def labels(shown: Shown) -> list[str]:
    return [key["text"] for row in shown.buttons for key in row]


async def test_a_task_ends_in_one_short_line_one_result_and_a_list_without_its_button(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    asked = world.says("/run sleep 3; echo the result")
    card = await world.sees(lambda m: m.text.startswith("#1 working"))
    world.says("/status")
    status = await world.sees(lambda m: "1 running" in m.text)
    assert labels(status) == ["Cancel #1", "Refresh"]
    world.serve.kill()  # the end is reported, and the list mended, by the next process
    world.serve.start()
    await world.serve.ready()
    result = await world.sees("#1 done · sleep 3; echo the result")
    assert (result.reply_to, result.buttons) == (asked, [])
    await world.sees(lambda m: m.id == card.id and m.text.startswith("#1 · Done in "))
    await world.sees(lambda m: m.id == status.id and m.text.startswith("Nothing is running."))
    assert (card.buttons, labels(status)) == ([], ["Refresh"])
    assert sum("the result" in text for text in world.chat()) == 1


async def test_a_cancelled_and_a_failed_task_are_told_once_each(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    world.says("/run sleep 100")
    card = await world.sees(lambda m: m.text.startswith("#1 working"))
    world.telegram.person.press(card.id, "Cancel")
    cancelled = await world.sees("#1 cancelled · sleep 100\n\nStopped by you.")
    await world.sees(lambda m: m.id == card.id and m.text.startswith("#1 · Cancelled after "))
    world.says("/run exit 3")
    await world.sees("exit code 3")
    texts = [text for text in world.chat() if "sleep 100" in text]
    assert texts == [cancelled.text]
    assert sum("exit code 3" in text for text in world.chat()) == 1


async def test_a_dropped_skill_is_told_once_also_over_a_restart_and_can_be_switched_off(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    drop(world, "hello.md", skill("hello", what="Greets whoever is named."))
    told = await world.sees("Skill hello · yours · L1")
    assert "Greets whoever is named." in told.text
    assert "/skill disable hello" in told.text
    world.serve.kill()
    world.serve.start()
    await world.serve.ready()
    press(world, told, "Turn hello off")
    async with asyncio.timeout(30):
        while "hello" in {command["command"] for command in menu(world)}:
            await asyncio.sleep(0.02)
    world.says("/skills hello")
    assert "hello · off" in (await world.sees("1 skill")).text
    world.says("/skills csv")
    assert "\nL1: only reads;" in (await world.sees("csv-report")).text
    assert sum("Skill hello · yours" in text for text in world.chat()) == 1


def is_refusal(sent: int, shown: Shown) -> bool:
    return shown.reply_to == sent and "could not be downloaded" in shown.text


async def test_a_recording_without_a_network_gets_one_answer(world: World, tmp_path: Path) -> None:
    world.model.script = lambda _: say("I answer the file.")
    world.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    await world.start(with_executor=False)
    note = voice_note("call the dentist", tmp_path)
    for kind in ("voice", "audio"):
        sent = world.telegram.person.send_sound(note, kind=kind, seconds=4)
        told = await world.sees(partial(is_refusal, sent), 90)
        assert "type it" in told.text
    world.says("are you there?")
    await world.sees("I answer the file.")
    assert len(world.model.requests) == 1
    assert not any("% is here" in text for text in world.chat())
