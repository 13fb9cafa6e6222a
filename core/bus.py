"""Redis as transport and wake-up; it is never the only place where anything is kept.

Three streams, named by the instance's namespace:

    tasks    serve → executor hosts, consumer group: "something is queued"
    control  serve → every executor host: cancel, steer, answer, settings changed
    events   executor hosts → serve: "task n changed"

Publishing never fails the caller: when Redis is away the message is dropped and the reader's own
look into Postgres (every second or so) finds what it announced.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from core.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

KEPT_ENTRIES = 1_000
_AWAY = (RedisError, OSError, TimeoutError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One stream entry."""

    id: str
    fields: Mapping[str, str]


class Bus:
    """The streams of one instance.

    Reading raises `Retryable` while Redis is away; publishing does not.
    """

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace

    @classmethod
    def connect(cls, url: str, namespace: str) -> Bus:
        """Dials lazily: the first command connects."""
        redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=10, socket_connect_timeout=2,
            max_connections=8,
        )  # fmt: skip
        return cls(redis, namespace)

    def _name(self, stream: str) -> str:
        return f"agentai:{self._namespace}:{stream}"

    async def publish(self, stream: str, **fields: str) -> bool:
        """Appends an entry; False when Redis is away (the entry is then only in Postgres)."""
        entry: dict[Any, Any] = {**fields}
        try:
            async with asyncio.timeout(2):
                await self._redis.xadd(
                    self._name(stream), entry, maxlen=KEPT_ENTRIES, approximate=True
                )
        except _AWAY as error:
            log.warning("redis is away, %s not announced: %s", stream, type(error).__name__)
            return False
        return True

    async def wake_tasks(self) -> bool:
        """Tells the executor hosts that a task is queued."""
        return await self.publish("tasks", kind="queued")

    async def newest(self, stream: str) -> str:
        """The id after which `read` returns only what comes from now on."""
        try:
            async with asyncio.timeout(2):
                last = await self._redis.xrevrange(self._name(stream), count=1)
        except _AWAY as error:
            raise Retryable(f"Redis is away: {type(error).__name__}", 0.5) from error
        return str(last[0][0]) if last else "0-0"

    async def read(self, stream: str, *, after: str, wait_s: float) -> tuple[Entry, ...]:
        """Entries after the id `after`; waits up to `wait_s` (at most 5) for one.

        Empty when none came.
        """
        try:
            async with asyncio.timeout(wait_s + 3):
                answer = await self._redis.xread(
                    {self._name(stream): after}, count=100, block=max(1, int(wait_s * 1000))
                )
        except _AWAY as error:
            raise Retryable(f"Redis is away: {type(error).__name__}", 0.5) from error
        return _entries(answer)

    async def read_group(
        self, stream: str, *, group: str, consumer: str, wait_s: float
    ) -> tuple[Entry, ...]:
        """New entries for one consumer of `group`, acknowledged at once: they only wake."""
        name = self._name(stream)
        try:
            async with asyncio.timeout(wait_s + 3):
                answer = await self._redis.xreadgroup(
                    group, consumer, {name: ">"}, count=100, block=max(1, int(wait_s * 1000)),
                    noack=True,
                )  # fmt: skip
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise Retryable(f"Redis refuses: {error}", 1.0) from error
            await self._make_group(name, group)
            return ()
        except _AWAY as error:
            raise Retryable(f"Redis is away: {type(error).__name__}", 0.5) from error
        return _entries(answer)

    async def _make_group(self, name: str, group: str) -> None:
        try:
            async with asyncio.timeout(2):
                await self._redis.xgroup_create(name, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise Retryable(f"Redis refuses: {error}", 1.0) from error
        except _AWAY as error:
            raise Retryable(f"Redis is away: {type(error).__name__}", 0.5) from error

    async def ping(self) -> None:
        """Raises `Retryable` when Redis does not answer within two seconds."""
        try:
            async with asyncio.timeout(2):
                await self._redis.ping()
        except _AWAY as error:
            raise Retryable(f"Redis is away: {type(error).__name__}", 0.5) from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()


def _entries(answer: object) -> tuple[Entry, ...]:
    """Reads both shapes of an XREAD answer: a list of pairs (RESP2) and a mapping (RESP3)."""
    if not answer:
        return ()
    pairs = answer.items() if isinstance(answer, dict) else answer
    found: list[Entry] = []
    for _, items in pairs:  # type: ignore[attr-defined]
        nested = items[0] if items and isinstance(items[0], list) else items
        found.extend(Entry(id=str(i), fields=f) for i, f in nested if f)
    return tuple(found)
