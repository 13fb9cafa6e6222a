"""What a task may reach: three layers of rules that must all agree. Pure.

A layer is a skill's manifest, the owner's permissions, or the instance's ceiling. No intersection
is ever computed: an effect is granted when each layer grants it, so removing a rule anywhere can
only narrow. Layers are pinned by the digest of their canonical form.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from core.policy.action import Json, digest_of
from core.policy.budget import Budget
from core.policy.types import Effect, EffectKind, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

ANY = "*"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
_RANK = {Tier.READ: 0, Tier.CHANGE: 1, Tier.DESTRUCTIVE: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRule:
    """Requests to a host. `host` is a name, or `*.` and a name for one more label on the left.

    `paths` are prefixes that end at a slash or are whole paths; empty `methods` and `paths` mean
    all. A rule without either needs no look inside the connection.
    """

    host: str
    ports: tuple[int, ...] = (443,)
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def looks_inside(self) -> bool:
        """Whether only an inspected connection can hold to it."""
        return bool(self.methods or self.paths)

    def matches_host(self, host: str, port: int) -> bool:
        """Whether it speaks about this host and port."""
        return port in self.ports and _covers(self.host, host)

    def matches(self, host: str, port: int, method: str, path: str) -> bool:
        """Whether it grants this request."""
        if not self.matches_host(host, port):
            return False
        if self.methods and method not in self.methods:
            return False
        return not self.paths or any(_below(path, prefix) for prefix in self.paths)


def _covers(pattern: str, host: str) -> bool:
    """A name covers itself, `*.` and a name one label more on the left, `*` everything."""
    if pattern.startswith("*."):
        label, _, rest = host.partition(".")
        return bool(label) and rest == pattern[2:]
    return pattern in {host, ANY}


def _below(path: str, prefix: str) -> bool:
    """`/repos/me/` covers what is below it, `/repos/me` only itself and its query."""
    bare = path.partition("?")[0]
    return bare.startswith(prefix) if prefix.endswith("/") else bare == prefix


@dataclass(frozen=True, kw_only=True, slots=True)
class VerbRule:
    """Verbs of an integration, up to a tier; `*` stands for all of them."""

    integration: str
    verbs: tuple[str, ...]
    tier: Tier = Tier.DESTRUCTIVE

    def matches(self, effect: Effect) -> bool:
        """Whether it grants this verb."""
        return (
            self.integration in {effect.resource, ANY}
            and (effect.verb in self.verbs or ANY in self.verbs)
            and _RANK[effect.tier] <= _RANK[self.tier]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretRule:
    """A secret may be sent to this host and nowhere else; `host` is as in a `HostRule`."""

    name: str
    host: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """One layer. Empty means nothing; `everything()` is the layer that adds no limit.

    `denies` are verbs on resources (`use:mail:*`, `egress:evil.example:*`) that win over all.
    `destinations` are those whom the owner has cleared for good.
    """

    hosts: tuple[HostRule, ...] = ()
    verbs: tuple[VerbRule, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    secrets: tuple[SecretRule, ...] = ()
    denies: tuple[str, ...] = ()
    destinations: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget)

    @classmethod
    def everything(cls, budget: Budget | None = None) -> Grant:
        """Sets no limit of its own: a task without a skill, an instance without a ceiling."""
        return cls(
            hosts=(HostRule(host=ANY, ports=tuple(range(1, 65536))),),
            verbs=(VerbRule(integration=ANY, verbs=(ANY,)),),
            reads=(ANY,), writes=(ANY,), secrets=(SecretRule(name=ANY, host=ANY),),
            budget=budget or Budget(),
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """Pins the layer: any change of a rule changes it."""
        plain: Json = _plain(asdict(self))
        return digest_of(plain)

    def denies_effect(self, effect: Effect) -> bool:
        """Whether a rule forbids it, whatever else grants it."""
        return any(fnmatchcase(effect.scope, rule) for rule in self.denies)

    def grants(self, effect: Effect) -> bool:
        """Whether this layer lets the effect happen at all; tiers and approvals come after."""
        by_kind: dict[EffectKind, Callable[[Effect], bool]] = {
            EffectKind.EGRESS: self._grants_request,
            EffectKind.USE: lambda e: any(rule.matches(e) for rule in self.verbs),
            EffectKind.FILES: self._grants_files,
        }
        return by_kind[effect.kind](effect)

    def _grants_request(self, effect: Effect) -> bool:
        host, port = split_host(effect.resource)
        return any(rule.matches(host, port, effect.verb, effect.path) for rule in self.hosts)

    def _grants_files(self, effect: Effect) -> bool:
        globs = self.reads if effect.tier is Tier.READ else self.writes
        return bool(effect.targets) and all(
            any(fnmatchcase(target, glob) for glob in globs) for target in effect.targets
        )

    def grants_secret(self, name: str, host: str) -> bool:
        """Whether the secret may go to the host."""
        return any(rule.name in {name, ANY} and _covers(rule.host, host) for rule in self.secrets)


def split_host(resource: str) -> tuple[str, int]:
    """`example.com:443` as its parts."""
    host, _, port = resource.rpartition(":")
    return host, int(port)


def _plain(value: object) -> Json:
    """Sets in order and the rest as JSON."""
    if isinstance(value, frozenset):
        return [str(item) for item in sorted(value)]
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else str(value)
