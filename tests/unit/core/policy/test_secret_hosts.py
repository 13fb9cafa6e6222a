"""Which hosts a rule of a secret covers: the same as a rule of a host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.policy import (
    Context,
    Decision,
    Effect,
    EffectKind,
    Grant,
    HostRule,
    Reason,
    SecretRule,
    Tier,
    decide,
    secret_scope,
)

WILD = "*.example.com"
COVERS = [
    (WILD, "api.example.com", True),
    (WILD, "a-1.example.com", True),
    (WILD, "example.com", False),
    (WILD, ".example.com", False),
    (WILD, "a.b.example.com", False),
    (WILD, "apiexample.com", False),
    (WILD, "api.example.com.evil.example", False),
    (WILD, "api.evil.com", False),
    ("example.com", "example.com", True),
    ("example.com", "api.example.com", False),
    ("*", "api.example.com", True),
]


@pytest.mark.parametrize(("pattern", "host", "expected"), COVERS)
def test_a_wildcard_of_a_secret_covers_exactly_one_label_more(
    pattern: str, host: str, *, expected: bool
) -> None:
    assert Grant(secrets=(SecretRule(name="T", host=pattern),)).grants_secret("T", host) is expected
    assert HostRule(host=pattern).matches_host(host, 443) is expected


@pytest.mark.parametrize(("pattern", "host", "expected"), COVERS)
def test_the_kernel_lets_a_secret_go_where_its_rule_says(
    pattern: str, host: str, *, expected: bool
) -> None:
    everything = Grant.everything()
    owner = replace(everything, secrets=(SecretRule(name="T", host=pattern),))
    effect = Effect(
        kind=EffectKind.EGRESS, resource=f"{host}:443", verb="GET", tier=Tier.READ, digest="d",
        secrets=("T",),
    )  # fmt: skip
    context = Context(
        manifest=everything, owner=owner, ceiling=everything,
        scopes=frozenset({secret_scope("T", effect.resource)}),
    )  # fmt: skip
    verdict = decide(effect, context)
    assert (verdict.decision is Decision.ALLOW) is expected
    assert expected or verdict.code is Reason.FOREIGN_SECRET
