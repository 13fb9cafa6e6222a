"""What the kernel is told about one task: layers, scopes, words, labels, and what was used up.

Threat: a verdict from facts that are no longer true. They are at most a second old; whoever knows
that something changed calls `forget`, which also spoils what is being read at that moment. Whether
a standing rule holds effects back is read anew each time: the owner was told that it holds. Cards
are counted where somebody is asked, for one that is open already may be found again.
"""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.manifests import grant_from_json, is_owners_own
from core.policy import (
    Budget,
    Context,
    Grant,
    HostRule,
    Label,
    Origin,
    SecretRule,
    VerbRule,
    secret_scope,
)
from core.skill_orders import order_from_json
from core.spawn import insist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.approvals import Approvals
    from core.approvals.types import StoredGrant
    from core.config import Config
    from core.policy import Effect
    from core.tasks import Task
    from core.tasks.seen import SeenStore

KEPT_S = 1.0
ANY = "*"


class TaskFacts:
    """The facts about one task that this host runs."""

    def __init__(
        self, approvals: Approvals, seen: SeenStore, *, task: Task, config: Config
    ) -> None:
        self._approvals = approvals
        self._seen = seen
        self._task = task
        self._config = config
        self._secrets: tuple[SecretRule, ...] = ()
        self._grants: tuple[StoredGrant, ...] = ()
        self._kept: tuple[float, Context] | None = None
        self._changes = 0
        self._calls = 0
        self._reached: set[str] = set()
        self.manifest = _manifest(task, self._instance_budget())
        self.manifest_digest = "" if task.manifest is None else self.manifest.digest
        self._order = order_from_json(task.manifest)
        self._production = tuple(_listed(config.text("policy.production")))

    def forget(self) -> None:
        """Something changed: the next verdict reads everything anew."""
        self._kept = None
        self._changes += 1

    def know_secrets(self, rules: Sequence[SecretRule]) -> None:
        """Which secrets the vault holds, and where each may go."""
        self._secrets = tuple(rules)
        self.forget()

    # --- what a verdict depends on ---

    async def context(self) -> Context:
        """Everything that a verdict about this task depends on. Raises `Retryable`."""
        kept = self._kept
        while kept is None or time.monotonic() - kept[0] > KEPT_S:
            kept = await self._read()
        spent = kept[1].spent
        reached = spent.destinations | self._reached
        spent = replace(spent, calls=spent.calls + self._calls, destinations=reached)
        return replace(kept[1], spent=spent, hold=await self._seen.hold())

    async def _read(self) -> tuple[float, Context] | None:
        """Facts of now, or None when they were spoilt meanwhile."""
        changes, now = self._changes, time.monotonic()
        await self.flush()
        context = await self._context()
        if changes != self._changes:
            return None
        self._kept = (now, context)
        return self._kept

    async def _context(self) -> Context:
        self._grants = await self._approvals.grants(self._task.no)
        seen = await self._seen.read(self._task)
        return Context(
            manifest=self.manifest, owner=self.owner_layer(),
            origin=Origin(self._task.origin), ceiling=self.ceiling(),
            labels=seen.labels, words=seen.words,
            spent=replace(seen.spent, cards=0), is_stopped=seen.is_stopped,
            approved=await self._approvals.approved(self._task.no), scopes=self._scopes(),
        )  # fmt: skip

    def owner_layer(self) -> Grant:
        """What the owner allowed: their files, what stands in `/grants`, an approved skill's hosts.

        The owner saw what the skill asks for before it became active; for its tasks that counts.
        """
        hosts = tuple(host_rule(g.rule) for g in self._grants if g.kind == "host")
        return Grant(
            hosts=(*hosts, *self._declared().hosts),
            verbs=(VerbRule(integration=ANY, verbs=(ANY,)),), reads=(ANY,), writes=(ANY,),
            secrets=self._secrets, budget=self.budget(),
        )  # fmt: skip

    def ceiling(self) -> Grant:
        """What this instance never exceeds, as its operator set it."""
        hosts = _listed(self._config.text("policy.hosts"))
        ports = tuple(int(p) for p in self._config.text("policy.ports").split(","))
        return Grant(
            hosts=tuple(HostRule(host=host, ports=ports) for host in hosts),
            verbs=(VerbRule(integration=ANY, verbs=(ANY,)),), reads=(ANY,), writes=(ANY,),
            secrets=(SecretRule(name=ANY, host=ANY),), budget=self.budget(),
        )  # fmt: skip

    def _scopes(self) -> frozenset[str]:
        remembered = (str(g.rule.get("scope")) for g in self._grants if g.kind == "scope")
        declared = self._declared()
        ports = {port for rule in declared.hosts for port in rule.ports}
        shown = (
            secret_scope(rule.name, f"{rule.host}:{port}")
            for rule in declared.secrets
            for port in ports
        )
        return frozenset((*remembered, *shown))

    def _declared(self) -> Grant:
        """What the owner saw of the task's skill and allowed; a shipped one is active unseen."""
        is_seen = self._order.is_seen if self._order else is_owners_own(self._task.manifest)
        return self.manifest if is_seen else Grant()

    def allows_tool(self, tool: str) -> bool:
        """Whether the task's model may use this tool of its container."""
        return self._order is None or self._order.allows_tool(tool)

    def budget(self) -> Budget:
        """The most that the task may use."""
        return self.manifest.budget.within(self._instance_budget())

    def _instance_budget(self) -> Budget:
        return Budget(
            calls=self._config.whole("policy.calls"),
            bytes_out=self._config.whole("policy.sent_mb") * 1024 * 1024,
            fan_out=self._config.whole("policy.hosts_reached"),
            cost=Decimal(str(self._config.number("policy.task_usd"))),
            cards=self._config.whole("policy.cards"),
        )

    def is_production(self, host: str) -> bool:
        """Whether a name, or a name that a pattern covers, is one of the production hosts."""
        return any(_overlap(host, one) for one in self._production)

    # --- what was used up and seen ---

    def count(self, effect: Effect) -> None:
        """An effect begins."""
        self._calls += 1
        self._reached |= set(effect.destinations)

    async def flush(self) -> None:
        """Books what was counted here since the last time; a `kill -9` loses at most a second."""
        calls, reached = self._calls, tuple(self._reached)
        if calls or reached:
            await self._seen.spend(self._task, calls=calls, bytes_out=0, reached=reached)
            self._calls -= calls
            self._reached -= set(reached)

    async def sent(self, count: int) -> None:
        """Books bytes that left."""
        await insist(lambda: self._seen.spend(self._task, calls=0, bytes_out=count, reached=()))

    async def taint(self, *labels: Label) -> None:
        """The task is about to see such data; written down before it does."""
        if self._kept is not None and self._kept[1].labels >= set(labels):
            return
        await insist(lambda: self._seen.add_labels(self._task, labels))
        self.forget()


def _manifest(task: Task, budget: Budget) -> Grant:
    """What the task's skill declared when it was queued; a task without one adds no limit.

    A quiet one without has nothing: nobody asked for it.
    """
    if task.manifest is None:
        return Grant(budget=budget) if task.is_quiet else Grant.everything(budget)
    return grant_from_json(task.manifest)


def host_rule(rule: object) -> HostRule:
    """A stored rule as a value."""
    assert isinstance(rule, dict)  # noqa: S101 - we wrote it
    return HostRule(
        host=str(rule["host"]), ports=tuple(rule["ports"]), methods=tuple(rule["methods"]),
        paths=tuple(rule.get("paths", ())),
    )  # fmt: skip


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _overlap(one: str, other: str) -> bool:
    """Whether a name can be covered by both; each is a name, `*.` and a name, or `*`."""
    return ANY in {one, other} or _covers(one, other) or _covers(other, one)


def _covers(pattern: str, host: str) -> bool:
    is_below = pattern.startswith("*.") and host.partition(".")[2] == pattern[2:]
    return is_below or pattern == host
