"""A conversation of many turns with a scripted model, over a real database.

The scripted summariser keeps nothing at all, so what is still known at the end was kept by us: in
the window, in the standing rules, or found by the search. Facts are planted on the way; at the end
each is asked for once. The model answers from its prompt, and looks with its tool `recall` where
the prompt does not hold the answer.
"""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from coordinator.actions import Actions
from coordinator.memory.index import PassageIndex
from coordinator.memory.lane import MemoryLane
from coordinator.memory.recall import Recall
from coordinator.memory.search import Search
from coordinator.memory.store import MemoryStore
from coordinator.memory.turns import TurnMemory
from coordinator.model import ModelCaller
from coordinator.standing_store import StandingRules
from coordinator.store import Conversation, NewMessage, Work
from coordinator.summary import Summariser
from coordinator.turn import Turn
from coordinator.turn_parts import TurnParts
from core.audit import Audit
from core.bus import Bus
from core.config import ConfigStore
from core.db import Database
from core.migrate import migrate
from core.seal import Seal
from core.settings import EnvSettings
from core.spawn import Spawner
from core.tasks import TaskStore
from tests.support.model_server import Answer, Body, ScriptedModel, call, last_user, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coordinator.memory.ports import Embedder
    from coordinator.ports import Begin, Reply
    from core.db import Session

