"""Postgres: one small pool, transactions, and the translation of "it is away" into `Retryable`.

A statement that our own code got wrong is no outage: it raises `Bug`, so that nobody waits for it.

Nothing here holds state that a restart of Postgres could lose: a broken connection fails the
statement under way with `Retryable`, the caller's lane tries again, and the pool dials anew. JSON
columns travel as Python values.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

from core.errors import AgentAIError, Bug, Retryable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

Row = Any  # asyncpg.Record: a mapping by column name

STATEMENT_TIMEOUT_S = 15.0
IDLE_S = 20.0  # an idle connection costs 8 MB in Postgres, a new one 5 ms; one stays always
# A statement is planned when it is prepared, not again for each set of arguments (a third to a
# half of the time of a small one). Ours are written so that one plan fits all arguments.
PLAN_ONCE = {"plan_cache_mode": "force_generic_plan"}

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
# asyncpg raises the same class for a closed connection and for a wrong number of arguments.
_OURS = "the server expects"


def _sorted(error: Exception, after_s: float = 0.2) -> AgentAIError:
    """Whose fault it is: ours, or Postgres is away."""
    if isinstance(error, asyncpg.InterfaceError) and str(error).startswith(_OURS):
        return Bug(f"a statement of ours is wrong: {str(error).splitlines()[0]}")
    return Retryable(f"Postgres is away: {type(error).__name__}", after_s)


class Session(Protocol):
    """What runs SQL: the database itself (each statement by itself) or an open transaction."""

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows."""

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - a column's value
        """The first column of the first row."""

    async def execute(self, query: str, *args: object) -> None:
        """No rows."""

    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> None:
        """Once for every tuple of arguments."""


class _Connection:
    """A `Session` over one pooled connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        return await self._connection.fetch(query, *args, timeout=STATEMENT_TIMEOUT_S)  # type: ignore[no-any-return]

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        return await self._connection.fetchrow(query, *args, timeout=STATEMENT_TIMEOUT_S)

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - a column's value
        return await self._connection.fetchval(query, *args, timeout=STATEMENT_TIMEOUT_S)

    async def execute(self, query: str, *args: object) -> None:
        await self._connection.execute(query, *args, timeout=STATEMENT_TIMEOUT_S)

    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> None:
        await self._connection.executemany(query, args, timeout=STATEMENT_TIMEOUT_S)


class Database:
    """The pool. Every method raises `Retryable` while Postgres is away.

    Cancelling a call rolls its transaction back; the connection is reset before its next use.
    """

    def __init__(self, pool: asyncpg.Pool, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    def __repr__(self) -> str:
        return "Database(…)"

    @classmethod
    async def connect(cls, dsn: str, *, size: int = 6, patience_s: float = 30.0) -> Database:
        """Dials until Postgres answers or `patience_s` is over (then `Retryable`)."""
        deadline = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                pool = await asyncpg.create_pool(
                    dsn, min_size=1, max_size=size, init=_prepare, reset=_leave_as_is, timeout=5,
                    command_timeout=30, max_inactive_connection_lifetime=IDLE_S,
                    server_settings=PLAN_ONCE,
                )  # fmt: skip
                return cls(pool, dsn)
            except _AWAY as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise Retryable(f"Postgres does not answer: {type(error).__name__}") from error
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Closes the pool; connections in use get two seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), 2)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """One connection without a transaction: each statement commits by itself."""
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield _Connection(connection)
        except _AWAY as error:
            raise _sorted(error) from error

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[Session]:
        """A connection outside the pool, for what lives as long as it does (advisory locks)."""
        connection = None
        try:
            connection = await asyncpg.connect(self._dsn, timeout=5)
            yield _Connection(connection)
        except _AWAY as error:
            raise _sorted(error, 0.5) from error
        finally:
            if connection is not None:
                connection.terminate()

    async def heard(self, channel: str, on_news: Callable[[], None]) -> None:
        """Calls `on_news` at every NOTIFY on `channel`, on a connection of its own.

        Runs until the connection breaks (then `Retryable`) or it is cancelled.
        """
        gone = asyncio.Event()
        connection = None
        try:
            connection = await asyncpg.connect(self._dsn, timeout=5)
            connection.add_termination_listener(lambda _: gone.set())
            await connection.add_listener(channel, lambda *_: on_news())
            on_news()  # what was said before we listened
            await gone.wait()
        except _AWAY as error:
            raise _sorted(error, 0.5) from error
        finally:
            if connection is not None:
                connection.terminate()
        raise Retryable("Postgres closed the connection", 0.2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """All statements inside commit together, or none does."""
        try:
            async with self._pool.acquire(timeout=10) as connection, connection.transaction():
                yield _Connection(connection)
        except _AWAY as error:
            raise _sorted(error) from error

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        """All rows of one statement."""
        async with self.session() as session:
            return await session.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row, or None."""
        async with self.session() as session:
            return await session.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - a column's value
        """The first column of the first row, or None."""
        async with self.session() as session:
            return await session.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> None:
        """One statement, nothing returned."""
        async with self.session() as session:
            await session.execute(query, *args)

    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> None:
        """One statement for every tuple of arguments, in one transaction."""
        async with self.transaction() as session:
            await session.executemany(query, args)


def storable(text: str) -> str:
    """`text` as Postgres can keep it: NUL and lone surrogates become U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace_surrogate").decode("utf-8")


# A NUL as JSON escapes it; after an odd backslash the same letters are ordinary text.
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def _to_json(value: object) -> str:
    """JSON that `jsonb` accepts: it refuses NUL and lone surrogates."""
    text = storable(json.dumps(value, ensure_ascii=False))
    return _ESCAPED_NUL.sub("\\1\ufffd", text)


codecs.register_error("replace_surrogate", lambda error: (b"\xef\xbf\xbd", error.end))  # type: ignore[attr-defined]


async def _leave_as_is(_: asyncpg.Connection) -> None:
    """Nothing to reset: no code here changes a pooled connection, and a reset is a round trip."""


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_to_json, decoder=json.loads, schema="pg_catalog"
    )
