"""What a skill may do at most, and whether a new version may do more. Pure.

Threat: a skill asks for little, is approved, and asks for more in its next version; or it says L1
and lists secrets all the same. So the tier clips whatever stands beside it, a manifest becomes one
layer of `core.policy` and nothing else, and `grown` errs to one side: it may call two spellings of
one permission a growth, but if it finds none, no effect is granted that was not granted before (a
property test samples that).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal  # noqa: TC003 - read by the adapter below
from itertools import product
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from core.policy import Budget, Grant, HostRule, SecretRule, Tier, VerbRule
from core.policy.grants import ANY, READS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from core.policy.action import Json

SkillTier = Literal["L1", "L2", "L3"]
_VERB_TIER: dict[SkillTier, Tier] = {"L1": Tier.READ, "L2": Tier.CHANGE, "L3": Tier.DESTRUCTIVE}
_WILD = frozenset("*?[")


@dataclass(frozen=True, kw_only=True, slots=True)
class Integration:
    """Verbs of an integration; `*` stands for all that the tier allows."""

    name: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Permissions:
    """What a manifest asks for. Empty is what a skill without a `permissions:` block gets.

    `tools` are those the task's model is given; empty means all that work inside the container.
    """

    tier: SkillTier = "L1"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    hosts: tuple[HostRule, ...] = ()
    secrets: tuple[SecretRule, ...] = ()
    integrations: tuple[Integration, ...] = ()
    tools: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)


NOTHING = Permissions()
_ADAPTER = TypeAdapter(Permissions)


def as_json(permissions: Permissions) -> dict[str, Json]:
    """Plain values, as the database and digests keep them."""
    plain: dict[str, Json] = _ADAPTER.dump_python(permissions, mode="json")
    return plain


def from_json(value: object) -> Permissions:
    """The permissions that `as_json` wrote; `ValueError` for anything else."""
    return _ADAPTER.validate_python(value)


def grant_of(permissions: Permissions) -> Grant:
    """The manifest as a layer of policy, clipped by its tier."""
    tier = permissions.tier
    may_change = tier != "L1"
    verbs = (
        VerbRule(integration=i.name, verbs=i.verbs, tier=_VERB_TIER[tier])
        for i in permissions.integrations
    )
    return Grant(
        hosts=permissions.hosts if may_change else (),
        verbs=tuple(verbs),
        reads=permissions.reads,
        writes=permissions.writes if may_change else (),
        secrets=permissions.secrets if tier == "L3" else (),
        budget=permissions.budget,
    )


def is_reading_only(permissions: Permissions) -> bool:
    """Whether it asks for nothing but the reading of files: what no owner is asked about."""
    return not grown(replace(NOTHING, reads=(ANY,), tools=permissions.tools), permissions)


def reading_part(permissions: Permissions) -> Permissions:
    """What of it only reads: files, and pages of the listed hosts."""
    hosts = (_read_rule(rule) for rule in permissions.hosts)
    return replace(
        permissions, writes=(), secrets=(), integrations=(), packages=(), triggers=(),
        tier="L1" if permissions.tier == "L1" else "L2",
        hosts=tuple(rule for rule in hosts if rule.methods),
    )  # fmt: skip


def _read_rule(rule: HostRule) -> HostRule:
    return replace(rule, methods=tuple(sorted(set(rule.methods or READS) & READS)))


def grown(old: Permissions, new: Permissions) -> tuple[str, ...]:
    """What the new one may do beyond the old one, a line each; empty if nothing."""
    before, after = grant_of(old), grant_of(new)
    return (
        *_files("read", before.reads, after.reads),
        *_files("write", before.writes, after.writes),
        *_hosts(before.hosts, after.hosts),
        *(
            f"may send the secret {rule.name} to {rule.host}"
            for rule in after.secrets
            if rule not in before.secrets
        ),
        *_verbs(before.verbs, after.verbs),
        *_names(old, new),
        *_figures(old.budget, new.budget),
    )


def _files(verb: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    for glob in new:
        if not any(_glob_covers(known, glob) for known in old):
            yield f"may {verb} files: {'all' if glob == ANY else glob}"


def _glob_covers(old: str, new: str) -> bool:
    """Whether all that `new` matches is matched by `old`; False where that is hard to say."""
    if old == new:
        return True
    start = old[:-1]
    return old.endswith(ANY) and not _WILD & set(start) and new.startswith(start)


def _hosts(old: tuple[HostRule, ...], new: tuple[HostRule, ...]) -> Iterator[str]:
    for rule in new:
        if not all(any(_rule_covers(known, atom) for known in old) for atom in _atoms(rule)):
            yield f"may reach {_told(rule)}"


def _atoms(rule: HostRule) -> Iterator[HostRule]:
    """The rule as rules of one port, method and path each."""
    parts = product(rule.ports, rule.methods or (None,), rule.paths or (None,))
    for port, method, path in parts:
        yield replace(
            rule, ports=(port,), methods=(method,) if method else (), paths=(path,) if path else ()
        )


def _rule_covers(old: HostRule, atom: HostRule) -> bool:
    """Whether one known rule grants all that the atom does."""
    if atom.ports[0] not in old.ports:
        return False
    has_host = old.host in {atom.host, ANY} or old.matches_host(atom.host, old.ports[0])
    has_method = not old.methods or (bool(atom.methods) and set(atom.methods) <= set(old.methods))
    has_path = not old.paths or (
        bool(atom.paths) and any(_path_covers(known, atom.paths[0]) for known in old.paths)
    )
    return has_host and has_method and has_path


def _path_covers(old: str, new: str) -> bool:
    return old == new or (old.endswith("/") and new.startswith(old))


def _told(rule: HostRule) -> str:
    host = "every host" if rule.host == ANY else rule.host
    ports = "" if rule.ports == (443,) else f":{','.join(map(str, rule.ports))}"
    methods = f", only {', '.join(rule.methods)}" if rule.methods else ", with every method"
    paths = f", only {', '.join(rule.paths)}" if rule.paths else ""
    return f"{host}{ports}{methods}{paths}"


def _verbs(old: tuple[VerbRule, ...], new: tuple[VerbRule, ...]) -> Iterator[str]:
    rank = list(_VERB_TIER.values())
    for rule in new:
        known = [
            o
            for o in old
            if o.integration == rule.integration and rank.index(o.tier) >= rank.index(rule.tier)
        ]
        for verb in rule.verbs:
            if not any({verb, ANY} & set(o.verbs) for o in known):
                what = "everything" if verb == ANY else verb
                yield f"may use {rule.integration}: {what} ({_TIER_WORDS[rule.tier]})"


_TIER_WORDS = {
    Tier.READ: "reading only",
    Tier.CHANGE: "changes",
    Tier.DESTRUCTIVE: "also deleting, sending, spending",
}


def _names(old: Permissions, new: Permissions) -> Iterator[str]:
    if old.tools and not (new.tools and set(new.tools) <= set(old.tools)):
        extra = ", ".join(_extra(old.tools, new.tools)) or "all"
        yield f"may use more tools: {extra}"
    yield from (f"installs: {p}" for p in _extra(old.packages, new.packages))
    yield from (f"may be started by: {t}" for t in _extra(old.triggers, new.triggers))


def _extra(old: Iterable[str], new: Iterable[str]) -> list[str]:
    known = set(old)
    return [name for name in new if name not in known]


def _figures(old: Budget, new: Budget) -> Iterator[str]:
    figures: tuple[tuple[str, float | Decimal, float | Decimal], ...] = (
        ("{} calls", old.calls, new.calls),
        ("{} bytes sent", old.bytes_out, new.bytes_out),
        ("{} hosts", old.fan_out, new.fan_out),
        ("{} US dollars", old.cost, new.cost),
        ("{} seconds", old.seconds, new.seconds),
        ("{} questions to the owner", old.cards, new.cards),
    )
    for text, before, after in figures:
        if after > before:
            yield f"may use up to {text.format(f'{after:,}')} (was {before:,})"
