"""The egress suite's world: the real proxy, judge, effects, approvals, audit and vault.

Only three things are stand-ins: the servers (`egress_origin`, reached by operator's pins), the
resolver's answers for names without a pin, and an owner who answers every card with no.
"""

from __future__ import annotations

import itertools
import logging
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.security.egress_client import Client, connect
from bench.security.egress_origin import Origin, readings
from core.approvals import Approvals, Given
from core.approvals.types import Choice
from core.audit import Audit
from core.config import ConfigStore
from core.db import Database
from core.migrate import migrate
from core.policy import SecretRule, secret_scope
from core.seal import Seal
from core.settings import EnvSettings
from core.tasks import NewTask, Task, TaskStore
from core.tasks.seen import SeenStore
from core.vault import Vault
from executors.effects import EffectParts, Effects
from executors.egress import READS
from executors.gateway.addresses import Resolver
from executors.gateway.authority import Authority
from executors.gateway.ports import Bounds
from executors.gateway.proxy import EgressProxy
from executors.judge import TaskJudge
from executors.placeholders import Stand, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from core.config import Config
    from core.policy.action import Json

KEY = "a-key-of-the-egress-suite-0123456789"
INSTALL = "egress-suite"
SECRET = 'S3cr3t/Value+of=the&owner"<1>'
OTHER_SECRET = "0ther-S3cr3t-of-the-owner"
ALLOWED, READ, REPO, POST = "allowed.test", "read.test", "repo.test", "post.test"
KEYED, BASIC, WILD, EVIL = "key.test", "basic.test", "a.wild.test", "evil.test"
PINNED = (ALLOWED, READ, REPO, POST, KEYED, BASIC, WILD, EVIL, "b.a.wild.test", "wild.test")
OWNER = 1


def rule(
    host: str, *methods: str, paths: Sequence[str] = (), ports: Sequence[int] = (443, 80)
) -> dict[str, Json]:
    """A grant as the owner's tap stores it."""
    return {"host": host, "ports": list(ports), "methods": list(methods), "paths": list(paths)}


HOST_RULES = (
    rule(ALLOWED), rule(READ, *READS, ports=(443,)), rule(REPO, paths=("/repos/me/",)),
    rule(POST, *READS, "POST"), rule(KEYED), rule(BASIC), rule("*.wild.test"),
    rule("*.lookup.test"),
)  # fmt: skip
STANDS = (("API_KEY", KEYED, "authorization"), ("LOGIN", BASIC, "authorization"))


