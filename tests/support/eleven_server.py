"""A stand-in for ElevenLabs over real HTTP: the routes, headers and bodies that its SDK speaks.

Contract: `GET /v2/voices`, `POST /v1/text-to-speech/{voice}?output_format=…` with `xi-api-key`;
errors are `{"detail": {"status", "message"}}`, and a list of problems for 422. What it says is
spoken by flite, so a test can listen to it.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from coordinator.heavy.opus import as_voice_note

KEY = "xi-key-that-nobody-may-see"
VOICES = tuple(
    {"voice_id": f"voice{n:015d}ABCDE", "name": name, "labels": {"accent": accent, "age": "young"}}
    for n, (name, accent) in enumerate([("Anna", "german"), ("Brian", "american")])
)
SHORTEST = 1


@dataclass(kw_only=True)
class Eleven:
    """The server; `failure` (status, detail) is answered instead until it is taken away."""

    failure: tuple[int, Any] | None = None
    output: str = "opus"
    spoken: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hang_s: float = 0.0
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v2/voices", self._voices)
        app.router.add_post("/v1/text-to-speech/{voice}", self._speak)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.keys.append(request.headers.get("xi-api-key", ""))
        if self.failure is not None:
            status, detail = self.failure
            return web.json_response({"detail": detail}, status=status)
        if self.keys[-1] != KEY:
            detail = {"status": "invalid_api_key", "message": "Invalid API key"}
            return web.json_response({"detail": detail}, status=401)
        return None

    async def _voices(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        size = int(request.query.get("page_size", "10"))
        shown = list(VOICES)[:size]
        body = {"voices": shown, "has_more": size < len(VOICES), "total_count": len(VOICES)}
        return web.json_response({**body, "next_page_token": None})

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body, voice = await request.json(), request.match_info["voice"]
        if voice not in {v["voice_id"] for v in VOICES}:
            detail: Any = {"status": "voice_not_found", "message": "A voice was not found."}
            return web.json_response({"detail": detail}, status=404)
        if len(body.get("text", "")) < SHORTEST or not body.get("model_id"):
            detail = [{"loc": ["body", "text"], "msg": "String too short", "type": "value_error"}]
            return web.json_response({"detail": detail}, status=422)
        self.spoken.append({**body, "voice": voice, **request.query})
        await asyncio.sleep(self.hang_s)
        sound = await asyncio.to_thread(_sound, body["text"], is_opus=self.output == "opus")
        answer = web.StreamResponse(headers={"Content-Type": "audio/ogg"})
        await answer.prepare(request)
        for start in range(0, len(sound), 1000):
            await answer.write(sound[start : start + 1000])
        await answer.write_eof()
        return answer


def _sound(text: str, *, is_opus: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
        return as_voice_note(path.read_bytes())[0] if is_opus else path.read_bytes()
