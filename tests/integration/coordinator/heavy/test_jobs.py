"""The jobs with their real libraries, in their real processes."""

from __future__ import annotations

import asyncio
import base64
import math
import os
import wave
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
from aiohttp import web

from core.errors import Retryable, UserFacing
from tests.support.model_server import Body, Fault, ScriptedModel, say
from tests.support.speech import TINY_MODEL, speak
from tests.unit.coordinator.heavy.test_picture import bomb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coordinator.heavy.client import Heavy


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    made = ScriptedModel()
    await made.start()
    yield made
    await made.stop()


async def vectors(heavy: Heavy, texts: list[str], kind: str) -> list[array[float]]:
    job = "embed_query" if kind == "query" else "embed_passages"
    body = await heavy.call(job, {"texts": texts, "kind": kind}, timeout_s=60)
    numbers = array("f", base64.b64decode(str(body["vectors"])))
    size = body["dimension"]
    assert isinstance(size, int)
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


def nearness(one: array[float], other: array[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_similar_sentences_are_nearer_than_unrelated_ones_in_two_languages(
    heavy: Heavy,
) -> None:
    (question,) = await vectors(heavy, ["When do I have to see the dentist?"], "query")
    near, also_near, far = await vectors(
        heavy,
        [
            "The owner's appointment for their teeth is on Monday at nine.",
            "Am Montag um neun hat die Besitzerin einen Termin beim Zahnarzt.",
            "The invoice of the electricity company was paid by transfer.",
        ],
        "passage",
    )
    assert min(nearness(question, near), nearness(question, also_near)) > nearness(question, far)
    assert math.isclose(nearness(near, near), 1.0, abs_tol=1e-3)


async def test_any_text_can_be_embedded(heavy: Heavy) -> None:
    texts = ["", " ", "\0", "\ud800", "x" * 100_000, "日本語 العربية 🦊"]
    found = await vectors(heavy, texts, "passage")
    assert len(found) == len(texts)
    assert all(math.isfinite(sum(vector)) for vector in found)


async def test_speech_becomes_text(heavy: Heavy, tmp_path: Path) -> None:
    path = speak("Please remind me to call the dentist on Monday morning", tmp_path / "a.wav")
    body = await heavy.call(
        "transcribe", {"path": str(path), "model": TINY_MODEL, "max_s": 60}, timeout_s=100
    )
    assert body["text"] == "Please remind me to call the dentist on Monday morning."
    assert body["language"] == "en"
    assert 2 < float(str(body["duration_s"])) < 6


def as_voice_note(wav: Path, path: Path) -> Path:
    """OGG with Opus, as Telegram sends it."""
    with av.open(str(wav)) as source, av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=48_000)
        for frame in source.decode(audio=0):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


async def test_a_voice_note_as_telegram_sends_it_is_understood(
    heavy: Heavy, tmp_path: Path
) -> None:
    wav = speak("Please remind me to call the dentist on Monday morning", tmp_path / "a.wav")
    path = as_voice_note(wav, tmp_path / "a.oga")
    payload = {"path": str(path), "model": TINY_MODEL, "language": "en"}
    body = await heavy.call("transcribe", payload, timeout_s=100)
    assert body["text"] == "Please remind me to call the dentist on Monday morning."


async def test_a_recording_that_is_too_long_broken_or_missing_is_told(
    heavy: Heavy, tmp_path: Path
) -> None:
    wav = speak("This is longer than one second for sure", tmp_path / "a.wav")
    (tmp_path / "b").write_bytes(b"no sound at all")
    (tmp_path / "c").write_bytes(b"")
    os.truncate(speak("cut", tmp_path / "d"), 30)
    cases = [
        (str(wav), TINY_MODEL, "longer than"), (str(tmp_path / "b"), TINY_MODEL, "no sound"),
        (str(tmp_path / "c"), TINY_MODEL, "no sound"),
        (str(tmp_path / "d"), TINY_MODEL, "no sound"),
        (str(tmp_path / "none"), TINY_MODEL, "not there"), (str(wav), str(tmp_path), "not there"),
    ]  # fmt: skip
    for path, folder, told in cases:
        payload = {"path": path, "model": folder, "max_s": 1.0}
        with pytest.raises(UserFacing, match=told):
            await heavy.call("transcribe", payload, timeout_s=60)


async def test_silence_gives_no_words(heavy: Heavy, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(64_000))
    payload = {"path": str(tmp_path / "a.wav"), "model": TINY_MODEL}
    assert (await heavy.call("transcribe", payload, timeout_s=100))["text"] == ""


async def test_a_bomb_is_refused_in_its_cage(heavy: Heavy, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb(60_000, 60_000))
    with pytest.raises(UserFacing, match="too large"):
        await heavy.call("picture", {"path": str(tmp_path / "a.png")}, timeout_s=30)


def extraction(model: ScriptedModel, said: list[str], **more: Any) -> dict[str, Any]:
    return {
        "base_url": model.url, "api_key": "sk-canary", "model": "cheap", "timeout_s": 20,
        "said": [{"text": text, "date": "2026-05-01"} for text in said], "known": [],
        "on": "2026-05-02", **more,
    }  # fmt: skip


async def test_mem0_extracts_with_its_own_prompt(heavy: Heavy, model: ScriptedModel) -> None:
    model.script = lambda _: say(
        '<think>hm</think>```json\n{"memory": [{"id": "0", "text": "User moved to Bonn",'
        ' "from": "m1", "kind": "episode", "supersedes": ["0"]}]}\n```'
    )
    known = [{"id": "71", "text": "User lives in Berlin"}]
    body = await heavy.call(
        "extract", extraction(model, ["Hello!", "I moved to Bonn"], known=known), timeout_s=60
    )
    assert body["facts"] == [{
        "text": "User moved to Bonn", "action": "supersede", "supersedes": ["71"], "links": [],
        "layer": "episode", "said": 1,
    }]  # fmt: skip
    assert isinstance(body["usage"], dict)
    assert body["usage"]["completion_tokens"] == 20
    system, prompt = (str(message["content"]) for message in model.bodies[0]["messages"])
    assert "You are a Memory Extractor" in system
    assert "I moved to Bonn" in prompt
    assert "User lives in Berlin" in prompt
    assert "71" not in prompt
    assert model.keys == ["Bearer sk-canary"]


async def test_a_service_that_refuses_the_json_mode_is_asked_without_it(
    heavy: Heavy, model: ScriptedModel
) -> None:
    def script(body: Body) -> Any:
        if "response_format" in body:
            return Fault(status=400, body='{"error": {"message": "unknown field"}}')
        return say('{"memory": []}')

    model.script = script
    body = await heavy.call("extract", extraction(model, ["Hi"]), timeout_s=60)
    assert (body["facts"], body["is_readable"]) == ([], True)


async def test_failures_of_the_service_are_sorted(heavy: Heavy, model: ScriptedModel) -> None:
    for fault in (Fault(status=500), Fault(), Fault(status=429), Fault(body="garbage")):
        model.script = [fault]
        with pytest.raises(Retryable):
            await heavy.call("extract", extraction(model, ["Hi"]), timeout_s=60)
    for status in (401, 402, 404):
        model.script = [Fault(status=status)]
        with pytest.raises(UserFacing):
            await heavy.call("extract", extraction(model, ["Hi"]), timeout_s=60)
    for text in ("I would rather not.", '{"memory": 7}', "[]", "{"):
        model.script = [say(text)]
        body = await heavy.call("extract", extraction(model, ["Hi"]), timeout_s=60)
        assert (body["facts"], body["is_readable"]) == ([], False)
    await model.stop()
    with pytest.raises(Retryable):
        await heavy.call("extract", extraction(model, ["Hi"]), timeout_s=60)


async def test_mem0_leaves_no_file_in_the_home_folder(heavy: Heavy, model: ScriptedModel) -> None:
    traces = (Path.home() / ".mem0", Path("/nonexistent"))
    before = [path.exists() for path in traces]
    model.script = [say('{"memory": []}')]
    await heavy.call("extract", extraction(model, ["Hi"]), timeout_s=60)
    assert [path.exists() for path in traces] == before


FILES = {
    "config.json": b"{}",
    "model.bin": b"x" * 3_000_000,
    "tokenizer.json": b"{}",
    "README": b"?",
}


async def hub(watched: asyncio.Event) -> tuple[web.AppRunner, list[str]]:
    """A model hub with one model, as its client asks for it; the model comes once `watched`."""
    seen: list[str] = []

    async def info(_: web.Request) -> web.Response:
        files = [{"rfilename": name} for name in FILES]
        return web.json_response({"id": "some/model", "sha": "a" * 40, "siblings": files})

    async def tree(_: web.Request) -> web.Response:
        return web.json_response([
            {"type": "file", "path": name, "size": len(body), "oid": f"{name}-id"}
            for name, body in FILES.items()
        ])  # fmt: skip

    async def file(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        seen.append(f"{request.method} {name}")
        if name == "model.bin" and request.method == "GET":
            await watched.wait()
        headers = {"ETag": f'"{name}-1"', "X-Repo-Commit": "a" * 40}
        return web.Response(body=FILES[name], headers=headers)

    app = web.Application()
    app.router.add_get("/api/models/some/model", info)
    app.router.add_get("/api/models/some/model/revision/{revision}", info)
    app.router.add_get("/api/models/some/model/tree/{revision}", tree)
    app.router.add_get("/some/model/resolve/{revision}/{name}", file)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, seen


def contents(place: Path) -> dict[str, bytes]:
    paths = (path for path in place.iterdir() if not path.name.startswith("."))
    return {path.name: path.read_bytes() for path in paths}


async def test_a_speech_model_is_downloaded_once_and_tells_how_far_it_is(
    heavy: Heavy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = asyncio.Event()
    runner, seen = await hub(watched)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}")
    payload = {"model": "some/model", "folder": str(tmp_path)}
    body = await heavy.call(
        "fetch_voice_model", payload, timeout_s=60, on_progress=lambda *_: watched.set()
    )
    place = Path(str(body["path"]))
    assert contents(place) == {name: body for name, body in FILES.items() if name != "README"}
    count = len(seen)
    await heavy.call("fetch_voice_model", payload, timeout_s=60)
    assert len(seen) == count
    await runner.cleanup()
    with pytest.raises(Retryable):
        await heavy.call("fetch_voice_model", {**payload, "model": "an/other"}, timeout_s=60)
