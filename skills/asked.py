"""From the `permissions:` block to `Permissions`: the tier must hold what is asked for. Pure.

Threat: a skill that says L1 and lists secrets. It is refused when read, and clipped when granted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.policy import Budget, HostRule, SecretRule
from skills.permissions import NOTHING, Integration, Permissions, SkillTier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skills.frontmatter import Key
    from skills.schema import Host, Limits, PermissionsBlock

MB = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a manifest asks for, and what in it contradicts itself: key, what is wrong, mending."""

    permissions: Permissions
    faults: tuple[tuple[tuple[Key, ...], str, str], ...] = ()


def asked_for(block: PermissionsBlock | None) -> Asked:
    """The permissions of a block that has the right shape."""
    if block is None:
        return Asked(permissions=NOTHING)
    needed = needed_tier(block)
    permissions = Permissions(
        tier=block.tier or needed,
        reads=tuple(block.filesystem.read),
        writes=tuple(block.filesystem.write),
        hosts=tuple(_host_rule(host) for host in block.network),
        secrets=tuple(SecretRule(name=s.name, host=s.host) for s in block.secrets),
        integrations=tuple(
            Integration(name=name, verbs=tuple(verbs)) for name, verbs in block.integrations.items()
        ),
        tools=tuple(block.tools), packages=tuple(block.packages), triggers=tuple(block.triggers),
        budget=_budget(block.budget),
    )  # fmt: skip
    return Asked(permissions=permissions, faults=tuple(_faults(block, needed)))


def needed_tier(block: PermissionsBlock) -> SkillTier:
    """The lowest tier that holds what the block lists."""
    if block.secrets:
        return "L3"
    if block.network or block.filesystem.write or block.packages:
        return "L2"
    return "L2" if block.integrations and block.tier != "L1" else "L1"


def _host_rule(host: Host) -> HostRule:
    name, _, port = host.host.partition(":")
    return HostRule(
        host=name,
        ports=(int(port or 443),),
        methods=tuple(dict.fromkeys(host.methods)),
        paths=tuple(dict.fromkeys(host.paths)),
    )


def _budget(limits: Limits) -> Budget:
    """Figures that are left out stay at the default of any task."""
    plain = Budget()
    return replace(
        plain,
        calls=plain.calls if limits.calls is None else limits.calls,
        bytes_out=plain.bytes_out if limits.sent_mb is None else int(limits.sent_mb * MB),
        fan_out=plain.fan_out if limits.hosts is None else limits.hosts,
        cost=plain.cost if limits.usd is None else limits.usd,
        seconds=plain.seconds if limits.minutes is None else limits.minutes * 60,
    )


def _faults(
    block: PermissionsBlock, needed: SkillTier
) -> Iterator[tuple[tuple[Key, ...], str, str]]:
    if block.tier is not None and block.tier < needed:
        wrong = f"the tier {block.tier} does not hold what is listed"
        mend = f"Write tier: {needed}, or take out what needs it."
        yield ("permissions", "tier"), wrong, mend
    reached = {host.host.partition(":")[0] for host in block.network} | {*block.integrations}
    for at, secret in enumerate(block.secrets):
        if secret.host not in reached:
            wrong = f"the secret may go to {secret.host}, which the skill may not reach"
            mend = "List that host under network, or the integration under integrations."
            yield ("permissions", "secrets", at, "host"), wrong, mend
