"""A model that obeys an attacker, or breaks: the chat goes on, and nothing said is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from coordinator.lane import FAILED_TEXT
from coordinator.turn import CALLS_CAP
from core.errors import Bug, Retryable
from tests.integration.coordinator.test_turns import CHAT, Talk
from tests.integration.coordinator.test_turns import talk as talk
from tests.support.model_server import Reply, call, last_user, say, tool_results

if TYPE_CHECKING:
    from coordinator.context import ChatMessage
    from coordinator.ports import Reply as Said
    from core.db import Session
    from tests.support.model_server import Answer, Body

HUGE = 10**25
BAD = "a\x00b\ud800c"
CALLS: list[tuple[str, dict[str, object]]] = [
    ("cancel_task", {"no": HUGE}),
    ("cancel_task", {"no": 2**31}),
    ("cancel_task", {"no": -(2**40)}),
    ("list_tasks", {"no": HUGE}),
    ("steer_task", {"no": HUGE, "text": "x"}),
    ("look", {"photo": HUGE}),
    ("look", {"photo": -HUGE}),
    ("delegate", {"title": "t", "instructions": "i", "files": [HUGE]}),
    ("delegate", {"title": "t", "instructions": "i", "files": ["9" * 300]}),
    ("delegate", {"title": "t", "instructions": "i", "files": [-5]}),
    ("delegate", {"title": BAD, "instructions": BAD, "files": [BAD]}),
    ("delegate", {"title": BAD, "instructions": BAD, "skill": BAD}),
    ("ask_owner", {"question": BAD, "choices": [BAD]}),
    ("change_setting", {"name": BAD, "value": BAD}),
    ("change_setting", {"name": "tasks.parallel", "value": str(HUGE)}),
    (BAD, {}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=range(len(CALLS)))
async def test_no_argument_of_a_model_stops_the_chat(
    talk: Talk, name: str, arguments: dict[str, object]
) -> None:
    def script(body: Body) -> Answer:
        if last_user(body) != "do it" or tool_results(body):
            return say("fine")
        return Reply(calls=((name, arguments),))

    talk.model.script = script
    await talk.says("do it")
    await talk.hears()
    assert FAILED_TEXT not in talk.voice.said[0].markdown
    assert len(talk.model.requests) <= 2


async def test_a_file_number_below_one_is_not_passed_over_in_silence(talk: Talk) -> None:
    talk.model.script = [call("delegate", title="t", instructions="i", files=[-5]), say("fine")]
    await talk.says("do it")
    await talk.hears()
    assert "error" in tool_results(talk.model.bodies[1])[0]
    assert talk.voice.tasks == []


async def test_one_answer_of_a_model_carries_out_a_bounded_number_of_calls(talk: Talk) -> None:
    many = tuple(("delegate", {"title": "t", "instructions": "i"}) for _ in range(CALLS_CAP + 30))
    talk.model.script = [Reply(calls=many), say("fine")]
    await talk.says("do it")
    assert await talk.hears() == ["fine"]
    assert len(talk.voice.tasks) == CALLS_CAP
    results = tool_results(talk.model.bodies[1])
    assert len([text for text in results if "too many" in text]) in {30, 0}


async def test_a_turn_that_always_fails_ends_with_a_sentence(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    ask = talk.callers[0].ask
    asked: list[str] = []

    async def breaks(messages: list[ChatMessage], **more: object) -> object:
        asked.append(str(messages[-1]["content"]))
        if asked[-1] == "poison":
            raise Bug("a picture that nobody can read")
        return await ask(messages, **more)  # type: ignore[arg-type] # passed on as it came

    talk.callers[0].ask = breaks  # type: ignore[method-assign, assignment] # the failing part
    await talk.says("poison")
    (said,) = await talk.hears()
    assert said == FAILED_TEXT.format(error="Bug")
    assert asked.count("poison") == 3
    await talk.says("hello")
    assert (await talk.hears(2))[1] == "ok"
    assert "failed and will try again" in caplog.text


async def test_postgres_being_away_never_ends_a_turn(talk: Talk) -> None:
    left = [Retryable("away", 0.01) for _ in range(9)]

    async def replied(session: Session, reply: Said) -> None:
        if left:
            raise left.pop()
        talk.voice.said.append(reply)

    talk.voice.reply = replied  # type: ignore[method-assign] # fails as Postgres does
    await talk.says("one")
    assert await talk.hears() == ["ok"]
    assert not left


async def test_an_edit_that_meets_the_answer_of_its_turn_is_answered(talk: Talk) -> None:
    """The correction commits after the model has answered and before the answer does."""
    seen: list[str] = []

    def script(body: Body) -> Answer:
        seen.append(last_user(body))
        return say(f"you said {seen[-1]}")

    talk.model.script = script
    answer = talk.conversation.answer
    is_edited = asyncio.Event()

    async def late(session: Session, work: object, text: str) -> object:
        if not is_edited.is_set():
            is_edited.set()
            async with talk.database.transaction() as other:
                number = await other.fetchval("select max(id) from messages where role = 'owner'")
                assert await talk.conversation.replace_pending(other, number, "corrected")
        return await answer(session, work, text)  # type: ignore[arg-type] # passed on

    talk.conversation.answer = late  # type: ignore[method-assign, assignment] # the unlucky moment
    await talk.says("first")
    assert (await talk.hears())[-1] == "you said corrected"
    assert len(talk.voice.said) == 1
    assert seen == ["first", "corrected"]


async def test_a_photo_that_joins_its_album_while_the_turn_acts_is_not_lost(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        if tool_results(body):
            return say("started")
        return call("delegate", title=last_user(body), instructions="i")

    talk.model.script = script
    start = talk.conversation.start
    has_grown = asyncio.Event()

    async def late(session: Session, work: object) -> object:
        if not has_grown.is_set():
            has_grown.set()
            async with talk.database.transaction() as other:
                await other.execute("update messages set text = text || ' second photo'")
        return await start(session, work)  # type: ignore[arg-type] # passed on

    talk.conversation.start = late  # type: ignore[method-assign, assignment] # the unlucky moment
    await talk.says("album")
    await talk.hears()
    assert await talk.database.fetchval("select array_agg(title) from tasks") == [
        "album second photo"
    ]
    assert await talk.database.fetchval("select count(*) from turns where chat_id = $1", CHAT) == 1