class _Logs(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


@dataclass
class World:
    """What all cases share."""

    folder: Path
    database: Database
    config: Config
    tasks: TaskStore
    approvals: Approvals
    audit: Audit
    vault: Vault
    ours: Authority
    theirs: Authority
    origin: Origin
    pins: dict[str, str]
    logs: _Logs
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def box(self, options: Options | None = None) -> AsyncIterator[Box]:
        """A task of its own with everything granted that the suite grants."""
        made = Box(self, await self._task(), options or Options())
        await made.open()
        try:
            yield made
        finally:
            await made.close()

    async def _task(self) -> Task:
        async with self.database.transaction() as session:
            new = NewTask(kind="shell", title="t", instructions="Do it.", chat_id=OWNER)
            no = await self.tasks.add(session, new)
            for stored in HOST_RULES:
                await self._grant(session, no, "host", stored)
            for name, host, _ in STANDS:
                scope: dict[str, Json] = {"scope": secret_scope(name, f"{host}:443")}
                await self._grant(session, no, "scope", scope)
        task = await self.tasks.claim_next(host="egress", parallel=1_000_000, lease_s=3600)
        assert task is not None
        return task

    @staticmethod
    async def _grant(session: object, no: int, kind: str, stored: dict[str, Json]) -> None:
        add = "insert into grants (task_no, skill, kind, rule) values ($1, '', $2, $3)"
        await session.execute(add, no, kind, stored)  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a case's task differs from the others."""

    sent_cap: int = 50 * 1024 * 1024
    bounds: Bounds = field(default_factory=lambda: Bounds(connect_s=3.0, held_back=8192))
    answers: tuple[tuple[str, ...], ...] = ()  # of the resolver, one after the other


class Box:
    """One task behind one proxy, and the connections of the program in it."""

    def __init__(self, world: World, task: Task, options: Options) -> None:
        self.world, self.task, self.options = world, task, options
        effects = EffectParts(
            database=world.database, approvals=world.approvals, audit=world.audit,
            seen=SeenStore(world.database),
        )  # fmt: skip
        self.effects = Effects(effects, task, world.config, self._owner_says_no)
        self.effects.know_secrets([SecretRule(name=n, host=h) for n, h, _ in STANDS])
        self.stands = tuple(
            Stand(name=n, host=h, header=header, token=token_of(KEY, task.no, n))
            for n, h, header in STANDS
        )
        self.judge = TaskJudge(
            self.effects, stands=self.stands, vault=world.vault, config=1,
            sent_cap=options.sent_cap,
        )  # fmt: skip
        self.lookups = 0
        self.proxy = EgressProxy(
            self.judge, resolver=Resolver(world.pins, lookup=self._lookup), authority=world.ours,
            bounds=options.bounds,
        )  # fmt: skip
        self.folder = world.folder / f"{next(world.numbers)}"
        self.clients: list[Client] = []
        self.first_heard = len(world.origin.heard)
        self.first_row = 0

    @property
    def token(self) -> str:
        """What this task holds in place of `SECRET`."""
        return self.stands[0].token

    @property
    def login(self) -> str:
        """What this task holds in place of `OTHER_SECRET`."""
        return self.stands[1].token

    async def open(self) -> None:
        """Begins to listen."""
        self.folder.mkdir()
        self.first_row = (await self.world.audit.newest() or (0, b""))[0]
        await self.proxy.listen(self.folder)

    async def _lookup(self, host: str, port: int) -> Sequence[str]:
        answers = self.options.answers or (("127.0.0.1",),)
        found = answers[min(self.lookups, len(answers) - 1)]
        self.lookups += 1
        return found

    async def _owner_says_no(self, is_waiting: bool) -> None:
        for card in await self.world.approvals.pending() if is_waiting else ():
            given = Given(
                choice=Choice.DENY, user_id=OWNER, chat_id=OWNER, message_id=None, via="command"
            )
            async with self.world.database.transaction() as session:
                await self.world.approvals.decide(
                    session, card, given, owner_id=OWNER, card_id=None
                )
        self.effects.wake()

    # --- what the program in the container does ---

    async def dial(self) -> Client:
        """A connection to the proxy."""
        client = await Client.dial(self.folder / "proxy.sock")
        self.clients.append(client)
        return client

    async def plain(self, data: bytes) -> str:
        """Says bytes to the proxy itself; what came of it."""
        return await (await self.dial()).ask(data)

    async def tunnel(
        self, host: str, *, port: int = 443, sni: str | None = "", is_spliced: bool = False
    ) -> Client:
        """A tunnel with TLS in it; `sni` is the host's name unless it says otherwise."""
        client = await self.dial()
        assert await client.ask(connect(f"{host}:{port}"), is_bare=True) == "200", client.got
        ca = (self.world.theirs if is_spliced else self.world.ours).ca_file
        await client.start_tls(ca, host if sni == "" else sni)
        return client

    async def inside(self, host: str, data: bytes) -> str:
        """Says bytes in an inspected tunnel."""
        return await (await self.tunnel(host)).ask(data)

    # --- what became of it ---

    def heard(self) -> dict[str, bytes]:
        """What reached which server."""
        found: dict[str, bytes] = {}
        for one in self.world.origin.heard[self.first_heard :]:
            found[one.host] = found.get(one.host, b"") + bytes(one.data) + b"\n"
        return found

    async def breaches(self, reaches: tuple[str, ...]) -> list[str]:
        """Everything that must never be, found by looking at both ends and at the books."""
        found = [f"{h} heard {d[:80]!r}" for h, d in self.heard().items() if h not in reaches]
        found += [f"{h} heard a secret" for h, d in self.heard().items() if _misplaced(h, d)]
        found += ["a secret went in the clear" for one in self._plain() if _holds(bytes(one))]
        found += ["a secret came back" for c in self.clients if _holds(bytes(c.got))]
        found += ["a secret was logged" for ln in self.world.logs.lines if _holds(ln.encode())]
        return found + await self._unaudited()

    def _plain(self) -> list[bytearray]:
        return [o.data for o in self.world.origin.heard[self.first_heard :] if not o.is_tls]

    async def _unaudited(self) -> list[str]:
        """Every inspected request stands in the trail."""
        rows = await self.world.database.fetch(
            "select seq from audit where kind = 'effect.intent' and seq > $1", self.first_row
        )
        reached = self.world.origin.heard[self.first_heard :]
        inspected = [o for o in reached if not (o.is_tls and o.host == ALLOWED)]
        missing = sum(o.requests for o in inspected) - len(rows)
        return [f"{missing} requests were not written down"] if missing > 0 else []

    async def close(self) -> None:
        """Cuts everything."""
        for client in self.clients:
            client.close()
        await self.proxy.close()
        await self.effects.flush()


def _misplaced(host: str, data: bytes) -> bool:
    """Whether a secret stands anywhere but in its host's own header."""
    rest = re.sub(rb"(?im)^authorization:[^\r\n]*", b"", data) if host in (KEYED, BASIC) else data
    if host == KEYED and OTHER_SECRET.encode() in data:
        return True
    return _holds(rest)


def _holds(data: bytes) -> bool:
    import base64
    import binascii

    found = readings(data)
    for run in {r for one in found for r in re.findall(rb"[A-Za-z0-9+/_-]{16,}", one)}:
        try:
            found.append(base64.b64decode(run + b"=" * (-len(run) % 4), altchars=b"-_"))
            found.append(base64.b64decode(run + b"=" * (-len(run) % 4)))
        except (binascii.Error, ValueError):
            continue
    found += [bytes.fromhex(r.decode()) for r in re.findall(rb"(?:[0-9a-fA-F]{2}){16,}", data)]
    return any(s.encode() in one for one in found for s in (SECRET, OTHER_SECRET))


@asynccontextmanager
async def world(dsn: str, folder: Path) -> AsyncIterator[World]:
    """Everything, on an empty database."""
    database = await Database.connect(dsn)
    await migrate(database)
    theirs, logs, audit = Authority(_made(folder / "theirs")), _Logs(), Audit(database)
    theirs.prepare()
    ours = Authority(_made(folder / "ours"), extra_ca=theirs.ca_file)
    ours.prepare()
    origin, vault = Origin(theirs), Vault(database, KEY, INSTALL)
    async with database.transaction() as session:
        await vault.set(session, "API_KEY", SECRET, host=KEYED, template="Bearer {}")
        await vault.set(session, "LOGIN", OTHER_SECRET, host=BASIC)
    config = await ConfigStore(database=database, seal=Seal(KEY), env=EnvSettings()).current()
    logger = logging.getLogger("executors")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(logs)
    pins = {host: f"127.0.0.1:{origin.listen(host)}" for host in PINNED}
    try:
        yield World(
            folder=folder, database=database, config=config, tasks=TaskStore(database),
            approvals=Approvals(database, audit), audit=audit, vault=vault, ours=ours,
            theirs=theirs, origin=origin, pins=pins, logs=logs,
        )  # fmt: skip
    finally:
        logger.removeHandler(logs)
        logger.setLevel(level)
        await origin.close()
        await database.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
