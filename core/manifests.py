"""A grant as JSON and back: how a task carries what it may do. Pure.

Threat: a manifest that is read back as more than it was. So every rule is written whole, and
reading knows no defaults: what is missing is an error, never a permission.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.errors import Bug
from core.policy import Budget, Grant, HostRule, SecretRule, Tier, VerbRule

if TYPE_CHECKING:
    from collections.abc import Mapping

OWNERS_OWN = "owners_own"


def as_owners_own(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest, marked: the owner wrote these permissions themselves, so they allowed them.

    Only for what a person wrote into a file of the instance, never for what a model proposed.
    """
    return {**manifest, OWNERS_OWN: True}


def is_owners_own(manifest: Mapping[str, Any] | None) -> bool:
    """Whether the owner wrote them."""
    return manifest is not None and manifest.get(OWNERS_OWN) is True


def grant_to_json(grant: Grant) -> dict[str, Any]:
    """The grant as plain values."""
    budget = grant.budget
    return {
        "hosts": [
            {"host": r.host, "ports": list(r.ports), "methods": list(r.methods),
             "paths": list(r.paths)}
            for r in grant.hosts
        ],
        "verbs": [
            {"integration": r.integration, "verbs": list(r.verbs), "tier": str(r.tier)}
            for r in grant.verbs
        ],
        "reads": list(grant.reads), "writes": list(grant.writes),
        "secrets": [{"name": r.name, "host": r.host} for r in grant.secrets],
        "denies": list(grant.denies), "destinations": sorted(grant.destinations),
        "budget": {
            "calls": budget.calls, "bytes_out": budget.bytes_out, "fan_out": budget.fan_out,
            "cost": str(budget.cost), "seconds": budget.seconds, "cards": budget.cards,
        },
    }  # fmt: skip


def grant_from_json(found: Mapping[str, Any]) -> Grant:
    """What `grant_to_json` made, read again; `Bug` for anything else."""
    try:
        return Grant(
            hosts=tuple(_host(rule) for rule in found["hosts"]),
            verbs=tuple(_verb(rule) for rule in found["verbs"]),
            reads=tuple(found["reads"]), writes=tuple(found["writes"]),
            secrets=tuple(SecretRule(name=r["name"], host=r["host"]) for r in found["secrets"]),
            denies=tuple(found["denies"]), destinations=frozenset(found["destinations"]),
            budget=_budget(found["budget"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise Bug("the manifest of a task cannot be read") from error


def _host(rule: Mapping[str, Any]) -> HostRule:
    return HostRule(
        host=rule["host"], ports=tuple(rule["ports"]), methods=tuple(rule["methods"]),
        paths=tuple(rule["paths"]),
    )  # fmt: skip


def _verb(rule: Mapping[str, Any]) -> VerbRule:
    return VerbRule(
        integration=rule["integration"], verbs=tuple(rule["verbs"]), tier=Tier(rule["tier"])
    )


def _budget(found: Mapping[str, Any]) -> Budget:
    return Budget(
        calls=int(found["calls"]), bytes_out=int(found["bytes_out"]),
        fan_out=int(found["fan_out"]), cost=Decimal(found["cost"]),
        seconds=float(found["seconds"]), cards=int(found["cards"]),
    )  # fmt: skip
