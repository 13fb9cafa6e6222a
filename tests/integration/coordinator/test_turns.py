"""Turns with a real database and model service: joining, crashing, failing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from coordinator.actions import Actions
from coordinator.lane import Lanes
from coordinator.model import ModelCaller
from coordinator.ports import Reply
from coordinator.store import Conversation, NewMessage
from coordinator.summary import Summariser
from coordinator.turn import NO_MODEL
from coordinator.turn_parts import TurnParts
from core.bus import Bus
from core.config import ConfigStore
from core.db import Database, Session
from core.migrate import migrate
from core.seal import Seal
from core.settings import EnvSettings, load_settings
from core.spawn import Spawner
from core.tasks import TaskStore
from tests.support.model_server import (
    Answer,
    Body,
    Fault,
    ScriptedModel,
    call,
    last_user,
    say,
    tool_results,
)

CHAT = 7


async def begin_nothing(_: Session) -> None:
    """There is no outbox."""


class KeptVoice:
    """A voice that remembers: what was said stands in a table, like the outbox."""

    def __init__(self) -> None:
        self.said: list[Reply] = []
        self.drafts: list[str] = []
        self.tasks: list[int] = []
        self.woken = asyncio.Event()

    async def reply(self, session: Session, reply: Reply) -> None:
        self.said.append(reply)

    async def open_draft(self, session: Session, reply: Reply) -> None:
        self.drafts.append(reply.markdown)

    def update_draft(self, reply: Reply) -> None:
        self.drafts.append(reply.markdown)

    async def announce_task(self, session: Session, no: int) -> None:
        self.tasks.append(no)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Callable[[Session], Awaitable[None]]]:
        yield begin_nothing

    def wake(self) -> None:
        self.woken.set()

    @asynccontextmanager
    async def typing(self, chat_id: int) -> AsyncIterator[None]:
        yield


class Talk:
    """A chat with a coordinator that may be killed and started again."""

    def __init__(
        self, database: Database, bus: Bus, model: ScriptedModel, env: EnvSettings
    ) -> None:
        self.database = database
        self.model = model
        self.voice = KeptVoice()
        self.tasks = TaskStore(database)
        self.conversation = Conversation(database)
        self.config = ConfigStore(database=database, seal=Seal("x" * 20), env=env)
        self._bus = bus
        self.spawner = Spawner()
        self.callers: list[ModelCaller] = []
        self.lanes = self._lanes()

    def _lanes(self) -> Lanes:
        caller = ModelCaller(self.config, self.tasks)
        self.callers.append(caller)
        actions = Actions(
            tasks=self.tasks, conversation=self.conversation, config=self.config, voice=self.voice
        )
        parts = TurnParts(
            database=self.database, bus=self._bus, config=self.config,
            conversation=self.conversation, tasks=self.tasks, model=caller, actions=actions,
            voice=self.voice,
        )  # fmt: skip
        self.summariser = Summariser(
            conversation=self.conversation, model=caller, config=self.config, tasks=self.tasks,
            spawner=self.spawner,
        )  # fmt: skip
        return Lanes(parts=parts, summariser=self.summariser, spawner=self.spawner)

    async def crash(self) -> None:
        """All coroutines end where they are; what is in Postgres stays."""
        await self.spawner.close()
        self.spawner = Spawner()
        self.lanes = self._lanes()

    async def close(self) -> None:
        await self.spawner.close()
        for caller in self.callers:
            await caller.close()

    async def says(self, text: str, *, hold_s: float = 0.0) -> None:
        async with self.database.transaction() as session:
            new = NewMessage(chat_id=CHAT, text=text, hold_s=hold_s)
            await self.conversation.add(session, new)
        self.lanes.wake(CHAT)

    async def hears(self, count: int = 1) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.voice.said) < count:
                self.voice.woken.clear()
                await self.voice.woken.wait()
        return [reply.markdown for reply in self.voice.said]

    async def asked(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.model.requests) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
async def talk(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Talk]:
    model = ScriptedModel()
    await model.start()
    monkeypatch.setenv("MODEL_BASE_URL", model.url)
    monkeypatch.setenv("MODEL_API_KEY", "sk-test")
    monkeypatch.setenv("MODEL_COORDINATOR", "first,second")
    database = await Database.connect(database_url)
    await migrate(database)
    bus = Bus.connect(redis_url, "talk")
    made = Talk(database, bus, model, load_settings())
    yield made
    await made.close()
    await bus.close()
    await database.close()
    await model.stop()


async def test_an_answer_is_said_once_and_remembered(talk: Talk) -> None:
    talk.model.script = lambda body: say(f"you said {last_user(body)}")
    await talk.says("one")
    assert await talk.hears() == ["you said one"]
    await talk.says("two")
    assert await talk.hears(2) == ["you said one", "you said two"]
    contents = [m["content"] for m in talk.model.bodies[1]["messages"][1:]]
    assert contents == ["one", "you said one", "two"]
    usage = await talk.database.fetchrow("select count(*) as n, sum(cost_usd) as c from usage")
    assert usage is not None
    assert usage["n"] == 2
    assert usage["c"] > 0


async def test_a_hello_costs_at_most_six_thousand_bytes(talk: Talk) -> None:
    await talk.says("hello")
    await talk.hears()
    assert talk.model.requests[0][2] <= 6_000


async def test_a_further_message_joins_the_turn_that_has_not_answered(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        users = [m["content"] for m in body["messages"] if m["role"] == "user"]
        return say(" + ".join(users), pause_s=30 if len(users) == 1 else 0)

    talk.model.script = script
    await talk.says("one")
    await talk.asked(1)
    await talk.says("two")
    assert await talk.hears() == ["one + two"]


async def test_a_turn_that_has_acted_is_not_joined(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        if last_user(body) == "two":
            return say("second")
        done = tool_results(body)
        return say("first", pause_s=0.5) if done else call("delegate", title="t", instructions="i")

    talk.model.script = script
    await talk.says("one")
    await talk.asked(2)
    await talk.says("two")
    assert await talk.hears(2) == ["first", "second"]
    assert talk.voice.tasks == [1]


async def test_a_crash_before_the_answer_asks_again(talk: Talk) -> None:
    talk.model.script = [say("lost", pause_s=30), say("found")]
    await talk.says("one")
    await talk.asked(1)
    await talk.crash()
    await talk.lanes.resume()
    assert await talk.hears() == ["found"]


async def test_a_crash_after_delegating_does_not_delegate_again(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        if not tool_results(body):
            return call("delegate", title="t", instructions="i")
        return say("started", pause_s=30 if len(talk.model.requests) == 2 else 0)

    talk.model.script = script
    await talk.says("do it")
    await talk.asked(2)
    await talk.crash()
    await talk.lanes.resume()
    assert await talk.hears() == ["started"]
    assert len(await talk.tasks.live()) == 1
    assert "Task #1 is queued" in tool_results(talk.model.bodies[2])[0]


async def test_what_waits_behind_an_open_turn_is_answered_after_a_crash(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        if last_user(body).endswith("and this?"):
            return say("that")
        if not tool_results(body):
            return call("delegate", title="t", instructions="i")
        return say("started", pause_s=30 if len(talk.model.requests) == 2 else 0)

    talk.model.script = script
    await talk.says("do it")
    await talk.asked(2)
    await talk.says("and this?")
    await talk.crash()
    await talk.lanes.resume()
    assert await talk.hears(2) == ["started", "that"]


async def test_a_long_answer_is_shown_while_it_grows_and_survives_a_crash(talk: Talk) -> None:
    words = "word " * 60
    talk.model.script = [say(words, chunks=12, chunk_s=0.3), say("the whole answer")]
    await talk.says("tell me")
    async with asyncio.timeout(20):
        while not talk.voice.drafts:
            await asyncio.sleep(0.01)
    await talk.crash()
    await talk.lanes.resume()
    assert await talk.hears() == ["the whole answer"]
    turn = await talk.database.fetchrow("select count(*) as n, min(state) as state from turns")
    assert turn is not None
    assert (turn["n"], turn["state"]) == (1, "done")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=402, body='{"error": {"message": "no credit"}}'), "wants payment (402)"),
        (Fault(status=403), "refused the key (403)"),
        (Fault(status=401), "/config model.api_key"),
        (Fault(status=200, body='{"error": {"code": 402, "message": "none"}}'), "payment"),
    ],
)
async def test_what_only_the_owner_can_mend_is_told_and_not_retried(
    talk: Talk, fault: Fault, says: str
) -> None:
    talk.model.script = [fault]
    await talk.says("hello")
    assert says in (await talk.hears())[0]
    assert len(talk.model.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500), Fault(status=502, body="<html>"), Fault(status=429),
        Fault(status=200, body='{"error": {"code": 500, "message": "x"}}'),
        Fault(status=200, body="nonsense"), Fault(status=200, body="{}"), Fault(status=400),
        say(""),
    ],
)  # fmt: skip
async def test_any_other_failure_goes_to_the_next_model(talk: Talk, fault: Answer) -> None:
    talk.model.script = lambda body: fault if body["model"] == "first" else say("from the second")
    await talk.says("hello")
    assert await talk.hears() == ["from the second"]
    assert [b["model"] for b in talk.model.bodies] == ["first", "second"]


async def test_a_broken_call_is_told_to_the_model(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        results = tool_results(body)
        if not results:
            return call("delegate", title="only a title")
        return say(results[0])

    talk.model.script = script
    await talk.says("do it")
    assert "instructions" in (await talk.hears())[0]
    assert await talk.tasks.live() == ()


async def test_the_owner_is_asked_with_choices(talk: Talk) -> None:
    talk.model.script = [call("ask_owner", question="Which?", choices=["a", "b"])]
    await talk.says("do it")
    assert await talk.hears() == ["Which?"]
    assert talk.voice.said[0].choices == ("a", "b")


async def test_the_model_changes_only_what_it_may(talk: Talk) -> None:
    def script(body: Body) -> Answer:
        results = tool_results(body)
        if len(results) == 0:
            return call("change_setting", name="tasks.parallel", value="2")
        if len(results) == 1:
            return call("change_setting", name="model.base_url", value="http://evil")
        return say(" | ".join(results))

    talk.model.script = script
    await talk.says("two at once, please")
    (text,) = await talk.hears()
    assert text.startswith("tasks.parallel is now 2. | error: Only the owner can change that.")
    assert (await talk.config.current()).whole("tasks.parallel") == 2


async def test_a_held_message_waits_for_its_continuation(talk: Talk) -> None:
    talk.model.script = lambda body: say(last_user(body))
    await talk.says("begin ", hold_s=5)
    async with talk.database.transaction() as session:
        newest = await talk.conversation.newest_pending(session, CHAT)
        assert newest is not None
        await talk.conversation.append_pending(session, newest["id"], text="end", hold_s=0)
    talk.lanes.wake(CHAT)
    assert await talk.hears() == ["begin end"]


async def test_old_talk_is_summarised_and_the_prompt_stays_small(talk: Talk) -> None:
    await talk.config.set("chat.history_kb", "2", actor="test")

    def script(body: Body) -> Answer:
        if not body.get("tools"):
            return say("SUMMARY of what was said")
        return say("answer " + "x" * 300)

    talk.model.script = script
    for number in range(12):
        await talk.says(f"message {number} " + "y" * 300)
        await talk.hears(number + 1)
    async with asyncio.timeout(20):
        while "SUMMARY" not in await talk.conversation.summary(CHAT):
            await asyncio.sleep(0.01)
    await talk.says("and now?")
    await talk.hears(13)
    body = talk.model.bodies[-1]
    assert "SUMMARY of what was said" in body["messages"][0]["content"]
    assert max(size for _, b, size in talk.model.requests if b.get("tools")) < 10_000


async def test_without_a_model_the_owner_is_told_how_to_add_one(
    database_url: str, redis_url: str
) -> None:
    database = await Database.connect(database_url)
    await migrate(database)
    bus = Bus.connect(redis_url, "talk")
    talk = Talk(database, bus, ScriptedModel(), EnvSettings())
    await talk.says("hello")
    assert await talk.hears() == [NO_MODEL]
    await talk.close()
    await bus.close()
    await database.close()
