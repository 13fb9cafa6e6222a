"""Transcription by a service on the wire: OpenAI's form, OpenRouter's JSON, and failures."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coordinator.speech.service import (
    ServiceFailed,
    openrouter_body,
    read_answer,
    transcribe,
)
from core.errors import Retryable, UserFacing
from core.models import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Service:
    """`answer` is (status, body); what arrived is kept."""

    def __init__(self) -> None:
        self.answer: tuple[int, str] = (200, '{"text": "hello  there"}')
        self.seen: list[dict[str, Any]] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.Response:
        form = await request.post()
        kept: dict[str, Any] = {"key": request.headers["Authorization"]}
        for name, value in form.items():
            is_file = isinstance(value, web.FileField)
            kept[name] = (value.filename, value.file.read()) if is_file else value
            if isinstance(value, web.FileField):
                value.file.close()
        self.seen.append(kept)
        return web.Response(
            status=self.answer[0], text=self.answer[1], content_type="application/json"
        )


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    app = web.Application()
    app.router.add_post("/v1/audio/transcriptions", made.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


def route(service: Service) -> Route:
    return Route(model="whisper-1", base_url=f"http://127.0.0.1:{service.port}/v1", api_key="sk-9")


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "5.ogg"
    path.write_bytes(b"OggS sound")
    return path


async def test_the_file_goes_in_a_form_as_openai_wants_it(service: Service, note: Path) -> None:
    found = await transcribe(route(service), note, language="de")
    assert found.text == "hello there"
    (seen,) = service.seen
    assert seen["file"] == ("speech.ogg", b"OggS sound")
    assert (seen["model"], seen["language"], seen["key"]) == ("whisper-1", "de", "Bearer sk-9")
    await transcribe(route(service), note, language="")
    assert "language" not in service.seen[1]


async def test_failures_of_the_service_are_sorted(service: Service, note: Path) -> None:
    for status, body in ((500, "{}"), (429, "{}"), (200, "no json"), (200, "[]"), (200, "{}")):
        service.answer = (status, body)
        with pytest.raises(Retryable):
            await transcribe(route(service), note, language="")
    for status in (401, 402, 404, 413):
        service.answer = (status, '{"error": {"message": "because"}}')
        with pytest.raises(UserFacing, match="because") as caught:
            await transcribe(route(service), note, language="")
        assert "sk-9" not in caught.value.sentence()
    service.answer = (200, '{"error": {"code": 401, "message": "because"}}')
    with pytest.raises(UserFacing, match="because"):
        await transcribe(route(service), note, language="")


def test_openrouter_gets_the_sound_inside_json() -> None:
    body = openrouter_body("openai/whisper-1", b"sound", "ogg", "")
    assert json.loads(json.dumps(body)) == {
        "model": "openai/whisper-1",
        "input_audio": {"data": base64.b64encode(b"sound").decode(), "format": "ogg"},
    }
    assert openrouter_body("m", b"", "ogg", "de")["language"] == "de"


def test_what_a_service_tells_beside_the_text_is_kept() -> None:
    found = read_answer({"text": "a", "usage": {"seconds": 9.2, "cost": 0.0008}})
    assert (found.seconds, str(found.usage.cost_usd)) == (9.2, "0.0008")
    found = read_answer({"text": "a", "language": "german", "duration": 3, "usage": "?"})
    assert (found.seconds, found.language) == (3.0, "german")
    with pytest.raises(ServiceFailed):
        read_answer({"text": 5})
