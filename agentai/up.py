"""`agentai up`: everything on this machine, in the foreground.

Brings its own Postgres and Valkey where `DATABASE_URL` and `REDIS_URL` are not set, its own secret
key, and the playground where there is no bot token. All parts start at once and wait for each other
by themselves. Only the standard library is imported here; settings are checked by the parts, which
end with code 2.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agentai.embedded.places import remove_socket_folder
from agentai.embedded.postgres import Postgres
from agentai.embedded.valkey import Valkey
from agentai.instance import Instance, Running
from agentai.part import Part
from agentai.process import Command
from agentai.report import (
    STOPPED,
    STOPPING,
    STOPPING_NOW,
    Repeats,
    StartReport,
    State,
    heading,
)
from agentai.supervisor import Supervisor
from core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEAST_ROOM_MB = 300  # Postgres takes 100 at once; what is written down needs the rest
PLAYGROUND_OWNER_ID = "7001"  # whoever can open the page is the owner there
LOOPBACK = "127.0.0.1"


class Terminal:
    """Prints: the report on standard output, warnings on standard error."""

    def __init__(self) -> None:
        self._report = StartReport()
        self._repeats = Repeats()

    def warn(self, text: str) -> None:
        """Prints something an operator should know."""
        print(text, file=sys.stderr, flush=True)

    def logged(self, name: str, line: str) -> None:
        """Prints a part's warning, unless it has just said the same."""
        if self._repeats.is_news(f"{name}: {line}", time.monotonic()):
            self.warn(f"{name}: {line}")

    def changed(self, states: Sequence[State]) -> None:
        """Prints what is new."""
        for line in self._report.lines(states):
            print(line, flush=True)

    def stopping(self, asked: int) -> None:
        """Says that the end is near, and what becomes of the work."""
        with suppress(OSError):  # a closed terminal must not keep us from stopping
            print(STOPPING if asked == 1 else STOPPING_NOW, flush=True)


OWN_PARTS = ("serve", "executor")


def main(argv: list[str]) -> int:
    """Runs until a signal; returns 0, or 2 when a part refused a setting.

    `argv` may name some of our parts: then only these run here, against servers that are elsewhere.
    """
    if unknown := [name for name in argv if name not in OWN_PARTS]:
        print(f"agentai up: {unknown[0]!r} is not one of {', '.join(OWN_PARTS)}", file=sys.stderr)
        return 2
    instance = Instance.from_environment()
    instance.hold("-".join(("lock", *argv)))
    print(heading(instance.home), flush=True)
    if warning := room_warning(instance.home, shutil.disk_usage(instance.home).free // 2**20):
        Terminal().warn(warning)
    if argv:
        return _run(instance, [_own_part(name, _environment(instance)) for name in argv])
    environment, parts = plan(instance, _environment(instance))
    instance.announce(_running(environment))
    try:
        return _run(instance, parts)
    finally:
        instance.withdraw()
        remove_socket_folder(instance.home)


def room_warning(home: Path, free_mb: int) -> str:
    """What to say when the disk is nearly full; nothing when it is not. Pure."""
    if free_mb >= LEAST_ROOM_MB:
        return ""
    return (
        f"Only {free_mb} MB are free at {home}, so some parts may not start. "
        f"Make room: at least {LEAST_ROOM_MB} MB, better 1 GB.\n"
    )


def _run(instance: Instance, parts: Sequence[Part]) -> int:
    code = Supervisor(parts, logs=instance.logs, listener=Terminal()).run()
    if code == 0:
        with suppress(OSError):
            print(STOPPED, flush=True)
    return code


def _environment(instance: Instance) -> dict[str, str]:
    """Ours without empty variables, with the folder's absolute path and the secret key."""
    environment = {name: value for name, value in os.environ.items() if value}
    environment["AGENTAI_HOME"] = str(instance.home)
    environment.setdefault("AGENTAI_PREPARE_BOXES", "on")
    if "AGENTAI_SECRET_KEY" not in environment:
        environment["AGENTAI_SECRET_KEY"] = instance.secret_key()
    return environment


def plan(instance: Instance, environment: Mapping[str, str]) -> tuple[dict[str, str], list[Part]]:
    """The completed environment of our own parts, and all parts in the order of their start."""
    complete = dict(environment)
    servers = _servers(instance, complete)
    names = list(OWN_PARTS)
    if "TELEGRAM_BOT_TOKEN" not in complete and "TELEGRAM_API_URL" not in complete:
        _use_playground(instance, complete)
        names.append("playground")
    return complete, [*(_own_part(name, complete) for name in names), *servers]


def _servers(instance: Instance, environment: dict[str, str]) -> list[Part]:
    """The embedded servers that are needed; their addresses go into `environment`."""
    servers: list[Part] = []
    if "REDIS_URL" not in environment:
        valkey = Valkey(instance.home)
        environment["REDIS_URL"] = valkey.url
        servers.append(_server_part("valkey", valkey, text=f"own, {valkey.socket}", stop_s=1))
    if "DATABASE_URL" not in environment:
        postgres = Postgres(instance.home)
        environment["DATABASE_URL"] = postgres.dsn
        servers.append(_server_part("postgres", postgres, text=f"own, {postgres.socket}", stop_s=3))
    return servers


def _server_part(name: str, server: Postgres | Valkey, *, text: str, stop_s: float) -> Part:
    def prepare() -> Command:
        server.prepare()
        return server.command

    return Part(
        name=name, prepare=prepare, beats=False, stop_rank=3, stop_s=stop_s, text=text,
        stop_signal=signal.SIGINT,
    )  # fmt: skip


def _own_part(name: str, environment: Mapping[str, str]) -> Part:
    rank, stop_s = {"serve": (0, 4), "executor": (1, 3), "playground": (2, 1)}[name]
    # -P: nothing is imported from the folder in which the operator happens to stand.
    command = Command(
        argv=(sys.executable, "-P", "-m", "agentai.cli", name), env=dict(environment),
        cwd=Path.cwd(),
    )  # fmt: skip
    return Part(name=name, prepare=_always(command), beats=True, stop_rank=rank, stop_s=stop_s)


def _always(command: Command) -> Callable[[], Command]:
    return lambda: command


def _use_playground(instance: Instance, environment: dict[str, str]) -> None:
    """Points the bot at the playground, on a loopback port that stays the same when it can."""
    asked = environment.get("PLAYGROUND_PORT", "0")
    if not asked.isdecimal() or int(asked) > 65535:
        raise ConfigError("PLAYGROUND_PORT", "must be a number from 0 to 65535")
    port = int(asked) or _free_port(instance.home / "playground.port")
    environment["PLAYGROUND_PORT"] = str(port)
    environment["TELEGRAM_API_URL"] = f"http://{LOOPBACK}:{port}"
    environment["TELEGRAM_BOT_TOKEN"] = instance.playground_token()
    environment.setdefault("AGENTAI_OWNER_ID", PLAYGROUND_OWNER_ID)


def _free_port(memory: Path) -> int:
    """A port nobody listens on: the one used last time, or a new one."""
    last = memory.read_text(encoding="ascii").strip() if memory.exists() else "0"
    for port in (int(last) if last.isdigit() else 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            memory.write_text(str(found), encoding="ascii")
            return found
    raise OSError("no free port on the loopback address")


def _running(environment: Mapping[str, str]) -> Running:
    return Running(
        pid=os.getpid(),
        database_url=environment["DATABASE_URL"],
        redis_url=environment["REDIS_URL"],
        telegram_api_url=environment.get("TELEGRAM_API_URL"),
        telegram_bot_token=environment.get("TELEGRAM_BOT_TOKEN"),
    )
