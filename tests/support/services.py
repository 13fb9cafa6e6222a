"""Real Postgres and Valkey for tests: one of each a test process, made when first asked for.

Use the fixtures `database_url` (a new database for this test, with all tables and no row of
anybody's), `database` (the same, connected), `empty_database_url` (one without tables),
`redis_url` (emptied for this test), and, to stop, kill or restart a server in mid-test,
`own_postgres` and `own_valkey` (this test's alone).

The tables are made once a test process, by the real migrations, in a database that is copied for
each test: `migrate` then finds nothing to do. Data lies in memory where there is room for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from agentai.embedded.places import remove_socket_folder
from agentai.embedded.postgres import Postgres
from agentai.embedded.valkey import Valkey
from agentai.process import start
from core.db import Database
from core.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from agentai.process import Command

STARTED_WITHIN_S = 20.0
# Killing a server loses nothing that the system has in its cache; only a power cut would.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "90",
    "max_wal_size": "64MB",
}
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3  # what must be free there; a test process takes about 150 MB


class _Server(Protocol):
    """What `Postgres` and `Valkey` have in common."""

    def prepare(self) -> None: ...
    @property
    def command(self) -> Command: ...


class Running:
    """A server process that a test may stop, kill and start again."""

    def __init__(self, server: _Server, home: Path) -> None:
        self._server = server
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self._server.prepare()
        with (self.home / "server.log").open("ab") as log:
            self._process = start(self._server.command, output=log.fileno())
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not self.is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self.home / "server.log").read_text(errors="replace")
                raise RuntimeError(f"the server did not start:\n{text[-2000:]}")
            time.sleep(0.01)

    def is_up(self) -> bool:
        """Whether the server answers."""
        raise NotImplementedError

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, for example SIGSTOP."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it the hard way."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it cleanly."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=20)
            self._process = None

    def restart(self) -> None:
        """Stops it cleanly and starts it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kills it and removes what it left outside its home."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self.kill()
        remove_socket_folder(self.home)


class RunningPostgres(Running):
    """A cluster for tests."""

    def __init__(self, home: Path) -> None:
        self.server = Postgres(home, settings=FAST)
        self._numbers = count(1)
        self._migrated: str | None = None
        super().__init__(self.server, home)

    def is_up(self) -> bool:
        return self.server.socket.exists() and self._psql("select 1") is not None

    def _psql(self, statement: str) -> str | None:
        done = subprocess.run(
            [self.server.programs / "psql", self.server.admin_dsn, "-XAtqc", statement],
            capture_output=True,
            text=True,
            timeout=30,
            env={"PGCONNECT_TIMEOUT": "5", "HOME": "/nonexistent"},
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def run_sql(self, statement: str) -> str:
        """Runs one statement as superuser; returns the rows as text."""
        answer = self._psql(statement)
        if answer is None:
            raise RuntimeError(f"this statement failed: {statement}")
        return answer

    def fresh_database(self, template: str = "template1") -> str:
        """Copies `template` (which has pgvector and no table); returns the application's DSN."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        how = f"owner agentai template {template} strategy file_copy"
        self.run_sql(f"create database {name} {how}")
        return self.server.dsn.replace("@/agentai?", f"@/{name}?")

    def migrated_database(self) -> str:
        """The same with all tables: a copy of one database that the migrations made."""
        if self._migrated is None:
            made = self.fresh_database()
            with ThreadPoolExecutor(1) as thread:  # a test's own loop may belong to this one
                thread.submit(asyncio.run, _migrate(made)).result(timeout=60)
            self._migrated = made.partition("@/")[2].partition("?")[0]
        return self.fresh_database(self._migrated)

    def drop_database(self, dsn: str) -> None:
        """Drops what `fresh_database` made, also with connections open."""
        name = dsn.partition("@/")[2].partition("?")[0]
        self.run_sql(f"drop database if exists {name} with (force)")


class RunningValkey(Running):
    """A Valkey for tests."""

    def __init__(self, home: Path) -> None:
        self.server = Valkey(home)
        super().__init__(self.server, home)

    @property
    def url(self) -> str:
        """What `REDIS_URL` would hold."""
        return self.server.url

    def is_up(self) -> bool:
        return self.server.socket.exists() and self._say(b"PING\r\n").startswith(b"+PONG")

    def empty(self) -> None:
        """Removes every key."""
        self._say(b"FLUSHALL\r\n")

    def _say(self, line: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.server.socket))
            except OSError:
                return b""
            connection.sendall(line)
            return connection.recv(100)


async def _migrate(dsn: str) -> None:
    database = await Database.connect(dsn, size=1)
    await migrate(database)
    await database.close()


def _home() -> Path:
    folder = _in_memory()
    return Path(tempfile.mkdtemp(prefix=f"agentai-test-{os.getpid()}-", dir=folder))


def _in_memory() -> Path | None:
    """The folder for data in memory, cleared of what killed test processes left; None: no room."""
    try:
        for left in IN_MEMORY.glob("agentai-test-*-*"):
            if not Path("/proc", left.name.split("-")[2]).exists():
                shutil.rmtree(left, ignore_errors=True)
        return IN_MEMORY if shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES else None
    except OSError:
        return None


def _running_postgres() -> Iterator[RunningPostgres]:
    home = _home()
    running = RunningPostgres(home)
    yield running
    running.close()
    shutil.rmtree(home)


def _running_valkey() -> Iterator[RunningValkey]:
    home = _home()
    running = RunningValkey(home)
    yield running
    running.close()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    """This test process's Postgres, shared by its tests: do not stop it."""
    yield from _running_postgres()


@pytest.fixture(scope="session")
def valkey() -> Iterator[RunningValkey]:
    """This test process's Valkey, shared by its tests: do not stop it."""
    yield from _running_valkey()


@pytest.fixture
def own_postgres() -> Iterator[RunningPostgres]:
    """A Postgres of this test's own, to stop, kill and restart (half a second to make)."""
    yield from _running_postgres()


@pytest.fixture
def own_valkey() -> Iterator[RunningValkey]:
    """A Valkey of this test's own, to stop, kill and restart."""
    yield from _running_valkey()


@pytest.fixture
def database_url(postgres: RunningPostgres) -> Iterator[str]:
    """The DSN of a new database with all tables; dropped afterwards."""
    dsn = postgres.migrated_database()
    yield dsn
    postgres.drop_database(dsn)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, connected."""
    opened = await Database.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def empty_database_url(postgres: RunningPostgres) -> Iterator[str]:
    """The DSN of a new database without tables (pgvector is there); dropped afterwards."""
    dsn = postgres.fresh_database()
    yield dsn
    postgres.drop_database(dsn)


@pytest.fixture
def redis_url(valkey: RunningValkey) -> str:
    """The URL of an empty Valkey."""
    valkey.empty()
    return valkey.url
