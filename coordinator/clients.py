"""The SDK's clients, one for each service that is asked: who asks often dials once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from core.models import Route


class Clients:
    """Made when a service is first asked, in a thread: the import costs half a second."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], AsyncOpenAI] = {}

    async def of(self, route: Route) -> AsyncOpenAI:
        """The client of the route's address and key. Every call has its own timeout."""
        key = (route.base_url, route.api_key)
        if key not in self._made:
            openai = await asyncio.to_thread(__import__, "openai")
            self._made[key] = openai.AsyncOpenAI(
                base_url=route.base_url, api_key=route.api_key, max_retries=0,
                default_headers={"X-Title": "AgentAI"},
            )  # fmt: skip
        return self._made[key]

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._made.values():
            await client.close()