CHAT = 7
PEOPLE = ("sister", "brother", "neighbour", "dentist", "landlord", "boss", "cousin", "teacher")
THINGS = ("birthday", "car", "locker", "favourite tea", "street", "dog", "train", "instrument")
WORDS = (
    "weather", "garden", "report", "meeting", "window", "paper", "coffee", "number", "table",
    "answer", "morning", "project", "green", "idea", "plan", "list", "folder", "music", "river",
    "mountain", "lamp", "bread", "market", "letter", "story", "question", "road",
)  # fmt: skip
ORDERS = (
    "Please do not send anything until I say so.",
    "Always answer in German.",
    "Never write to my boss.",
)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something the owner said once."""

    said: str
    asked: str
    value: str


def facts(count: int) -> list[Fact]:
    """So many different ones; the values stand nowhere else."""
    pairs = [(person, thing) for person in PEOPLE for thing in THINGS]
    random.Random(3).shuffle(pairs)
    return [
        Fact(
            said=f"By the way, the {thing} of my {person} is called zq{number:02d}x.",
            asked=f"What is the {thing} of my {person} called?",
            value=f"zq{number:02d}x",
        )
        for number, (person, thing) in enumerate(pairs[:count])
    ]


async def begin_nothing(_: Session) -> None:
    """There is no outbox."""


class SilentVoice:
    """Says nothing."""

    async def reply(self, session: Session, reply: Reply) -> None:
        """Nothing."""

    async def open_draft(self, session: Session, reply: Reply) -> None:
        """Nothing."""

    def update_draft(self, reply: Reply) -> None:
        """Nothing."""

    async def announce_task(self, session: Session, no: int) -> None:
        """Nothing."""

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[Begin]:
        """Nothing."""
        yield begin_nothing

    def wake(self) -> None:
        """Nothing."""

    @asynccontextmanager
    async def typing(self, chat_id: int) -> AsyncIterator[None]:
        """Nothing."""
        yield


@dataclass
class Outcome:
    """What was seen."""

    turns: int = 0
    turn_calls: int = 0
    summary_calls: int = 0
    peak_bytes: int = 0
    facts: int = 0
    in_prompt: int = 0
    by_recall: int = 0
    rules_missing: int = 0
    longest_summary: int = 0

    @property
    def kept_share(self) -> float:
        """Facts that the model had in the end, in percent."""
        return 100 * (self.in_prompt + self.by_recall) / max(1, self.facts)


@dataclass
class LongTalk:
    """The parts of a coordinator, without a bot; turns run one by one."""

    database: Database
    bus: Bus
    model: ScriptedModel
    embedder: Embedder
    dice: random.Random = field(default_factory=lambda: random.Random(5))
    outcome: Outcome = field(default_factory=Outcome)
    value: str = ""

    def __post_init__(self) -> None:
        env = EnvSettings(
            model_base_url=self.model.url,
            model_api_key=SecretStr("sk-test"),
            model_coordinator="best,cheap",
        )
        database = self.database
        self.config = ConfigStore(database=database, seal=Seal("x" * 20), env=env)
        self.conversation, tasks = Conversation(database), TaskStore(database)
        self.caller = ModelCaller(self.config, tasks)
        self.rules = StandingRules(database, Audit(database))
        store, index = MemoryStore(database), PassageIndex(database)
        search = Search(index, self.embedder)
        self.lane = MemoryLane(
            database=database, store=store, index=index, search=search,
            embedder=self._embedder, extractor=self._nobody,
        )  # fmt: skip
        memory = TurnMemory(
            store=store, recall=Recall(search), config=self.config, wake=lambda: None
        )
        actions = Actions(
            tasks=tasks, conversation=self.conversation, config=self.config, voice=SilentVoice()
        )
        actions.memory, actions.rules = memory, self.rules
        self.parts = TurnParts(
            database=database, bus=self.bus, config=self.config, conversation=self.conversation,
            tasks=tasks, model=self.caller, actions=actions, voice=SilentVoice(), memory=memory,
            rules=self.rules,
        )  # fmt: skip
        self.spawner = Spawner()
        self.summariser = Summariser(
            conversation=self.conversation, model=self.caller, config=self.config, tasks=tasks,
            spawner=self.spawner,
        )  # fmt: skip
        self.model.script = self.script

    async def _embedder(self) -> Embedder:
        return self.embedder

    async def _nobody(self) -> None:
        return None

    def words(self, count: int) -> str:
        """Talk about nothing."""
        return " ".join(self.dice.choices(WORDS, k=count))

    def script(self, body: Body) -> Answer:
        """The model."""
        if not body.get("tools"):
            self.outcome.summary_calls += 1
            return say("They talked about this and that.")
        self.outcome.turn_calls += 1
        if not self.value or last_user(body) not in self.asked:
            return say(self.words(self.dice.randint(20, 120)))
        results = [str(m["content"]) for m in body["messages"] if m["role"] == "tool"]
        everything = " ".join(str(m.get("content")) for m in body["messages"])
        if results:
            self.outcome.by_recall += self.value in results[-1]
            return say("Thanks.")
        if self.value in everything:
            self.outcome.in_prompt += 1
            return say("I know.")
        return call("recall", query=last_user(body))

    asked: frozenset[str] = frozenset()

    async def turn(self, text: str) -> None:
        """One message of the owner's, its answer, and the work after it."""
        async with self.database.transaction() as session:
            await self.rules.heard(session, CHAT, text)
            await self.conversation.add(session, NewMessage(chat_id=CHAT, text=text))
        work = await self.conversation.next_work(CHAT)
        assert isinstance(work, Work)
        seen = len(self.model.requests)
        await Turn(self.parts, work).run()
        self.look_at(seen)
        await self.work()

    def look_at(self, seen: int) -> None:
        """Measures what the model was sent since then."""
        for _, body, size in self.model.requests[seen:]:
            self.outcome.peak_bytes = max(self.outcome.peak_bytes, size)
            system = body["messages"][0]["content"] if body.get("tools") else ""
            for number, order in enumerate(self.given):
                self.outcome.rules_missing += (
                    bool(system) and f"{number + 1}. {order}" not in system
                )
        self.model.requests.clear()

    given: tuple[str, ...] = ()

    async def work(self) -> None:
        """What happens in the background, done now."""
        while await self.lane.index_some():
            pass
        while await self.lane.embed_some(self.embedder):
            pass
        while await self.summariser.summarise(CHAT):
            pass
        summary = await self.conversation.summary(CHAT)
        self.outcome.longest_summary = max(self.outcome.longest_summary, len(summary.encode()))
        self.look_at(0)

    async def run(self, turns: int, *, planted: int) -> Outcome:
        """So many turns, with facts in the first four fifths and one `/new` in the middle."""
        found = facts(planted)
        step = max(1, turns * 4 // 5 // max(1, planted))
        orders = list(ORDERS)
        for number in range(turns):
            text = self.words(self.dice.randint(10, 120))
            if number % step == 1 and number // step < planted:
                text = f"{text}. {found[number // step].said} {self.words(8)}"
            if orders and number % (turns // 8) == 2:
                text = f"{text}. {orders[0]}"
                self.given = (*self.given, orders.pop(0))
            if number == turns // 2:
                async with self.database.transaction() as session:
                    await self.conversation.forget(session, CHAT)
            await self.turn(text)
        self.outcome.turns = turns
        self.asked = frozenset(fact.asked for fact in found)
        for fact in found:
            self.value = fact.value
            await self.turn(fact.asked)
        self.outcome.facts = len(found)
        return self.outcome


@asynccontextmanager
async def long_talk(
    database_url: str, redis_url: str, embedder: Embedder, *, history_kb: int = 24
) -> AsyncIterator[LongTalk]:
    """A conversation that has not begun."""
    model = ScriptedModel()
    await model.start()
    database = await Database.connect(database_url)
    await migrate(database)
    bus = Bus.connect(redis_url, "long-talk")
    made = LongTalk(database=database, bus=bus, model=model, embedder=embedder)
    await made.config.set("chat.history_kb", str(history_kb), actor="test")
    await made.config.set("chat.streaming", "off", actor="test")
    try:
        yield made
    finally:
        await made.spawner.close()
        await made.caller.close()
        await bus.close()
        await database.close()
        await model.stop()
