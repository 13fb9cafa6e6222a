"""An embeddings service over real HTTP: texts with the same meaning words are near each other."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DIMENSION = 64


@dataclass(kw_only=True)
class EmbeddingServer:
    """Answers questions always, and longer lists of texts while `may_index` is set."""

    synonyms: dict[str, str] = field(default_factory=dict)
    may_index: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[list[str]] = field(default_factory=list)
    url: str = ""

    async def embed(self, request: web.Request) -> web.Response:
        """`POST /v1/embeddings`."""
        texts: list[str] = (await request.json())["input"]
        self.asked.append(texts)
        if len(texts) > 1:
            await self.may_index.wait()
        rows = [
            {"index": index, "embedding": self._vector(text)} for index, text in enumerate(texts)
        ]
        return web.json_response({"data": rows, "usage": {"prompt_tokens": 7}})

    def _vector(self, text: str) -> list[float]:
        sums = [0.001] * DIMENSION
        for word in text.lower().split():
            meaning = self.synonyms.get(word, word)
            sums[hashlib.sha256(meaning.encode()).digest()[0] % DIMENSION] += 1.0
        return sums


@asynccontextmanager
async def embedding_server(synonyms: dict[str, str]) -> AsyncIterator[EmbeddingServer]:
    """The server, running inside the block."""
    made = EmbeddingServer(synonyms=synonyms)
    app = web.Application()
    app.router.add_post("/v1/embeddings", made.embed)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield made
    finally:
        await runner.cleanup()
