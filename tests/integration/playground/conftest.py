"""A playground on a real port, a real bot library that speaks to it, and a bare HTTP client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from playground.server import PlaygroundServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "123456789:AAtest-token-of-the-playground-0123456"
OWNER = 7001


@pytest.fixture
async def telegram() -> AsyncIterator[PlaygroundServer]:
    server = PlaygroundServer(token=TOKEN, owner_id=OWNER)
    await server.start()
    yield server
    await server.stop()


def a_bot(telegram: PlaygroundServer, token: str = TOKEN) -> Bot:
    return Bot(
        token,
        base_url=f"{telegram.api_url}/bot", base_file_url=f"{telegram.api_url}/file/bot",
        request=HTTPXRequest(connection_pool_size=20, read_timeout=20),
        get_updates_request=HTTPXRequest(connection_pool_size=20, read_timeout=20),
    )  # fmt: skip


@pytest.fixture
async def bot(telegram: PlaygroundServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bot]:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # the library's coming way to say seconds
    async with a_bot(telegram) as made:
        yield made


@pytest.fixture
async def client(telegram: PlaygroundServer) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the Bot API by hand, where the library would not make the mistake."""
    base = f"{telegram.api_url}/bot{TOKEN}/"
    async with httpx.AsyncClient(base_url=base, timeout=20) as made:
        yield made
