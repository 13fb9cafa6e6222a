"""Answers as services really stream them: cut, nested, without numbers."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.model import Answer, ModelCaller
from core.config import ConfigStore
from core.db import Database
from core.errors import Retryable
from core.migrate import migrate
from core.seal import Seal
from core.settings import load_settings
from core.tasks import TaskStore

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"connection: close\r\n\r\n"
)
DONE, END = b"[DONE]", b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return f"{len(event):x}\r\n".encode() + event + b"\r\n"


def delta(**changes: Any) -> bytes:
    return chunk(json.dumps({"choices": [{"delta": changes}]}).encode())


def part(call_id: str, arguments: str) -> dict[str, Any]:
    return {
        "id": call_id,
        "function": {"name": call_id and f"do_{call_id}", "arguments": arguments},
    }


class Service:
    """A model service that says these bytes and closes the connection."""

    def __init__(self, caller: ModelCaller) -> None:
        self.caller = caller
        self.said = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + self.said)
        await writer.drain()
        writer.close()

    async def answer(self, said: bytes) -> Answer:
        self.said = said
        return await self.caller.ask([{"role": "user", "content": "x"}], tools=[])


@pytest.fixture
async def service(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    database = await Database.connect(database_url)
    await migrate(database)
    listening = await asyncio.start_server(lambda r, w: made.serve(r, w), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("MODEL_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("MODEL_API_KEY", "sk-test")
    monkeypatch.setenv("MODEL_COORDINATOR", "only")
    config = ConfigStore(database=database, seal=Seal("x" * 20), env=load_settings())
    made = Service(ModelCaller(config, TaskStore(database)))
    yield made
    await made.caller.close()
    listening.close()
    await listening.wait_closed()
    await database.close()


async def test_a_line_that_is_cut_after_the_end_costs_no_answer(service: Service) -> None:
    answer = await service.answer(delta(content="hi") + chunk(DONE))
    assert answer.text == "hi"


@pytest.mark.parametrize(
    "said", [delta(content="hi"), chunk(b'{"a":' + b"[" * 100_000) + END], ids=["cut", "nested"]
)
async def test_what_is_no_whole_answer_is_the_services_failure(
    service: Service, said: bytes
) -> None:
    with pytest.raises(Retryable):
        await service.answer(said)


async def test_calls_without_numbers_are_told_apart_by_their_ids(service: Service) -> None:
    answer = await service.answer(
        delta(tool_calls=[part("a", "{}"), part("b", '{"x":')])
        + delta(tool_calls=[part("", "1}")]) + chunk(DONE) + END
    )  # fmt: skip
    calls = [(call.name, call.arguments) for call in answer.tool_calls]
    assert calls == [("do_a", "{}"), ("do_b", '{"x":1}')]
