"""What effects lean on, in memory: small real classes with the stores' methods, no database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from core.approvals import Approval, State, Ticket
from core.approvals.types import ApprovedAction, StoredGrant
from core.config.values import resolve
from core.errors import Retryable, UserFacing
from core.policy import Hold, Label, SecretRule, Spent
from core.settings import EnvSettings
from core.tasks import Task, TaskNo, TaskState
from core.tasks.seen import Seen
from core.vault import Secret, SecretInfo
from core.vault.names import parse_use
from executors.effects import EffectParts, Effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from core.approvals import Approvals, Ask
    from core.audit import Audit
    from core.config.spec import Value
    from core.db import Database
    from core.policy.action import Json
    from core.tasks.seen import SeenStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = Task(
    no=TaskNo(7), kind="shell", title="", instructions="", chat_id=1, origin_message_id=None,
    turn_id=None, files=(), state=TaskState.RUNNING, fence=1, host="h", slot="s", lease_until=None,
    cancel_requested_at=None, progress=None, question=None, question_step=None, waits_for=None,
    origin="owner", skill="", manifest=None,
    result=None, reason=None, result_files=(), created_at=NOW, started_at=NOW, ended_at=None,
    reported_at=None, card_shown=None, steps=0, cost_usd=Decimal(0),
)  # fmt: skip


@dataclass
class Ledger:
    """Everything that was written down, in order."""

    lines: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    async def append(self, session: object, kind: str, body: Mapping[str, object]) -> int:
        self.lines.append((kind, body))
        return len(self.lines)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.lines]


@dataclass
class Facts:
    """What the task has seen and spent."""

    words: tuple[str, ...] = ()
    labels: frozenset[Label] = frozenset({Label.OWNER})
    is_stopped: bool = False
    bytes_out: int = 0
    cards: int = 0

    async def read(self, task: Task) -> Seen:
        spent = Spent(bytes_out=self.bytes_out, cards=self.cards)
        return Seen(labels=self.labels, spent=spent, words=self.words, is_stopped=self.is_stopped)

    held: Hold = Hold.NONE

    async def hold(self) -> Hold:
        return self.held

    is_broken: bool = False

    async def add_labels(self, task: Task, labels: Iterable[Label]) -> None:
        if self.is_broken:
            raise ConnectionResetError("gone")
        self.labels |= set(labels)

    async def spend(self, task: Task, *, calls: int, bytes_out: int, reached: object) -> None:
        self.bytes_out += bytes_out


@dataclass
class Owner:
    """Approvals of an owner who answers every card at once."""

    ledger: Ledger
    answer: State = State.DENIED
    rules: list[tuple[str, Mapping[str, Json]]] = field(default_factory=list)
    asked: list[Approval] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    reads: int = 0

    async def grants(self, task_no: int) -> tuple[StoredGrant, ...]:
        self.reads += 1
        return tuple(
            StoredGrant(id=n, task_no=task_no, skill="", kind=kind, rule=rule, created_at=NOW)
            for n, (kind, rule) in enumerate(self.rules)
        )

    async def approved(self, task_no: int) -> frozenset[str]:
        yes = [card for card in self.asked if card.state is State.APPROVED]
        return frozenset(a.digest for c in yes for a in c.actions) - self.used

    async def pending_for(self, task_no: int, digests: Sequence[str]) -> Approval | None:
        waiting = (card for card in self.asked if card.state is State.PENDING)
        return next((c for c in waiting if [a.digest for a in c.actions] == digests), None)

    async def request(
        self, task_no: int, asks: Sequence[Ask], *, reason: str, detail: str, expires_s: float,
        is_production: bool, may_remember: bool,
    ) -> Approval:  # fmt: skip
        actions = tuple(
            ApprovedAction(
                digest=a.action.digest, action="", display=a.display, remember=a.remember
            )
            for a in asks
        )
        card = Approval(
            id=len(self.asked), nonce="n", code="c", task_no=task_no, chat_id=1, reason=reason,
            detail=detail, is_production=is_production, may_remember=may_remember,
            state=self.answer, scope=None, created_at=NOW,
            expires_at=NOW + timedelta(seconds=expires_s), decided_at=NOW, shown=None,
            actions=actions,
        )  # fmt: skip
        self.asked.append(card)
        return card

    async def cards(self, task_no: int) -> int:
        return len(self.asked)

    async def get(self, approval_id: int) -> Approval | None:
        return self.asked[approval_id]

    async def consume(self, task_no: int, fence: int, digest: str) -> Ticket | None:
        if digest in self.used:
            return None
        self.used.add(digest)
        await self.ledger.append(None, "effect.intent", {"action": digest})
        return Ticket(approval_id=0, index=0, digest=digest)

    async def close(self, ticket: Ticket, outcome: str) -> None:
        await self.ledger.append(None, "effect.outcome", {"outcome": outcome})


@dataclass
class Secrets:
    """A vault with values in the open."""

    values: dict[str, tuple[str, str]]  # name to value and template
    touched: list[str] = field(default_factory=list)
    host: str = "api.example.com"
    header: str = "authorization"

    failures: list[Retryable] = field(default_factory=list)

    async def open(self, name: str) -> Secret:
        if self.failures:
            raise self.failures.pop()
        if name not in self.values:
            raise UserFacing("There is no secret of that name.")
        value, template = self.values[name]
        use = parse_use(self.host, self.header, template)
        return Secret(name, 1, use=use, value=value)

    async def list(self) -> tuple[SecretInfo, ...]:
        return tuple(
            SecretInfo(
                name=name, version=1, host=self.host, header=self.header, template=template,
                created_at=NOW, used_at=None,
            )
            for name, (_, template) in self.values.items()
        )  # fmt: skip

    async def touch(self, name: str) -> None:
        self.touched.append(name)


class Books:
    """One task's effects over these."""

    def __init__(self, *secrets: tuple[str, str], words: str = "", **settings: Value) -> None:
        self.ledger = Ledger()
        self.facts = Facts(words=(words,))
        self.owner = Owner(self.ledger)
        parts = EffectParts(
            database=cast("Database", None), approvals=cast("Approvals", self.owner),
            audit=cast("Audit", self.ledger), seen=cast("SeenStore", self.facts),
        )  # fmt: skip
        stored = {name.replace("__", "."): value for name, value in settings.items()}
        self.config = resolve(1, stored, EnvSettings())
        self.effects = Effects(parts, replace(TASK), self.config, self._waits)
        self.effects.know_secrets([SecretRule(name=name, host=host) for name, host in secrets])

    async def _waits(self, is_waiting: bool) -> None:
        """Nobody needs to know."""

    def grant(self, host: str, *methods: str, paths: Sequence[str] = (), port: int = 443) -> None:
        rule: dict[str, Json] = {
            "host": host, "ports": [port], "methods": list(methods), "paths": list(paths),
        }  # fmt: skip
        self.owner.rules.append(("host", rule))
        self.effects.wake()

    def allow_scope(self, scope: str) -> None:
        self.owner.rules.append(("scope", {"scope": scope}))
        self.effects.wake()
