"""The embedder and the extractor as memory uses them: real Postgres, processes and HTTP."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coordinator.embedding import OFFLINE_MODEL, Embedder
from coordinator.extracting import Mem0Extractor
from coordinator.heavy.client import Heavy
from coordinator.memory.types import Memory, MemoryId, Words
from core.config import ConfigStore
from core.db import Database
from core.errors import Retryable, UserFacing
from core.migrate import migrate
from core.seal import Seal
from core.settings import EnvSettings
from core.tasks import TaskStore
from tests.support.model_server import Fault, ScriptedModel, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime(2026, 5, 2, tzinfo=UTC)


@dataclass
class Parts:
    database: Database
    config: ConfigStore
    embedder: Embedder
    extractor: Mem0Extractor

    async def set(self, **values: str) -> None:
        for name, value in values.items():
            await self.config.set(name.replace("__", "."), value, actor="test")

    async def usage(self) -> list[tuple[str, str, int]]:
        rows = await self.database.fetch(
            "select purpose, outcome, prompt_tokens from usage order by id"
        )
        return [(row["purpose"], row["outcome"], row["prompt_tokens"]) for row in rows]


@pytest.fixture
async def parts(database_url: str) -> AsyncIterator[Parts]:
    database = await Database.connect(database_url)
    await migrate(database)
    config = ConfigStore(database=database, seal=Seal("k" * 32), env=EnvSettings())
    heavy, tasks = Heavy(), TaskStore(database)
    embedder = Embedder(heavy=heavy, config=config, tasks=tasks)
    extractor = Mem0Extractor(heavy=heavy, config=config, tasks=tasks)
    yield Parts(database=database, config=config, embedder=embedder, extractor=extractor)
    await embedder.close()
    await heavy.close()
    await database.close()


@dataclass
class Service:
    """An embeddings endpoint."""

    status: int = 200
    body: dict[str, Any] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""

    async def embed(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        self.keys.append(request.headers["Authorization"])
        rows = [
            {"index": index, "embedding": [float(len(text)), 1.0, 0.0]}
            for index, text in enumerate(asked["input"])
        ]
        body = self.body or {"data": rows[::-1], "usage": {"prompt_tokens": 7}}
        return web.json_response(body, status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    app = web.Application()
    app.router.add_post("/v1/embeddings", made.embed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


async def test_without_a_setting_the_offline_model_embeds(parts: Parts) -> None:
    assert (parts.embedder.name, parts.embedder.dimension) == (OFFLINE_MODEL, 384)
    found = await parts.embedder.embed([f"text {n}" for n in range(10)], kind="passage")
    assert (found.model, found.dimension, len(found)) == (OFFLINE_MODEL, 384, 10)
    assert all(math.isclose(sum(n * n for n in v), 1.0, abs_tol=1e-3) for v in found)
    assert await parts.usage() == []


async def test_a_service_that_is_set_embeds_in_order_and_is_booked(
    parts: Parts, service: Service
) -> None:
    await parts.set(
        embedding__model="org/embed-1", embedding__base_url=service.url, embedding__api_key="sk-e"
    )
    found = await parts.embedder.embed(["a" * n for n in range(1, 101)], kind="passage")
    assert (found.model, found.dimension, len(found)) == ("org/embed-1", 3, 100)
    assert (parts.embedder.name, parts.embedder.dimension) == ("org/embed-1", 3)
    assert found[3][0] / found[3][1] == pytest.approx(4.0)
    assert [len(asked["input"]) for asked in service.asked] == [64, 36]
    assert set(service.keys) == {"Bearer sk-e"}
    assert await parts.usage() == [("embedding", "ok", 7)] * 2


async def test_a_service_that_fails_is_left_alone_for_a_while(
    parts: Parts, service: Service
) -> None:
    await parts.set(embedding__model="m", embedding__base_url=service.url)
    service.status = 503
    for _ in range(3):
        with pytest.raises(Retryable):
            await parts.embedder.embed(["x"], kind="query")
    asked = len(service.asked)
    service.status = 200
    with pytest.raises(Retryable, match="left alone"):
        await parts.embedder.embed(["x"], kind="query")
    assert len(service.asked) == asked == 3


async def test_a_refused_key_is_told_to_the_owner(parts: Parts, service: Service) -> None:
    await parts.set(embedding__model="m", embedding__base_url=service.url)
    service.status = 401
    with pytest.raises(UserFacing) as told:
        await parts.embedder.embed(["x"], kind="query")
    assert "embedding.api_key" in told.value.hint


async def test_an_error_with_status_200_and_nonsense_are_failures(
    parts: Parts, service: Service
) -> None:
    await parts.set(embedding__model="m", embedding__base_url=service.url)
    for body in ({"error": {"code": 500, "message": "x"}}, {"data": [1, 2]}):
        service.body = body
        with pytest.raises(Retryable):
            await parts.embedder.embed(["x"], kind="query")


SAID = (
    Words(message_id=11, text="Hello!", at=NOW),
    Words(message_id=12, text="I moved to Bonn.", at=NOW),
)
KNOWN = (
    Memory(
        id=MemoryId(71), layer="fact", text="User lives in Berlin", label="owner", state="active",
        message_id=1, superseded_by=None, expires_at=None, created_at=NOW,
    ),
)  # fmt: skip


@pytest.fixture
async def model(parts: Parts) -> AsyncIterator[ScriptedModel]:
    made = ScriptedModel()
    await made.start()
    await parts.set(
        model__base_url=made.url, model__api_key="sk-m", model__coordinator="best,cheap"
    )
    yield made
    await made.stop()


async def test_the_cheapest_model_extracts_and_is_booked(
    parts: Parts, model: ScriptedModel
) -> None:
    model.script = lambda _: say(
        '{"memory": [{"text": "User moved to Bonn", "from": "m1", "supersedes": ["0"]},'
        ' {"text": "user lives in berlin."}]}'
    )
    (found,) = await parts.extractor.extract(SAID, KNOWN, now=NOW)
    assert (found.text, found.message_id, found.supersedes) == ("User moved to Bonn", 12, 71)
    assert [body["model"] for body in model.bodies] == ["cheap"]
    ((purpose, outcome, tokens),) = await parts.usage()
    assert (purpose, outcome) == ("memory", "ok")
    assert tokens > 1000


async def test_an_answer_of_no_use_is_booked_and_tried_later(
    parts: Parts, model: ScriptedModel
) -> None:
    model.script = lambda _: say("no")
    with pytest.raises(Retryable):
        await parts.extractor.extract(SAID, (), now=NOW)
    assert [(purpose, outcome) for purpose, outcome, _ in await parts.usage()] == [
        ("memory", "next")
    ]


async def test_without_words_or_a_model_nothing_is_asked(
    parts: Parts, model: ScriptedModel
) -> None:
    assert await parts.extractor.extract((), KNOWN, now=NOW) == ()
    await parts.config.reset("model.base_url", actor="test")
    await parts.config.reset("model.api_key", actor="test")
    with pytest.raises(Retryable, match="no model"):
        await parts.extractor.extract(SAID, KNOWN, now=NOW)
    assert model.bodies == []


async def test_a_service_that_is_away_is_retryable(parts: Parts, model: ScriptedModel) -> None:
    model.script = [Fault(status=503)]
    with pytest.raises(Retryable):
        await parts.extractor.extract(SAID, KNOWN, now=NOW)


async def test_a_former_model_can_be_asked_as_long_as_something_can_answer_for_it(
    parts: Parts, service: Service
) -> None:
    with pytest.raises(Retryable):
        await parts.embedder.embed_by("former", ["hello"], kind="query")
    await parts.set(embedding__model="present", embedding__base_url=service.url)
    offline = await parts.embedder.embed_by(OFFLINE_MODEL, ["hello"], kind="query")
    former = await parts.embedder.embed_by("former", ["hello"], kind="query")
    present = await parts.embedder.embed_by("present", ["hello"], kind="query")
    assert [one.model for one in (offline, former, present)] == [OFFLINE_MODEL, "former", "present"]
    assert [asked["model"] for asked in service.asked] == ["former", "present"]
